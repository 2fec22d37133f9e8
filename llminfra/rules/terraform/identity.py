"""Rules on IAM, KMS and cluster access in the synthesized Terraform."""

from __future__ import annotations

from collections.abc import Iterator

from llminfra.catalog import instances
from llminfra.diagnostics import Severity
from llminfra.rules.rule import Hit, rule
from llminfra.rules.views.terraform_view import Block, Nested, Stacks, references

_IAM_TYPES = ("aws_iam_policy", "aws_iam_role_policy", "aws_iam_role", "aws_iam_user_policy", "aws_iam_group_policy")
# Attribute that names a customer-managed key, by resource type; without it AWS uses a key that it shares.
_KMS_ATTRIBUTES = {
    "aws_cloudwatch_log_group": "kms_key_id",
    "aws_fsx_lustre_file_system": "kms_key_id",
    "aws_efs_file_system": "kms_key_id",
    "aws_sns_topic": "kms_master_key_id",
    "aws_sqs_queue": "kms_master_key_id",
    "aws_secretsmanager_secret": "kms_key_id",
    "aws_sagemaker_endpoint_configuration": "kms_key_arn",
}


def _allowed(document: Block) -> Iterator[Nested]:
    for statement in document.blocks("statement"):
        if str(statement.get("effect") or "Allow") == "Allow":
            yield statement


@rule(
    code="LLM_SEC_4",
    title="No policy allows every action of a service, or everything",
    severity=Severity.ERROR,
    looks_at="terraform",
    why="A wildcard action grows with every new AWS feature, and turns one compromised pod into an account.",
    fix="list the actions that the component calls",
    source=("AWS IAM User Guide, best-practices.html: grant least privilege", "CKV_AWS_356 and CKV_AWS_49"),
)
def no_wildcard_actions(stacks: Stacks) -> Iterator[Hit]:
    """``*`` and ``service:*`` in Allow statements of identity policies; key policies name the key by ``*``."""
    for document in stacks.data("aws_iam_policy_document"):
        for statement in _allowed(document):
            wide = [item for item in statement.strings("actions") if item == "*" or item.endswith(":*")]
            named = statement.blocks("principals")
            if wide and not (named and all(item.startswith("kms:") for item in wide)):
                yield Hit(
                    on=document,
                    message="a policy allows every action of a service",
                    found=", ".join(wide),
                    expected="named actions",
                )


@rule(
    code="LLM_SEC_5",
    title="Roles for pods can be taken by one service account of one cluster",
    severity=Severity.ERROR,
    looks_at="terraform",
    why="A trust policy with a wildcard subject lets any pod of the cluster, in any namespace, take the role.",
    fix="condition sub and aud with StringEquals on system:serviceaccount:<namespace>:<name>",
    source=("AWS EKS best practices, security/iam.html: scope the IAM role trust policy for IRSA",),
)
def pod_trust_is_narrow(stacks: Stacks) -> Iterator[Hit]:
    """Trust of federated principals."""
    for document in stacks.data("aws_iam_policy_document"):
        for statement in _allowed(document):
            if "sts:AssumeRoleWithWebIdentity" not in statement.strings("actions"):
                continue
            subjects = [item for item in statement.blocks("condition") if str(item.get("variable")).endswith(":sub")]
            exact = [
                item
                for item in subjects
                if str(item.get("test")) == "StringEquals" and not any("*" in value for value in item.strings("values"))
            ]
            if not exact:
                yield Hit(
                    on=document,
                    message="any service account of the cluster can take the role",
                    found=f"{subjects[0].get('test')} {', '.join(subjects[0].strings('values'))}"
                    if subjects
                    else "no condition on sub",
                    expected="StringEquals system:serviceaccount:<namespace>:<name>",
                )


