"""What becomes of things that are there when a platform's keys change.

Sources: eksctl ("changing the key is not supported", of the key of secrets); Amazon ECR User Guide, "Encryption at
rest" (set when a repository is made); Amazon Managed Service for Prometheus User Guide, "Encryption at rest"; Terraform
AWS provider 6.25, ``aws_fsx_lustre_file_system.kms_key_id`` (forces a new one); AWS KMS Developer Guide, "Delete an AWS
KMS key"; Amazon S3 User Guide, "Using server-side encryption with AWS KMS keys" (objects keep theirs).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.planning.endpoints.contract import sagemaker_log_group

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llminfra.planning.plan import Plan


def key_words(plan: Plan) -> str:
    """Whose keys encrypt, in words."""
    encryption = plan.platform.encryption
    if plan.platform.customer_key is not None:
        return plan.platform.customer_key.arn
    return "keys of the stacks and of AWS" if encryption is None else "keys of the stacks"


def key_effects(old: Plan, new: Plan) -> tuple[str, ...]:
    """What a change of keys does, the worst first; empty: the keys are the same."""
    if key_words(old) == key_words(new):
        return ()
    return tuple(_effects(old, new))


def _effects(old: Plan, new: Plan) -> Iterator[str]:
    was, will = old.platform.customer_key, new.platform.customer_key
    another = (was.arn if was else None) != (will.arn if will else None)
    if another and was is None:
        yield (
            "the stacks' keys are deleted, 30 days after the apply: what was written under them, such as models in S3 "
            "and logs, cannot be read from then on; keep them, or copy it first"
        )
    elif another:
        yield "what was written stays under the old key: its owner must keep it enabled"
    if another and old.cluster is not None and not old.cluster.existing:
        yield (
            "EKS keeps the key that the cluster was made with: Kubernetes secrets stay under the old one, the cluster "
            "is lost with it, and each plan shows the change again; another key takes another cluster"
        )
    if another and (kept := [item.name for item in new.lustre if any(item.name == one.name for one in old.lustre)]):
        yield f"file systems are made anew, empty but for what S3 has: {', '.join(kept)}"
    observability = old.platform.own_observability
    if another and old.cluster is not None and observability is not None and observability.prometheus == "managed":
        yield "the workspace of Amazon Managed Service for Prometheus is made anew: its metrics are lost"
    if old.platform.images is not None and old.platform.images.create:
        yield "repositories of the mirror are made anew, empty: push the images again before nodes need them"
    there = {item.name for item in old.sagemaker}
    if old.platform.encryption is None and (hosted := [item for item in new.sagemaker if item.name in there]):
        imports = (
            f"`terraform import aws_cloudwatch_log_group.{item.name} {sagemaker_log_group(new, item)}`"
            for item in hosted
        )
        yield f"log groups that SageMaker made are there already: before the apply, {', '.join(imports)}"
    if old.cluster is not None or old.ec2 or old.batches:
        yield "nodes and instances are replaced, one after the other, for disks under the other key"
    if observability is not None and old.cluster is not None:
        yield "volumes of pods that are there keep their key; new ones come from another storage class"
    if another and new.platform.state.kind == "s3":
        yield "the key of the state changes: run `terraform init -reconfigure` in each stack"
