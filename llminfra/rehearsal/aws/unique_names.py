"""Names that must be unique although the resource's id is random."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from llminfra.rehearsal.aws.scene import Scene, Subject
from llminfra.rehearsal.provider.contract import Problem

# Type -> attributes that together are unique in a region, beyond the key in data/identities.json.
_UNIQUE: Mapping[str, tuple[str, ...]] = {
    "aws_prometheus_rule_group_namespace": ("workspace_id", "name"),
    "aws_eks_addon": ("cluster_name", "addon_name"),
    "aws_apigatewayv2_route": ("api_id", "route_key"),
    "aws_wafv2_web_acl_association": ("resource_arn",),
}


def check_names(scene: Scene, subject: Subject) -> Iterator[Problem]:
    """A second object with the same name."""
    names = _UNIQUE.get(subject.type_name)
    if names is None or not all(subject.text(name) for name in names):
        return
    wanted = [subject.text(name) for name in names]
    own = subject.text("id")
    for other in scene.world.all(subject.type_name):
        if other.attributes.get("id") != own and [other.attributes.get(name) for name in names] == wanted:
            described = ", ".join(f"{name}={value}" for name, value in zip(names, wanted, strict=True))
            yield Problem(f"ResourceInUseException: {subject.type_name} with {described} already exists")
            return