@rule(
    code="LLM_SEC_6",
    title="Everything that stores data is encrypted with a customer-managed key",
    severity=Severity.ERROR,
    looks_at="terraform",
    why="With AWS's shared key nobody can withdraw access or see in CloudTrail who decrypted; prompts end up in logs "
    "and queues as well as on disks.",
    fix="name the platform's KMS key",
    source=("aws/aws-eks-best-practices latest/bpg/aiml/aiml_security.adoc", "CKV_AWS_158, CKV_AWS_190, CKV_AWS_184"),
)
def kms_everywhere(stacks: Stacks) -> Iterator[Hit]:
    """The key attribute of every type that has one; notices of AWS to a queue are not data of ours."""
    for kind, attribute in _KMS_ATTRIBUTES.items():
        for item in stacks.resources(kind):
            if not item.get(attribute) and not _only_notices(stacks, item) and not local_disks(item):
                yield Hit(
                    on=item,
                    message="data is stored without a customer-managed key",
                    found=f"no {attribute}",
                    expected=f"{attribute} = the platform's key",
                )


def local_disks(configuration: Block) -> bool:
    """Whether all instances have local NVMe, which is encrypted by the machine: SageMaker refuses a key for them.

    SageMaker API Reference, CreateEndpointConfig KmsKeyId.
    """
    if configuration.type != "aws_sagemaker_endpoint_configuration":
        return False
    names = [str(item.get("instance_type")) for item in configuration.blocks("production_variants")]
    found = [instances.get(name.removeprefix("ml.")) for name in names]
    return bool(found) and all(item is not None and item.nvme_gb > 0 for item in found)


def _only_notices(stacks: Stacks, queue: Block) -> bool:
    """Whether the queue is encrypted by SQS itself and only EventBridge may send to it."""
    if queue.type != "aws_sqs_queue" or queue.get("sqs_managed_sse_enabled") is not True:
        return False
    senders = [
        principal
        for policy in stacks.resources("aws_sqs_queue_policy")
        if policy.stack == queue.stack and queue.address in references(policy.get("queue_url"))
        for document in [stacks.resolve(policy, policy.get("policy"))]
        if document is not None
        for statement in _allowed(document)
        for principal in statement.blocks("principals")
    ]
    return bool(senders) and all(
        item.get("type") == "Service" and set(item.strings("identifiers")) == {"events.amazonaws.com"}
        for item in senders
    )


@rule(
    code="LLM_SEC_7",
    title="IAM policies are written as policy documents",
    severity=Severity.WARNING,
    looks_at="terraform",
    why="checkov reads aws_iam_policy_document statement by statement and sees nothing in a JSON string; a dangerous "
    "grant would pass the check.",
    fix="declare data.aws_iam_policy_document and refer to its json",
    source=("checkov 3.3.30 terraform_json: CKV_AWS_286 to 290 and 355 never fire on strings (measured)",),
)
def policies_as_documents(stacks: Stacks) -> Iterator[Hit]:
    """JSON strings and ``jsonencode`` where a document belongs."""
    for item in stacks.resources(*_IAM_TYPES, "aws_s3_bucket_policy", "aws_kms_key", "aws_sqs_queue_policy"):
        for key in ("policy", "assume_role_policy"):
            text = item.get(key)
            if isinstance(text, str) and (text.lstrip().startswith("{") or "jsonencode(" in text):
                yield Hit(
                    on=item,
                    message=f"{key} is a JSON string",
                    found=text[:80],
                    expected="${data.aws_iam_policy_document.….json}",
                )


@rule(
    code="LLM_SEC_8",
    title="Cluster access comes from access entries alone",
    severity=Severity.ERROR,
    looks_at="terraform",
    why="The aws-auth ConfigMap is invisible to IAM and CloudTrail, and whoever created the cluster would stay its "
    "administrator for ever.",
    fix='set authentication_mode = "API" and bootstrap_cluster_creator_admin_permissions = false',
    source=("AWS EKS best practices, security/iam.html: cluster access manager", "terraform-aws-eks v21 main.tf"),
)
def access_entries_only(stacks: Stacks) -> Iterator[Hit]:
    """``access_config`` of clusters."""
    for cluster in stacks.resources("aws_eks_cluster"):
        config = cluster.blocks("access_config")
        mode = config[0].get("authentication_mode") if config else None
        creator = config[0].get("bootstrap_cluster_creator_admin_permissions") if config else None
        if mode != "API" or creator is not False:
            yield Hit(
                on=cluster,
                message="the cluster can be entered otherwise than through access entries",
                found=f"authentication_mode {mode or 'unset'}, creator admin "
                f"{creator if creator is not None else 'unset'}",
                expected="API, false",
            )


