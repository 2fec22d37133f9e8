"""Rules on weights storage in the synthesized Terraform: buckets and FSx for Lustre."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from llminfra.diagnostics import Severity
from llminfra.planning.start.compile_cache import CACHE_PREFIX
from llminfra.planning.storage.lustre_ports import LUSTRE_PORTS
from llminfra.rules.rule import Hit, rule
from llminfra.rules.views.terraform_view import Block, Stacks, references

_STORAGE = "aws/aws-eks-best-practices latest/bpg/aiml/aiml_storage.adoc"
_BUCKET_ARN = re.compile(r"^arn:[a-z-]+:s3:::(?P<bucket>[a-z0-9.-]+)/")
_WRITES = ("s3:put", "s3:delete", "s3:*", "s3:abort", "s3:restore", "s3:replicate")


@rule(
    code="LLM_STO_1",
    title="FSx for Lustre is persistent and keeps its data on SSD",
    severity=Severity.ERROR,
    looks_at="terraform",
    why="A scratch file system has no replication: one failed disk loses the weights, and with them every cold start.",
    fix='keep deployment_type = "PERSISTENT_2"',
    source=(_STORAGE, "aws_fsx_lustre_file_system provider documentation: deployment_type"),
)
def lustre_persistent(stacks: Stacks) -> Iterator[Hit]:
    """``deployment_type`` of file systems."""
    for system in stacks.resources("aws_fsx_lustre_file_system"):
        if not str(system.get("deployment_type") or "").startswith("PERSISTENT"):
            yield Hit(
                on=system,
                message="the file system is scratch storage",
                found=str(system.get("deployment_type") or "SCRATCH_1 by default"),
                expected="PERSISTENT_2",
            )


@rule(
    code="LLM_STO_2",
    title="An EFA-enabled file system has what EFA needs",
    severity=Severity.ERROR,
    looks_at="terraform",
    why="FSx accepts efa_enabled only on PERSISTENT_2 with a metadata configuration, and only at creation: a mistake "
    "costs a new file system.",
    fix="keep PERSISTENT_2 and metadata_configuration on EFA file systems",
    source=(_STORAGE, "aws_fsx_lustre_file_system provider documentation: efa_enabled"),
)
def lustre_efa(stacks: Stacks) -> Iterator[Hit]:
    """``efa_enabled`` with its conditions."""
    for system in stacks.resources("aws_fsx_lustre_file_system"):
        if system.get("efa_enabled") is not True:
            continue
        missing = [] if system.get("deployment_type") == "PERSISTENT_2" else ["deployment_type PERSISTENT_2"]
        missing += [] if system.blocks("metadata_configuration") else ["metadata_configuration"]
        missing += [] if system.get("storage_type") in (None, "SSD", "INTELLIGENT_TIERING") else ["SSD storage"]
        if missing:
            yield Hit(
                on=system,
                message=f"EFA is enabled without {' and '.join(missing)}",
                found=f"{system.get('deployment_type')}, {system.get('storage_type') or 'SSD'}",
                expected="PERSISTENT_2 with metadata_configuration",
            )


@rule(
    code="LLM_STO_3",
    title="Buckets are encrypted with KMS through a bucket key, versioned, and closed to the public",
    severity=Severity.ERROR,
    looks_at="terraform",
    why="Weights are the model: overwritten ones answer differently and nobody notices. Versions undo tampering, KMS "
    "shows who read, and the bucket key saves 99 % of the KMS calls that sharded weights make.",
    fix="keep the encryption, versioning and public access block that llminfra writes for the bucket",
    source=("aws/aws-eks-best-practices latest/bpg/aiml/aiml_security.adoc", "OWASP LLM04:2025, prevention 6"),
)
def buckets_guarded(stacks: Stacks) -> Iterator[Hit]:
    """Encryption, bucket key, versioning and the public access block of every bucket."""
    for bucket in stacks.resources("aws_s3_bucket"):
        missing = []
        rules = [
            entry
            for item in _of(stacks, bucket, "aws_s3_bucket_server_side_encryption_configuration")
            for entry in item.blocks("rule")
        ]
        kms = [
            entry
            for entry in rules
            for default in entry.blocks("apply_server_side_encryption_by_default")
            if str(default.get("sse_algorithm")).startswith("aws:kms")
        ]
        if not kms:
            missing.append("encryption with KMS")
        elif not any(entry.get("bucket_key_enabled") is True for entry in kms):
            missing.append("the bucket key")
        states = [
            config.get("status")
            for item in _of(stacks, bucket, "aws_s3_bucket_versioning")
            for config in item.blocks("versioning_configuration")
        ]
        if "Enabled" not in states:
            missing.append("versioning")
        blocks = _of(stacks, bucket, "aws_s3_bucket_public_access_block")
        flags = ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")
        if not any(all(item.get(flag) is True for flag in flags) for item in blocks):
            missing.append("the public access block")
        if missing:
            yield Hit(
                on=bucket,
                message=f"the bucket lacks {', '.join(missing)}",
                found=f"{len(kms)} KMS rules, versioning {', '.join(map(str, states)) or 'off'}, "
                f"{len(blocks)} public access blocks",
                expected="KMS with bucket key, versioning, all four public access blocks",
            )


def _of(stacks: Stacks, bucket: Block, kind: str) -> list[Block]:
    return [
        item
        for item in stacks.resources(kind)
        if item.stack == bucket.stack
        and (bucket.address in references(item.get("bucket")) or item.get("bucket") == bucket.get("bucket"))
    ]


@rule(
    code="LLM_STO_4",
    title="Roles of model servers read weights and never write them",
    severity=Severity.ERROR,
    looks_at="terraform",
    why="A model server that is broken into must not be able to replace the weights that every replica loads next.",
    fix="grant s3:GetObject and s3:ListBucket to endpoints; let a separate role upload",
    source=("OWASP LLM03:2025 and LLM10:2025, prevention 13",),
)
def serving_reads_only(stacks: Stacks) -> Iterator[Hit]:
    """S3 writes in policy documents made for endpoints."""
    for document in stacks.data("aws_iam_policy_document"):
        section, _, rest = document.spec_path.partition(".")
        # Below an endpoint (`endpoints.chat.model`) is the job that copies weights, with a role of its own.
        if section != "endpoints" or not rest or "." in rest:
            continue
        for statement in document.blocks("statement"):
            if str(statement.get("effect") or "Allow") != "Allow":
                continue
            writes = [item for item in statement.strings("actions") if item == "*" or item.lower().startswith(_WRITES)]
            resources = statement.strings("resources")
            if writes and not _kernels_only(resources) and not _elsewhere(resources, stacks):
                yield Hit(
                    on=document,
                    message="the role of the endpoint may change objects in S3",
                    found=", ".join(writes),
                    expected="s3:GetObject, s3:ListBucket",
                )


def _kernels_only(resources: Sequence[str]) -> bool:
    """Whether every resource is compiled kernels, which lie under a prefix that no model has."""
    return bool(resources) and all(f"/{CACHE_PREFIX}/" in item for item in resources)


def _elsewhere(resources: Sequence[str], stacks: Stacks) -> bool:
    """Whether every resource is in a bucket by name that holds no weights: answers of an asynchronous endpoint."""
    ours = {str(bucket.get("bucket")) for bucket in stacks.resources("aws_s3_bucket")}
    ours |= {str(bucket.get("bucket")) for bucket in stacks.data("aws_s3_bucket")}
    named = [_BUCKET_ARN.match(item) for item in resources]
    return bool(named) and all(match is not None and match["bucket"] not in ours for match in named)


@rule(
    code="LLM_STO_7",
    title="The security group of FSx for Lustre opens all of Lustre's ports",
    severity=Severity.ERROR,
    looks_at="terraform",
    why="Lustre talks on 988 and 1018 to 1023; with one of them closed, creation fails or mounts hang.",
    fix="allow TCP 988 and 1018-1023 from the nodes and from the group itself",
    source=("Amazon FSx for Lustre User Guide, limit-access-security-groups.html", "aws/aws-fsx-csi-driver#244"),
)
def lustre_ports_open(stacks: Stacks) -> Iterator[Hit]:
    """Ingress of the file system's groups."""
    for system in stacks.resources("aws_fsx_lustre_file_system"):
        stack = stacks.stack_of(system)
        groups = [
            stack.by_address[item] for item in references(system.get("security_group_ids")) if item in stack.by_address
        ]
        if not groups:
            continue
        opened = [span for group in groups for span in _ingress_ports(stacks, group)]
        closed = [
            f"{a}-{b}" if a != b else str(a) for a, b in LUSTRE_PORTS if not any(x <= a and b <= y for x, y in opened)
        ]
        if closed:
            yield Hit(
                on=system,
                message=f"Lustre's ports {', '.join(closed)} are closed",
                found=", ".join(f"{a}-{b}" for a, b in opened) or "no ingress rule",
                expected="988 and 1018-1023",
                runtime_message="mount.lustre: ... Connection timed out, or the file system goes to FAILED",
            )


