"""Tags by which the Cluster Autoscaler knows what a node of an empty group would be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from llminfra.bindings import aws
from llminfra.constructs.basis.names import identifier
from llminfra.constructs.basis.scope import Maker
from llminfra.planning.plan.infrastructure import Taint
from llminfra.planning.plan.made_names import bounded

_PREFIX = "k8s.io/cluster-autoscaler/node-template"


def node_template_tags(
    labels: Mapping[str, str], taints: Sequence[Taint], resources: Mapping[str, str]
) -> dict[str, str]:
    """Tags for scaling from zero (kubernetes/autoscaler, cluster-autoscaler/cloudprovider/aws/README.md)."""
    return {
        **{f"{_PREFIX}/label/{key}": value for key, value in labels.items()},
        **{f"{_PREFIX}/taint/{item.key}": f"{item.value}:{item.effect}" for item in taints},
        **{f"{_PREFIX}/resources/{key}": value for key, value in resources.items()},
    }


def tag_autoscaling_group(make: Maker, id_: str, group: aws.EksNodeGroup, tags: Mapping[str, str]) -> None:
    """Put tags on the Auto Scaling group behind a node group; EKS itself adds the two that mark it for discovery."""
    name = group.resources.get(0).autoscaling_groups.get(0).name
    for key, value in tags.items():
        make(
            aws.AutoscalingGroupTagA,
            bounded(f"{id_}-{identifier(key.removeprefix(_PREFIX).strip('/'))}", 100),
            autoscaling_group_name=name,
            tag=aws.AutoscalingGroupTagTag(key=key, value=value, propagate_at_launch=False),
        )
