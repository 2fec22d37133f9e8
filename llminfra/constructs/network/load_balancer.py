"""Application Load Balancers with TLS, in front of instances or of pods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from llminfra.bindings import aws, core
from llminfra.constructs.basis.scope import Maker
from llminfra.constructs.basis.security_group import Rule, add_rule, security_group
from llminfra.planning.plan.made_names import bounded

_NAME_LIMIT = 32
# Application Load Balancers User Guide, security policies: TLS 1.2 and 1.3 with forward secrecy.
_TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"
# Elastic Load Balancing API Reference, CreateTargetGroup: HealthCheckIntervalSeconds.
_LONGEST_INTERVAL_S = 300
# A long answer that is not streamed sends nothing for minutes.
_IDLE_S = 900


class Backend(Struct, frozen=True, kw_only=True):
    """What stands behind the balancer.

    Attributes:
        port: Port of the instances.
        health_path: Answers 200 when an instance takes requests.
        health_period_s: Seconds between two checks.
        health_timeout_s: Seconds that one may take.
        drain_s: Seconds that requests may take when an instance leaves.
        subnet_ids: Private subnets in two zones or more.
        vpc_id: The VPC.
        certificate_arn: Certificate for the name that callers use.
        allow_from_cidrs: Blocks that may call.
    """

    port: int
    health_path: str
    health_period_s: int
    health_timeout_s: int
    drain_s: int
    subnet_ids: Sequence[str]
    vpc_id: str
    certificate_arn: str
    allow_from_cidrs: Sequence[str]


class LoadBalancer(Struct, frozen=True):
    """A balancer; ``callers_group_id`` is its own security group, ``instance_group_id`` that of what is behind it.

    ``balancer_suffix`` and ``targets_suffix`` name both in CloudWatch. ``ways`` are the rules by which instances are
    reached and reach AWS: whatever runs there depends on them, so that a destroy leaves them open until it has ended.
    """

    dns_name: str
    zone_id: str
    target_group_arn: str
    callers_group_id: str
    instance_group_id: str
    listener: aws.LbListener
    balancer_suffix: str
    targets_suffix: str
    ways: tuple[core.TerraformElement, ...]


def load_balancer(make: Maker, name: str, backend: Backend) -> LoadBalancer:
    """Listener on 443 alone, health-checked targets, the one with the fewest requests first."""
    front = security_group(make, f"{name}-callers", vpc_id=backend.vpc_id, why=f"Callers of {name}")
    back = security_group(make, f"{name}-instances", vpc_id=backend.vpc_id, why=f"Instances of {name}")
    ports = (backend.port, backend.port)
    for index, cidr in enumerate(backend.allow_from_cidrs):
        why = "HTTPS from callers"
        add_rule(make, front, Rule(id=f"{name}-https-{index}", direction="in", why=why, ports=(443, 443), cidr=cidr))
    why = "Load balancer to engines"
    to_engines = Rule(id=f"{name}-to-engines", direction="out", why=why, ports=ports, peer_group=back)
    from_balancer = Rule(id=f"{name}-from-balancer", direction="in", why=why, ports=ports, peer_group=front)
    out = Rule(
        id=f"{name}-out-https",
        direction="out",
        why="AWS services and image registries",
        ports=(443, 443),
        cidr="0.0.0.0/0",
    )
    ways = (add_rule(make, front, to_engines), add_rule(make, back, from_balancer), add_rule(make, back, out))
    balancer = _balancer(make, name, group_id=front, subnet_ids=backend.subnet_ids, idle_s=_IDLE_S)
    targets = _target_group(
        make,
        name,
        vpc_id=backend.vpc_id,
        port=backend.port,
        target_type="instance",
        drain_s=backend.drain_s,
        health_path=backend.health_path,
        health_period_s=backend.health_period_s,
        health_timeout_s=backend.health_timeout_s,
    )
    listener = _listener(make, name, balancer, targets, backend.certificate_arn)
    return _made(balancer, targets, (front, back), listener, ways)


class Pods(Struct, frozen=True, kw_only=True):
    """Pods behind a balancer, which a controller in the cluster registers by their addresses.

    Attributes:
        port: Port of the pods.
        health_path: Answers 200 when a pod takes requests.
        timeout_s: Seconds that a request may take; as long the balancer waits for a word, and a leaving pod for its
            answers.
        public: Whether the balancer faces the internet.
        subnet_ids: Subnets in two zones or more, public ones for a public balancer.
        vpc_id: The VPC.
        node_group_id: Security group of the nodes, which their pods share.
        certificate_arn: Certificate for the name that callers use.
        allow_from_cidrs: Blocks that may call.
        web_acl_arn: AWS WAF web ACL that reads requests first.
    """

    port: int
    health_path: str
    timeout_s: int
    public: bool
    subnet_ids: Sequence[str]
    vpc_id: str
    node_group_id: str
    certificate_arn: str
    allow_from_cidrs: Sequence[str]
    web_acl_arn: str | None = None


def pod_balancer(make: Maker, name: str, pods: Pods) -> LoadBalancer:
    """Listener on 443 alone; the nodes' security group admits the balancer on the pods' port."""
    front = security_group(make, f"{name}-callers", vpc_id=pods.vpc_id, why=f"Callers of {name}")
    ports = (pods.port, pods.port)
    for index, cidr in enumerate(pods.allow_from_cidrs):
        why = "HTTPS from callers"
        add_rule(make, front, Rule(id=f"{name}-https-{index}", direction="in", why=why, ports=(443, 443), cidr=cidr))
    why = "Load balancer to Envoy"
    node_group = pods.node_group_id
    to_pods = Rule(id=f"{name}-to-pods", direction="out", why=why, ports=ports, peer_group=node_group)
    from_balancer = Rule(id=f"{name}-from-balancer", direction="in", why=why, ports=ports, peer_group=front)
    ways = (add_rule(make, front, to_pods), add_rule(make, node_group, from_balancer))
    balancer = _balancer(
        make, name, group_id=front, subnet_ids=pods.subnet_ids, idle_s=pods.timeout_s, internal=not pods.public
    )
    targets = _target_group(
        make,
        name,
        vpc_id=pods.vpc_id,
        port=pods.port,
        target_type="ip",
        drain_s=pods.timeout_s,
        health_path=pods.health_path,
    )
    listener = _listener(make, name, balancer, targets, pods.certificate_arn)
    if pods.web_acl_arn:
        make(aws.Wafv2WebAclAssociation, name, resource_arn=balancer.arn, web_acl_arn=pods.web_acl_arn)
    return _made(balancer, targets, (front, node_group), listener, ways)


def _balancer(
    make: Maker, name: str, *, group_id: str, subnet_ids: Sequence[str], idle_s: int, internal: bool = True
) -> aws.Lb:
    return make(
        aws.Lb,
        name,
        name=bounded(make.scope.name(name), _NAME_LIMIT),
        internal=internal,
        load_balancer_type="application",
        subnets=list(subnet_ids),
        security_groups=[group_id],
        drop_invalid_header_fields=True,
        desync_mitigation_mode="defensive",
        enable_deletion_protection=False,
        idle_timeout=idle_s,
        tags={"Name": make.scope.name(name)},
    )


def _target_group(
    make: Maker,
    name: str,
    *,
    vpc_id: str,
    port: int,
    target_type: Literal["instance", "ip"],
    drain_s: int,
    health_path: str,
    health_period_s: int = 10,
    health_timeout_s: int = 5,
) -> aws.LbTargetGroup:
    """The targets; a listener holds the old ones, so that new ones are made beside them, under a name of their own.

    The port is in the name because another engine has another one, and Elastic Load Balancing deletes no group that a
    listener forwards to (hashicorp/terraform-provider-aws#636).
    """
    return make(
        aws.LbTargetGroup,
        name,
        name=bounded(f"{make.scope.name(name)}-{port}", _NAME_LIMIT),
        vpc_id=vpc_id,
        port=port,
        protocol="HTTP",
        target_type=target_type,
        deregistration_delay=str(drain_s),
        load_balancing_algorithm_type="least_outstanding_requests",
        health_check=aws.LbTargetGroupHealthCheck(
            path=health_path,
            port="traffic-port",
            protocol="HTTP",
            matcher="200",
            # The interval must be longer than the time-out.
            interval=min(max(health_period_s, health_timeout_s + 5), _LONGEST_INTERVAL_S),
            timeout=health_timeout_s,
            healthy_threshold=2,
            unhealthy_threshold=3,
        ),
        tags={"Name": make.scope.name(name)},
        lifecycle=core.TerraformResourceLifecycle(create_before_destroy=True),
    )


def _listener(
    make: Maker, name: str, balancer: aws.Lb, targets: aws.LbTargetGroup, certificate_arn: str
) -> aws.LbListener:
    return make(
        aws.LbListener,
        name,
        load_balancer_arn=balancer.arn,
        port=443,
        protocol="HTTPS",
        ssl_policy=_TLS_POLICY,
        certificate_arn=certificate_arn,
        default_action=[aws.LbListenerDefaultAction(type="forward", target_group_arn=targets.arn)],
    )


def _made(
    balancer: aws.Lb,
    targets: aws.LbTargetGroup,
    group_ids: tuple[str, str],
    listener: aws.LbListener,
    ways: tuple[core.TerraformElement, ...],
) -> LoadBalancer:
    return LoadBalancer(
        balancer.dns_name,
        balancer.zone_id,
        targets.arn,
        *group_ids,
        listener,
        balancer.arn_suffix,
        targets.arn_suffix,
        ways,
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