def _ingress_ports(stacks: Stacks, group: Block) -> Iterator[tuple[int, int]]:
    bodies = [*group.blocks("ingress")]
    for item in stacks.resources("aws_vpc_security_group_ingress_rule", "aws_security_group_rule"):
        if item.stack == group.stack and group.address in references(item.get("security_group_id")):
            if item.type == "aws_security_group_rule" and item.get("type") != "ingress":
                continue
            protocol = str(item.get("ip_protocol") or item.get("protocol"))
            yield (0, 65535) if protocol == "-1" else (int(item.get("from_port") or 0), int(item.get("to_port") or 0))
    for body in bodies:
        whole = str(body.get("protocol")) == "-1"
        yield (0, 65535) if whole else (int(body.get("from_port") or 0), int(body.get("to_port") or 0))


@rule(
    code="LLM_STO_9",
    title="Buckets refuse requests without TLS",
    severity=Severity.ERROR,
    looks_at="terraform",
    why="S3 answers plain HTTP unless the bucket policy denies it; weights and tokens in headers would then be "
    "readable "
    "on the way.",
    fix="deny s3:* where aws:SecureTransport is false in the bucket policy",
    source=("Amazon S3 User Guide, security-best-practices.html: enforce encryption of data in transit",),
)
def buckets_tls_only(stacks: Stacks) -> Iterator[Hit]:
    """A Deny on ``aws:SecureTransport`` in the policy document of the bucket policy."""
    for bucket in stacks.resources("aws_s3_bucket"):
        documents = [
            stacks.resolve(policy, policy.get("policy")) for policy in _of(stacks, bucket, "aws_s3_bucket_policy")
        ]
        denied = any(
            str(statement.get("effect")) == "Deny" and str(condition.get("variable")) == "aws:SecureTransport"
            for document in documents
            if document is not None
            for statement in document.blocks("statement")
            for condition in statement.blocks("condition")
        )
        if not denied:
            yield Hit(
                on=bucket,
                message="the bucket answers requests without TLS",
                found="no Deny on aws:SecureTransport",
                expected="a bucket policy that denies them",
            )


@rule(
    code="LLM_STO_11",
    title="Terraform never empties a bucket to delete it",
    severity=Severity.ERROR,
    looks_at="terraform",
    why="With force_destroy, one wrong destroy deletes every version of the weights; re-uploading hundreds of GB is "
    "the "
    "better case.",
    fix="drop force_destroy",
    source=("aws_s3_bucket provider documentation: force_destroy",),
)
def no_force_destroy(stacks: Stacks) -> Iterator[Hit]:
    """``force_destroy`` of buckets."""
    for bucket in stacks.resources("aws_s3_bucket"):
        if bucket.get("force_destroy") is True:
            yield Hit(
                on=bucket,
                message="destroying the stack deletes all objects of the bucket",
                found="force_destroy = true",
                expected="false",
            )


RULES = (
    lustre_persistent,
    lustre_efa,
    buckets_guarded,
    serving_reads_only,
    lustre_ports_open,
    buckets_tls_only,
    no_force_destroy,
)
