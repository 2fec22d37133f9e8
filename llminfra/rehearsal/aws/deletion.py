"""What AWS refuses to delete because something still needs it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from llminfra.rehearsal.aws.references import leaves, reference_of
from llminfra.rehearsal.aws.scene import Scene, Subject
from llminfra.rehearsal.provider.contract import Problem

# What AWS answers where it refuses a deletion: words of moto 5.2.5 (ec2, iam, eks, elbv2) and of logs in public
# repositories (security groups, placement groups). Those of addresses and file systems are llminfra's own words.
_REFUSALS: Mapping[str, str] = {
    "aws_vpc": "DependencyViolation: The vpc '{key}' has dependencies and cannot be deleted.",
    "aws_subnet": "DependencyViolation: The subnet '{key}' has dependencies and cannot be deleted.",
    "aws_security_group": "DependencyViolation: resource {key} has a dependent object",
    "aws_eip": "AuthFailure: You do not have permission to access the specified resource: {key} is in use",
    "aws_iam_role": "DeleteConflict: Cannot delete entity, must detach all policies first.",
    "aws_iam_policy": "DeleteConflict: Cannot delete a policy attached to entities.",
    "aws_eks_cluster": "ResourceInUseException: Cluster has nodegroups attached",
    "aws_lb": "ResourceInUse: {key} is in use",
    "aws_lb_target_group": "ResourceInUse: Target group '{key}' is currently in use by a listener or a rule",
    "aws_fsx_lustre_file_system": "BadRequest: {key} has data repository associations",
    "aws_placement_group": "InvalidPlacementGroup.InUse: The placement group '{key}' is in use and may not be deleted.",
}
# What counts as a dependent; anything else may point to the object without holding it.
_HOLDERS: Mapping[str, frozenset[str]] = {
    "aws_iam_role": frozenset({"aws_iam_role_policy_attachment", "aws_iam_role_policy", "aws_iam_instance_profile"}),
    "aws_eks_cluster": frozenset({"aws_eks_node_group", "aws_eks_fargate_profile"}),
    "aws_security_group": frozenset(
        {
            "aws_security_group",
            "aws_vpc_endpoint",
            "aws_lb",
            "aws_instance",
            "aws_network_interface",
            "aws_efs_mount_target",
            "aws_fsx_lustre_file_system",
            "aws_eks_cluster",
            "aws_vpc_security_group_ingress_rule",
            "aws_vpc_security_group_egress_rule",
        }
    ),
    "aws_fsx_lustre_file_system": frozenset({"aws_fsx_data_repository_association"}),
}
_NOT_HOLDING = frozenset({"aws_launch_template", "aws_autoscaling_group", "aws_batch_compute_environment"})


def problems(scene: Scene, subject: Subject, key: str) -> Iterator[Problem]:
    """The refusal, where something still depends on the object."""
    refusal = _REFUSALS.get(subject.type_name)
    if refusal is None:
        return
    identifiers = {key} | {
        value for name in ("id", "arn", "name") if isinstance(value := subject.state.get(name), str) and value
    }
    holders = _HOLDERS.get(subject.type_name)
    for other in scene.world.all():
        if other.key == key and other.type_name == subject.type_name:
            continue
        if other.type_name in _NOT_HOLDING or (holders is not None and other.type_name not in holders):
            continue
        if not other.managed:
            continue
        for path, value in leaves(other.attributes):
            found = reference_of(other.type_name, path) if value in identifiers else None
            own_rule = path[0] == "referenced_security_group_id" and other.attributes.get("security_group_id") == value
            if found is not None and subject.type_name in found.types and not own_rule:
                detail = f"{other.type_name} {other.key} still refers to it"
                yield Problem(refusal.replace("{key}", subject.text("id") or key), detail)
                return
