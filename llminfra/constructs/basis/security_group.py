"""Security groups whose rules are resources of their own: one rule, one address, one reason."""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

from llminfra.bindings import aws, core
from llminfra.constructs.basis.scope import Maker

ALL_PROTOCOLS: Final = "-1"


class Rule(Struct, frozen=True, kw_only=True):
    """One rule; the peer is a CIDR block or a security group, and ports are given unless every protocol is meant."""

    id: str
    direction: Literal["in", "out"]
    why: str
    protocol: Literal["tcp", "udp", "-1"] = "tcp"
    ports: tuple[int, int] | None = None
    cidr: str | None = None
    peer_group: str | None = None


def security_group(make: Maker, id_: str, *, vpc_id: str, why: str) -> str:
    """A security group without rules; returns its id. It is the ``Name`` that people see in the console."""
    name = make.scope.name(id_)
    return make(aws.SecurityGroup, id_, name=name, description=why, vpc_id=vpc_id, tags={"Name": name}).id


def add_rule(make: Maker, group_id: str, rule: Rule) -> core.TerraformElement:
    """Add a rule to a group, which may be one that llminfra did not create (the cluster's own).

    Returns:
        The rule. Nothing refers to a rule, and naming the group does not wait for it: what needs the way that it opens
        depends on it, or a destroy closes the way first.
    """
    low, high = rule.ports or (None, None)
    return make(
        aws.VpcSecurityGroupIngressRule if rule.direction == "in" else aws.VpcSecurityGroupEgressRule,
        rule.id,
        security_group_id=group_id,
        description=rule.why,
        ip_protocol=rule.protocol,
        from_port=low,
        to_port=high,
        cidr_ipv4=rule.cidr,
        referenced_security_group_id=rule.peer_group,
    )
