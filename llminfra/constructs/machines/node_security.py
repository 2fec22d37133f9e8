"""Security groups of nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from llminfra.bindings import core
from llminfra.constructs.basis.scope import Maker
from llminfra.constructs.basis.security_group import ALL_PROTOCOLS, Rule, add_rule, security_group

# terraform-aws-modules/terraform-aws-eks v21.19.0 node_groups.tf (recommended rules), and the ports in the templates of
# the pinned charts.
_FROM_CONTROL_PLANE = (
    (443, 443, "Control plane to services on 443"),
    (4443, 4443, "Control plane to webhooks on 4443"),
    (6443, 6443, "Control plane to the metrics API of KEDA"),
    (8443, 8443, "Control plane to webhooks on 8443"),
    (9443, 9443, "Control plane to webhooks on 9443"),
    (10250, 10251, "Control plane to kubelet, metrics-server and webhooks"),
)


class NodeSecurity(Struct, frozen=True):
    """The group of nodes.

    Attributes:
        id: Its id.
        rules: What nodes and control plane reach each other by. Node groups wait for them, so that they are still there
            when nodes are drained: without, a destroyed cluster's kubelets could not report that their pods are gone.
    """

    id: str
    rules: tuple[core.TerraformElement, ...]


def api_access(make: Maker, *, cluster_group_id: str, cidrs: Sequence[str]) -> None:
    """Let whoever works with the cluster reach its private endpoint.

    The group that EKS makes for the control plane admits its own members alone (Amazon EKS User Guide, "Cluster API
    server endpoint", private only: the group must allow port 443 from a connected network): Terraform, which installs
    charts, would run into a timeout even inside the VPC.
    """
    for cidr in cidrs:
        rule = Rule(
            id=f"control-plane-from-{cidr.replace('.', '-').replace('/', '-')}",
            direction="in",
            why="Users of the Kubernetes API",
            ports=(443, 443),
            cidr=cidr,
        )
        add_rule(make, cluster_group_id, rule)


def node_security_group(make: Maker, *, vpc_id: str, vpc_cidr: str, cluster_group_id: str) -> NodeSecurity:
    """The group of every node.

    The control plane reaches kubelet, webhooks and aggregated APIs on the ports that charts use for them. Nodes reach
    each other, the VPC (endpoints, file systems, DNS) and HTTPS outside.
    """
    group = security_group(make, "nodes", vpc_id=vpc_id, why="Kubernetes nodes")
    rules = [
        Rule(
            id="nodes-from-nodes",
            direction="in",
            why="Nodes and pods among themselves",
            protocol=ALL_PROTOCOLS,
            peer_group=group,
        ),
        *(
            Rule(
                id=f"nodes-from-control-plane-{low}",
                direction="in",
                why=why,
                ports=(low, high),
                peer_group=cluster_group_id,
            )
            for low, high, why in _FROM_CONTROL_PLANE
        ),
        Rule(
            id="nodes-to-vpc",
            direction="out",
            why="Nodes, control plane, VPC endpoints, file systems and DNS",
            protocol=ALL_PROTOCOLS,
            cidr=vpc_cidr,
        ),
        Rule(
            id="nodes-to-https",
            direction="out",
            why="Image registries and AWS services without a VPC endpoint",
            ports=(443, 443),
            cidr="0.0.0.0/0",
        ),
    ]
    made = [add_rule(make, group, rule) for rule in rules]
    to_api = add_rule(
        make,
        cluster_group_id,
        Rule(
            id="control-plane-from-nodes",
            direction="in",
            why="Nodes and pods to the Kubernetes API",
            ports=(443, 443),
            peer_group=group,
        ),
    )
    return NodeSecurity(group, (*made, to_api))


def efa_security_group(make: Maker, id_: str, *, vpc_id: str) -> str:
    """The group of one EFA pool: everything from and to itself.

    EFA bypasses the kernel and works only between interfaces whose group names itself in both directions; a rule for
    an address range does not count (Amazon EC2 User Guide, "Get started with EFA", step 1).
    """
    group = security_group(make, f"{id_}-efa", vpc_id=vpc_id, why="EFA among the nodes of one pool")
    directions: tuple[Literal["in", "out"], ...] = ("in", "out")
    for direction in directions:
        rule = Rule(
            id=f"{id_}-efa-{direction}",
            direction=direction,
            why="EFA among the nodes of the pool",
            protocol=ALL_PROTOCOLS,
            peer_group=group,
        )
        add_rule(make, group, rule)
    return group
