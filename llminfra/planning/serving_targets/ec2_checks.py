"""What cannot work on EC2: EFA where there is none, reservations in several zones, scaling that would not come back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.catalog import instances
from llminfra.spec.compute.capacity import CapacityBlock, Reservation
from llminfra.spec.endpoint import Autoscaling

if TYPE_CHECKING:
    from llminfra.planning.findings import Findings
    from llminfra.planning.plan.infrastructure import PoolPlan
    from llminfra.planning.plan.serving import ServingPlan
    from llminfra.spec.compute.ec2 import Ec2
    from llminfra.spec.endpoint import Endpoint
    from llminfra.spec.platform import Platform


def check_certificate(endpoint: Endpoint, on: Ec2, platform: Platform, findings: Findings) -> None:
    """Report a certificate of another region, which no load balancer of this one takes."""
    region = on.certificate_arn.split(":")[3]
    if region == platform.region:
        return
    findings.error(
        "LLM_NET_26",
        on,
        f"endpoints.{endpoint.name}.on.certificate_arn",
        "a load balancer takes certificates of its own region only",
        found=region,
        expected=platform.region,
        fix=f"request or import the certificate in {platform.region}",
        runtime_message="CertificateNotFound: Certificate ARN is not valid",
    )


def check_efa(endpoint: Endpoint, on: Ec2, pool: PoolPlan, findings: Findings) -> bool:
    """Report EFA on a type that has none; true when it is fine."""
    main = pool.main_type
    if not on.efa or main.efa_interfaces:
        return True
    same = (item.name for item in instances.all_gpu_types() if item.family == main.family and item.efa_interfaces)
    good = next(same, "p5.48xlarge")
    findings.error(
        "LLM_CAP_21",
        on,
        f"endpoints.{endpoint.name}.on.efa",
        f"{main.name} has no Elastic Fabric Adapter",
        found=f"{main.name} with efa=True",
        expected=f"a type with EFA, for example {good}",
        fix=f"use {good}, or drop efa=True",
        runtime_message=f"The instance type {main.name} does not support Elastic Fabric Adapter",
    )
    return False


def check_reservation_zones(endpoint: Endpoint, on: Ec2, zones: tuple[str, ...], findings: Findings) -> tuple[str, ...]:
    """The zones that instances may start in: a reservation has one."""
    capacity = on.capacity
    if not isinstance(capacity, Reservation | CapacityBlock) or capacity.reservation_id is None:
        return zones
    path = f"endpoints.{endpoint.name}.on.zones"
    if len(on.zones) > 1:
        findings.error(
            "LLM_CAP_24",
            on,
            path,
            "a reservation lies in exactly one zone",
            found=", ".join(on.zones),
            expected="one zone",
            fix=f"keep one, for example zones=[{on.zones[0]!r}]",
        )
    elif not on.zones:
        findings.warning(
            "LLM_CAP_23",
            on,
            path,
            "the zone of the reservation is not declared; the first zone of the network is assumed",
            found="no zones",
            expected="the zone that `aws ec2 describe-capacity-reservations` shows",
            fix=f"set zones=[…]; assumed {zones[0]}",
            runtime_message="InsufficientInstanceCapacity or a capacity reservation that does not match the zone",
        )
    return zones[:1]


def check_ranks(endpoint: Endpoint, serving: ServingPlan, findings: Findings) -> bool:
    """Report ranks that only Kubernetes starts; true when there are none."""
    backend = getattr(endpoint.engine, "distributed_executor_backend", "mp")
    if serving.nodes == 1 or backend == "mp":
        return True
    findings.error(
        "LLM_SRV_48",
        endpoint,
        f"endpoints.{endpoint.name}.engine.distributed_executor_backend",
        "instances of a replica start the engine's own processes; nothing starts a Ray cluster on them",
        found=backend,
        expected="mp",
        fix="leave distributed_executor_backend out, or use a GpuPool",
    )
    return False


def check_scaling(endpoint: Endpoint, on: Ec2, serving: ServingPlan, start_s: float, findings: Findings) -> None:
    """Report scaling that an Auto Scaling group cannot do; ``start_s`` is the whole start of a new instance."""
    path = f"endpoints.{endpoint.name}.replicas"
    replicas = endpoint.replicas
    if not isinstance(replicas, Autoscaling):
        return
    found = f"min={replicas.min}, max={replicas.max}"
    if serving.nodes > 1:
        findings.error(
            "LLM_SRV_46",
            endpoint,
            path,
            f"a replica of {serving.nodes} instances is an Auto Scaling group of its own, and no policy starts a group",
            found=found,
            expected="a fixed number of replicas",
            fix=f"set replicas={max(1, replicas.min)}; to scale replicas that span nodes use a GpuPool",
        )
        return
    if replicas.min == 0 and replicas.cooldown_s < start_s:
        findings.error(
            "LLM_SRV_43",
            endpoint,
            f"{path}.cooldown_s",
            "the last instance would be given up while it is still loading the model",
            found=f"cooldown_s={replicas.cooldown_s}; a new instance takes about {start_s:,.0f} s to start",
            expected=f"cooldown_s of {round(start_s):,} or more",
            fix=f"set cooldown_s={-(-round(start_s * 1.5) // 60) * 60}, or min=1",
        )
    if replicas.min == 0 and isinstance(on.capacity, Reservation | CapacityBlock):
        findings.warning(
            "LLM_SRV_47",
            endpoint,
            f"{path}.min",
            "reserved instances are paid for whether they run or not",
            found=f"min=0 on {on.capacity.kind}",
            expected="min=1",
            fix="set min=1: callers do not wait for a start that saves nothing",
        )
    metrics = serving.invocation.metrics
    if serving.max_replicas > max(1, serving.min_replicas) and (metrics is None or metrics.waiting is None):
        findings.error(
            "LLM_SRV_44",
            endpoint,
            path,
            f"{serving.engine} reports no queue, and instances are scaled on its length",
            found=found,
            expected="a fixed number of replicas, or an engine with metrics",
            fix="use VLLM(…), or replicas=N",
        )
