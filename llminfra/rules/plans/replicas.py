"""Rules on replicas of planned endpoints over time: how they start, drain, are replaced, and come and go."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from llminfra.diagnostics import Severity
from llminfra.planning.controllers.needs import scales
from llminfra.planning.endpoints.gateways import route_of
from llminfra.planning.served.hours import working_hours
from llminfra.planning.targets.queues import worked_queue
from llminfra.rules.plans.planned import endpoint_path
from llminfra.rules.rule import Hit, rule
from llminfra.spec.endpoint import Autoscaling

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan
    from llminfra.planning.plan.endpoint import EndpointPlan

_SPOT_NOTICE_S = 120
_COMPUTE = "aws/aws-eks-best-practices latest/bpg/aiml/aiml_compute.adoc"


@rule(
    code="LLM_SRV_8",
    title="The startup probe waits for the whole cold start",
    severity=Severity.ERROR,
    looks_at="plan",
    why="A probe that gives up earlier kills a pod that is still loading weights, again and again.",
    fix="raise failure_threshold or period of the startup probe to the planned budget",
    source=("vllm-project/vllm#17386", "kserve/kserve#5062", "vllm-project/aibrix#1054"),
)
def startup_waits(plan: Plan) -> Iterator[Hit]:
    """Probe period × threshold against the budget and the estimate."""
    for endpoint in plan.endpoints:
        probe = endpoint.invocation.startup
        patience_s = probe.period_s * probe.failure_threshold
        needed_s = max(endpoint.startup.budget_s, 0)
        if patience_s < needed_s:
            yield Hit(
                path=endpoint_path(endpoint),
                message=f"the startup probe gives up after {patience_s} s; the cold start may take {needed_s} s",
                found=f"{probe.failure_threshold} × {probe.period_s} s",
                expected=f"at least {needed_s} s",
                runtime_message="Startup probe failed; Container ... failed startup probe, will be restarted",
            )


@rule(
    code="LLM_SRV_13",
    title="A pod has time to finish its requests before it is killed",
    severity=Severity.ERROR,
    looks_at="plan",
    why="Requests run for minutes. With a grace period shorter than preStop and drain together, Kubernetes kills the "
    "engine in the middle of answers.",
    fix="raise the grace period above preStop plus drain",
    source=("vllm-project/vllm#24885", "kserve/kserve#5496", "llm-d/llm-d#927"),
)
def drain_fits_grace(plan: Plan) -> Iterator[Hit]:
    """Grace period against preStop and the engine's own drain."""
    for endpoint in plan.endpoints:
        drain = endpoint.drain
        needed_s = drain.pre_stop_s + max(drain.engine_s, endpoint.invocation.drain_flag_s)
        if drain.grace_s <= needed_s:
            yield Hit(
                path=endpoint_path(endpoint),
                message=f"pods are killed after {drain.grace_s} s; preStop and drain take {needed_s} s",
                found=f"grace {drain.grace_s} s",
                expected=f"more than {needed_s} s",
            )


@rule(
    code="LLM_SRV_14",
    title="On spot, a replica can leave within the two minutes that EC2 gives",
    severity=Severity.WARNING,
    looks_at="plan",
    why="EC2 takes a spot instance two minutes after its notice, whatever the grace period says; answers that take "
    "longer are cut off.",
    fix="keep more than one replica, or accept cut-off answers with a waiver",
    source=("AWS EC2 User Guide, spot-instance-termination-notices.html", f"{_COMPUTE}: Spot"),
)
def spot_drain(plan: Plan) -> Iterator[Hit]:
    """A single replica on spot nodes whose drain is longer than the notice."""
    for endpoint in plan.endpoints:
        pool = plan.pool(endpoint.pool)
        drain_s = endpoint.drain.pre_stop_s + endpoint.drain.engine_s
        alone = endpoint.max_replicas == 1 and endpoint.overflow is None
        if "spot" in pool.capacity_types and drain_s > _SPOT_NOTICE_S and alone:
            yield Hit(
                path=endpoint_path(endpoint, "replicas"),
                message=f"the only replica needs {drain_s} s to leave a spot node that is gone after "
                f"{_SPOT_NOTICE_S} s",
                found=f"1 replica, {drain_s} s drain",
                expected="two replicas, or on-demand capacity",
            )


