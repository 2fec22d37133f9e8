"""An internal Application Load Balancer with TLS in front of instances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llminfra.bindings import aws
from llminfra.constructs.names import bounded
from llminfra.constructs.scope import Maker
from llminfra.constructs.security_group import Rule, add_rule, security_group

_NAME_LIMIT = 32
# Application Load Balancers User Guide, security policies: TLS 1.2 and 1.3 with forward secrecy.
_TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"
# A long answer that is not streamed sends nothing for minutes.
_IDLE_S = 900


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """What stands behind the balancer.

    Attributes:
        port: Port of the instances.
        health_path: Answers 200 when an instance takes requests.
        drain_s: Seconds that requests may take when an instance leaves.
        subnet_ids: Private subnets in two zones or more.
        vpc_id: The VPC.
        certificate_arn: Certificate for the name that callers use.
        allow_from_cidrs: Blocks that may call.
    """

    port: int
    health_path: str
    drain_s: int
    subnet_ids: Sequence[str]
    vpc_id: str
    certificate_arn: str
    allow_from_cidrs: Sequence[str]


@dataclass(frozen=True, slots=True)
class LoadBalancer:
    """A balancer; ``instance_group_id`` is the security group for the instances behind it.

    ``balancer_suffix`` and ``targets_suffix`` name both in CloudWatch.
    """

    dns_name: str
    zone_id: str
    target_group_arn: str
    instance_group_id: str
    listener: aws.LbListener
    balancer_suffix: str
    targets_suffix: str


def load_balancer(make: Maker, name: str, backend: Backend) -> LoadBalancer:
    """Listener on 443 alone, health-checked targets, the one with the fewest requests first."""
    scope = make.scope
    front = security_group(make, f"{name}-callers", vpc_id=backend.vpc_id, why=f"Callers of {name}")
    back = security_group(make, f"{name}-instances", vpc_id=backend.vpc_id, why=f"Instances of {name}")
    ports = (backend.port, backend.port)
    for index, cidr in enumerate(backend.allow_from_cidrs):
        why = "HTTPS from callers"
        add_rule(make, front, Rule(id=f"{name}-https-{index}", direction="in", why=why, ports=(443, 443), cidr=cidr))
    why = "Load balancer to engines"
    add_rule(make, front, Rule(id=f"{name}-to-engines", direction="out", why=why, ports=ports, peer_group=back))
    add_rule(make, back, Rule(id=f"{name}-from-balancer", direction="in", why=why, ports=ports, peer_group=front))
    add_rule(
        make,
        back,
        Rule(
            id=f"{name}-out-https",
            direction="out",
            why="AWS services and image registries",
            ports=(443, 443),
            cidr="0.0.0.0/0",
        ),
    )
    short = bounded(scope.name(name), _NAME_LIMIT)
    balancer = make(
        aws.Lb,
        name,
        name=short,
        internal=True,
        load_balancer_type="application",
        subnets=list(backend.subnet_ids),
        security_groups=[front],
        drop_invalid_header_fields=True,
        desync_mitigation_mode="defensive",
        enable_deletion_protection=False,
        idle_timeout=_IDLE_S,
        tags={"Name": scope.name(name)},
    )
    targets = make(
        aws.LbTargetGroup,
        name,
        name=short,
        vpc_id=backend.vpc_id,
        port=backend.port,
        protocol="HTTP",
        target_type="instance",
        deregistration_delay=str(backend.drain_s),
        load_balancing_algorithm_type="least_outstanding_requests",
        health_check=aws.LbTargetGroupHealthCheck(
            path=backend.health_path,
            port="traffic-port",
            protocol="HTTP",
            matcher="200",
            interval=10,
            timeout=5,
            healthy_threshold=2,
            unhealthy_threshold=3,
        ),
        tags={"Name": scope.name(name)},
    )
    listener = make(
        aws.LbListener,
        name,
        load_balancer_arn=balancer.arn,
        port=443,
        protocol="HTTPS",
        ssl_policy=_TLS_POLICY,
        certificate_arn=backend.certificate_arn,
        default_action=[aws.LbListenerDefaultAction(type="forward", target_group_arn=targets.arn)],
    )
    return LoadBalancer(
        balancer.dns_name, balancer.zone_id, targets.arn, back, listener, balancer.arn_suffix, targets.arn_suffix
    )


def alias_record(make: Maker, name: str, *, zone_id: str, domain_name: str, balancer: LoadBalancer) -> None:
    """The name that callers use, as an alias of the balancer."""
    make(
        aws.Route53Record,
        name,
        zone_id=zone_id,
        name=domain_name,
        type="A",
        alias=aws.Route53RecordAlias(name=balancer.dns_name, zone_id=balancer.zone_id, evaluate_target_health=True),
    )