@rule(
    code="LLM_SEC_10",
    title="Kubernetes secrets are encrypted with a KMS key",
    severity=Severity.ERROR,
    looks_at="terraform",
    why="Tokens that External Secrets brings into the cluster lie in etcd; the envelope key decides who can read a "
    "snapshot of it.",
    fix="keep encryption_config with the cluster's key",
    source=("AWS EKS best practices, security/data.html: secrets management", "CKV_AWS_58"),
)
def cluster_secrets_encrypted(stacks: Stacks) -> Iterator[Hit]:
    """``encryption_config`` of clusters."""
    for cluster in stacks.resources("aws_eks_cluster"):
        covered = any(
            "secrets" in config.strings("resources") and any(p.get("key_arn") for p in config.blocks("provider"))
            for config in cluster.blocks("encryption_config")
        )
        if not covered:
            yield Hit(
                on=cluster,
                message="Kubernetes secrets are not encrypted with a key of ours",
                found="no encryption_config for secrets",
                expected='encryption_config with resources ["secrets"] and key_arn',
            )


@rule(
    code="LLM_BED_10",
    title="Bedrock models are invoked by name",
    severity=Severity.ERROR,
    looks_at="terraform",
    why="bedrock:InvokeModel on * buys every model of the region, also the ones that cost a hundred times more, and "
    "the "
    "ones that legal has not cleared.",
    fix="list the model and inference-profile ARNs",
    source=("AWS Well-Architected Generative AI Lens, GENSEC01-BP01",),
)
def bedrock_models_named(stacks: Stacks) -> Iterator[Hit]:
    """Resources of statements that invoke Bedrock models."""
    for document in stacks.data("aws_iam_policy_document"):
        for statement in _allowed(document):
            invokes = [item for item in statement.strings("actions") if item.startswith("bedrock:Invoke")]
            wide = [
                item for item in statement.strings("resources") if item == "*" or item.endswith("foundation-model/*")
            ]
            if invokes and wide:
                yield Hit(
                    on=document,
                    message="every Bedrock model may be invoked",
                    found=", ".join(wide),
                    expected="ARNs of models and inference profiles",
                )


@rule(
    code="LLM_OBS_2",
    title="Where Bedrock is used, its invocations are logged",
    severity=Severity.WARNING,
    looks_at="terraform",
    why="Without invocation logging, abuse and runaway cost show up in the bill first.",
    fix="set Bedrock(logging=InvocationLogging()), once in an account and region; waive this where another one is on",
    source=("OWASP LLM10:2025, prevention 7",),
)
def bedrock_logged(stacks: Stacks) -> Iterator[Hit]:
    """A logging configuration beside any use of Bedrock."""
    used = [item for item in stacks.resources() if item.type.startswith(("aws_bedrock_", "aws_bedrockagent_"))]
    logged = stacks.resources("aws_bedrock_model_invocation_logging_configuration")
    others = [item for item in used if item not in logged]
    if others and not logged:
        yield Hit(
            on=others[0],
            message="Bedrock is used without invocation logging",
            found=others[0].type,
            expected="aws_bedrock_model_invocation_logging_configuration",
        )


RULES = (
    no_wildcard_actions,
    pod_trust_is_narrow,
    kms_everywhere,
    policies_as_documents,
    access_entries_only,
    cluster_secrets_encrypted,
    bedrock_models_named,
    bedrock_logged,
)