@rule(
    code="LLM_SRV_60",
    title="A rollout does not wait for GPUs that the pool does not have",
    severity=Severity.ERROR,
    looks_at="plan",
    why="A surge starts the new pod before the old one leaves. In a full pool the new pod stays Pending and the "
    "rollout never ends.",
    fix="replace replicas one by one (maxSurge 0), or give the pool room for one more",
    source=("ai-runway/airunway#400", "defilantech/LLMKube#192", "kserve/kserve#5452"),
)
def rollout_has_room(plan: Plan) -> Iterator[Hit]:
    """Surge against the GPUs of the pool at its most."""
    for endpoint in plan.endpoints:
        pool = plan.pool(endpoint.pool)
        gpus = endpoint.parallelism.gpus
        others = sum(
            other.min_replicas * other.parallelism.gpus
            for other in plan.endpoints
            if other.pool == endpoint.pool and other.name != endpoint.name
        )
        room = (pool.max_nodes if pool.grows else pool.desired_nodes) * pool.gpus_per_node
        needed = others + gpus * (endpoint.min_replicas + 1)
        if endpoint.rollout == "surge" and needed > room:
            yield Hit(
                path=endpoint_path(endpoint, "replicas"),
                message=f"a rollout needs {needed} GPUs of pool {pool.name}, which has {room} at its most",
                found=f"{room} GPUs",
                expected=f"{needed} GPUs, or maxSurge 0",
                runtime_message="Insufficient nvidia.com/gpu; progress deadline exceeded",
            )


def can_wake(plan: Plan, endpoint: EndpointPlan) -> bool:
    """Whether something holds requests for an endpoint without replicas, and starts one.

    An overflow without replicas is started by the queue of those that it stands beside, and an endpoint with working
    hours when they begin.
    """
    if endpoint.overflow is not None:
        return scales(endpoint, plan)
    if working_hours(endpoint.spec):
        return True
    route = route_of(plan, endpoint.name)
    return (route is not None and route.hold_s is not None) or bool(worked_queue(plan, endpoint.name))


@rule(
    code="LLM_SRV_69",
    title="An endpoint that scales to zero can be woken",
    severity=Severity.ERROR,
    looks_at="plan",
    why="The scaler reads the engine's own queue. With no replica there is no engine, no metric, and no way back from "
    "zero. Behind a gateway the endpoint picker holds requests while no replica runs, and the scaler reads its queue; "
    "behind an AsyncEndpoint the queue itself is there.",
    fix="set Autoscaling(min=1, …), or put the endpoint behind a Gateway or an AsyncEndpoint",
    source=(
        "vllm-project/production-stack#679",
        "volcano-sh/kthena pull request 868",
        "llm-d/llm-d-router v0.10.0 pkg/epp/flowcontrol/README.md: scale-from-zero waiting room",
    ),
)
def zero_can_wake(plan: Plan) -> Iterator[Hit]:
    """``min=0`` of endpoints without a gateway that holds requests, and sees when there are some."""
    for endpoint in plan.endpoints:
        replicas = endpoint.spec.replicas
        if not isinstance(replicas, Autoscaling) or replicas.min:
            continue
        if can_wake(plan, endpoint):
            continue
        route = route_of(plan, endpoint.name)
        message = "the endpoint may scale to zero and nothing would start it again"
        fix = ""
        if endpoint.overflow is not None:
            message, fix = _never_starts(endpoint, plan)
        elif route is not None and not plan.platform.scales_by_metrics:
            message += ": no Prometheus sees the requests that the gateway holds"
            there = plan.platform.observability is not None
            how = "ExistingPrometheus(url=…)" if there else "observability=Observability()"
            fix = f"set {how}, or Autoscaling(min=1, …)"
        elif route is not None:
            message += ": the gateway cannot see this engine's queue, and so holds no requests for it"
            fix = "set Autoscaling(min=1, …), or name the engine's metrics"
        elif endpoint.role is not None:
            fix = "set Autoscaling(min=1, …): no gateway stands in front of roles"
        elif endpoint.task == "transcribe":
            fix = "set Autoscaling(min=1, …), or put the endpoint behind an AsyncEndpoint: gateways take no sound"
        yield Hit(path=endpoint_path(endpoint, "replicas"), message=message, found="min=0", expected="min=1", fix=fix)


def _never_starts(endpoint: EndpointPlan, plan: Plan) -> tuple[str, str]:
    """Why no replica of an overflow ever starts, and what helps."""
    if plan.platform.scales_by_metrics:
        message = f"the overflow follows the queue of {endpoint.part_of}, and its engine shows none"
        return message, "name the engine's metrics, or leave overflow out and raise replicas"
    how = "ExistingPrometheus(url=…)" if plan.platform.observability is not None else "observability=Observability()"
    return f"the overflow follows the queue of {endpoint.part_of}, and no Prometheus tells of it", f"set {how}"


@rule(
    code="LLM_SRV_70",
    title="A replica is not given up sooner than a new one could start",
    severity=Severity.WARNING,
    looks_at="plan",
    why="With a cooldown below the cold start, the replica that would have served the next wave is gone, and the wave "
    "waits for a new one.",
    fix="raise Autoscaling(cooldown_s=…) above the cold start",
    source=(
        "KEDA documentation: cooldownPeriod",
        "Application Auto Scaling User Guide, target tracking: ScaleInCooldown",
        "modelplaneai/modelplane#204",
    ),
)
def cooldown_above_start(plan: Plan) -> Iterator[Hit]:
    """Cooldown against the planned cold start."""
    for endpoint in plan.endpoints:
        replicas = endpoint.spec.replicas
        start_s = endpoint.startup.estimate_s
        if isinstance(replicas, Autoscaling) and replicas.min < replicas.max and replicas.cooldown_s < start_s:
            yield Hit(
                path=endpoint_path(endpoint, "replicas"),
                message=f"replicas are given up after {replicas.cooldown_s} s; a new one takes {start_s:.0f} s",
                found=f"cooldown_s={replicas.cooldown_s}",
                expected=f"more than {start_s:.0f}",
                fix="" if endpoint.overflow is None else "raise Overflow(cooldown_s=…) above the cold start",
            )
    for serving in (*(item.serving for item in plan.ec2), *(item.serving for item in plan.sagemaker)):
        replicas, start_s = serving.spec.replicas, serving.startup.estimate_s
        if isinstance(replicas, Autoscaling) and replicas.min < replicas.max and replicas.cooldown_s < start_s:
            yield Hit(
                path=f"endpoints.{serving.name}.replicas",
                message=f"instances are given up after {replicas.cooldown_s} s; a new one takes {start_s:.0f} s",
                found=f"cooldown_s={replicas.cooldown_s}",
                expected=f"more than {start_s:.0f}",
            )


@rule(
    code="LLM_SRV_79",
    title="Scaling sees what replicas run, not only what waits",
    severity=Severity.WARNING,
    looks_at="plan",
    why="An empty queue says that there are enough replicas, not that there are too many. Scaled on the queue alone, "
    "replicas with a full load and nobody waiting are given up, the rest is too few, and a cold start later they are "
    "back.",
    fix="name the gauge of running requests, and how many a replica runs: CustomMetrics(running=…, max_running=…)",
    source=(
        "Kubernetes documentation: Horizontal Pod Autoscaling, algorithm details",
        "kubernetes-sigs/gateway-api-inference-extension saturation detector: queue depth and cache use",
        "llm-d/llm-d-autoscaling#1094",
    ),
)
def scaling_sees_load(plan: Plan) -> Iterator[Hit]:
    """Scaled servers that tell their queue and not their load."""
    for endpoint in plan.endpoints:
        replicas, metrics = endpoint.spec.replicas, endpoint.invocation.metrics
        if not isinstance(replicas, Autoscaling) or replicas.min == replicas.max or endpoint.busy is not None:
            continue
        whole = endpoint.performance is not None and endpoint.performance.whole
        told = endpoint.overflow is not None or working_hours(endpoint.spec)
        elsewhere = not told and can_wake(plan, endpoint)
        if metrics is None or metrics.waiting is None or whole or elsewhere:
            continue
        yield Hit(
            path=endpoint_path(endpoint, "replicas"),
            message="replicas are given up when nobody waits, however much the others have to do",
            found=f"scales on {metrics.waiting} alone",
            expected="a metric of what runs, too",
        )


@rule(
    code="LLM_SRV_80",
    title="Replicas that scale have something to scale by",
    severity=Severity.ERROR,
    looks_at="plan",
    why="KEDA scales on the engine's queue. Where the server reports none, or no Prometheus is there to ask, no scaler "
    "is made: the fewest replicas run whatever the load, while the plan and the budget count the most.",
    fix="set replicas=N; or use an engine that reports its queue",
    source=("llminfra: planning/controllers/needs.py", "vllm-project/production-stack pull request 679"),
)
def scaling_has_a_metric(plan: Plan) -> Iterator[Hit]:
    """Bounds that nothing moves between."""
    for endpoint in plan.endpoints:
        if endpoint.max_replicas == endpoint.min_replicas or scales(endpoint, plan) or endpoint.overflow is not None:
            continue
        metrics = endpoint.invocation.metrics
        told = metrics is not None and metrics.waiting is not None and plan.platform.observability is not None
        if told or (endpoint.min_replicas == 0 and not can_wake(plan, endpoint)):
            continue  # whom to ask is LLM_OBS_15's, and what wakes it LLM_SRV_69's
        silent = metrics is None or metrics.waiting is None
        yield Hit(
            path=endpoint_path(endpoint, "replicas"),
            message=f"nothing scales the endpoint: {endpoint.engine} reports no queue"
            if silent
            else "nothing scales the endpoint: the platform has no Prometheus",
            found=f"{endpoint.min_replicas} to {endpoint.max_replicas} replicas",
            expected="a fixed number of replicas, or a metric",
            fix="set replicas=N; or use an engine that reports its queue, such as VLLM(…), or name the gauge of a "
            "server of your own: CustomMetrics(waiting=…)"
            if silent
            else "set Platform(observability=Observability()), or replicas=N",
        )


RULES = (
    startup_waits,
    drain_fits_grace,
    spot_drain,
    rollout_has_room,
    zero_can_wake,
    cooldown_above_start,
    scaling_sees_load,
    scaling_has_a_metric,
)
