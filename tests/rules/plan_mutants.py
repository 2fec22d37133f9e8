"""A plan for each rule on the plan: production, broken in the way that the rule is about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from llminfra import (
    Autoscaling,
    Bedrock,
    BedrockModel,
    Cluster,
    ExistingCluster,
    ExistingNetwork,
    ExistingPrometheus,
    Gateway,
    Image,
    Network,
    Observability,
    OnDemand,
    Overflow,
    Parallelism,
    Secret,
    Spot,
    SystemNodes,
    Tenant,
    WorkingHours,
)
from llminfra.engines.invocation import Invocation, Probe
from llminfra.planning.cluster.gpu_shares import CONFIG_LABEL
from llminfra.planning.plan import Plan
from llminfra.planning.plan.endpoint import EndpointPlan
from llminfra.planning.plan.image_lock import ImageLock
from llminfra.planning.plan.infrastructure import SubnetPlan
from llminfra.planning.platform import plan_platform
from tests.rules.platforms import changed, engine, model, outside, prod, prod_plan

BY_DAY = WorkingHours(min=2, time_zone="Europe/Berlin")


def planned(plan: Plan, name: str, **fields: object) -> Plan:
    """The plan with other fields in one endpoint: for what no spec leads to."""
    return replace(
        plan, endpoints=tuple(replace(item, **fields) if item.name == name else item for item in plan.endpoints)
    )


def unobserved(plan: Plan, name: str) -> Invocation:
    """The container of an endpoint, without metrics."""
    return replace(next(item for item in plan.endpoints if item.name == name).invocation, metrics=None)


def pooled(plan: Plan, name: str, **fields: object) -> Plan:
    """The plan with other fields in one pool."""
    return replace(plan, pools=tuple(replace(item, **fields) if item.name == name else item for item in plan.pools))


def chat(plan: Plan) -> EndpointPlan:
    return next(item for item in plan.endpoints if item.name == "chat")


def from_spec(**changes: object) -> Callable[[], Plan]:
    """A mutant that a user could write."""
    return lambda: plan_platform(changed(**changes))  # type: ignore[arg-type]  # fields by name


def cap_3() -> Plan:
    # The planner gives a replica several nodes only where there is EFA, and such a pool may not be spot by default.
    plan = planned(prod_plan(), "chat", nodes=2)
    return pooled(plan, "h100", capacity_types=("spot",))


def dist_7() -> Plan:
    # Over TCP, on a pool without EFA: one that has it lies in one zone.
    plan = planned(prod_plan(), "assistant", nodes=2, max_replicas=6)
    return pooled(plan, "l40s", capacity_types=("on-demand",))


def dist_20() -> Plan:
    held = chat(prod_plan())
    image = "public.ecr.aws/deep-learning-containers/vllm"
    given = replace(held.invocation, image_repository=image, env={**held.invocation.env, "FI_PROVIDER": "tcp"})
    return planned(prod_plan(), "chat", resources=replace(held.resources, efa=4), invocation=given)


def cap_15() -> Plan:
    return pooled(prod_plan(), "l40s", consolidate_after_s=300)


def cap_18() -> Plan:
    spare = prod().pools[1].model_copy(update={"name": "spare", "nodes": (1, 2)})
    return plan_platform(changed(pools_more=(spare,)))


def cap_49() -> Plan:
    return pooled(prod_plan(), "l40s", min_nodes=7)


def shared(observability: Observability | ExistingPrometheus | None = None, **fields: Any) -> Callable[[], Plan]:
    """Production on a cluster that is there."""

    def make() -> Plan:
        subnets = {f"us-east-1{letter}": f"subnet-0123456789abcdef{place}" for place, letter in enumerate("abc")}
        network = ExistingNetwork(vpc_id="vpc-0123456789abcdef0", cidr="10.20.0.0/16", private_subnet_ids=subnets)
        cluster = ExistingCluster(**{"name": "shared", "version": "1.35", "namespaces": [], **fields})
        watched = {} if observability is None else {"observability": observability}
        return from_spec(cluster=cluster, network=network, **watched)()

    return make


THERE = ExistingPrometheus(namespace="monitoring", match_labels={"release": "kube-prometheus-stack"})
ASKED = THERE.model_copy(update={"url": "http://prometheus-operated.monitoring.svc:9090"})


def obs_15() -> Plan:
    plan = shared(THERE)()
    return replace(plan, cluster=None)  # or LLM_OBS_16 would speak of it, too


def cap_57() -> Plan:
    labels = {CONFIG_LABEL: "time-slicing-4"}
    return pooled(shared(installed=["nvidia-device-plugin"])(), "l40s", labels=labels)


def net_13() -> Plan:
    plan = prod_plan()
    small = tuple(
        SubnetPlan(zone=item.zone, kind=item.kind, cidr="10.20.0.0/26") if item.kind == "private" else item
        for item in plan.network.subnets
    )
    return replace(plan, network=replace(plan.network, subnets=small))


def obs_10() -> Plan:
    plan = prod_plan()
    managed = Observability(prometheus="managed", grafana="managed")
    return replace(plan, platform=plan.platform.model_copy(update={"observability": managed, "region": "eu-north-1"}))


def elsewhere(region: str) -> Plan:
    plan = prod_plan()
    return replace(plan, platform=plan.platform.model_copy(update={"region": region}))


def guarded(region: str, **fields: Any) -> Plan:
    """Production with a model of Bedrock, in a region that has what its file system is of."""
    bedrock = Bedrock(models=[BedrockModel(name="nova", id="amazon.nova-pro-v1:0")], **fields)
    plan = plan_platform(changed(bedrock=bedrock))
    return replace(plan, platform=plan.platform.model_copy(update={"region": region}))


def obs_12() -> Plan:
    silent = unobserved(prod_plan(), "assistant")
    return planned(prod_plan(), "assistant", engine="custom", min_replicas=6, max_replicas=6, invocation=silent)


def obs_11() -> Plan:
    plan = prod_plan()
    managed = Observability(prometheus="managed")
    return replace(plan, platform=plan.platform.model_copy(update={"observability": managed, "region": "cn-north-1"}))


def srv_3() -> Plan:
    plan = prod_plan()
    return planned(plan, "chat", resources=replace(chat(plan).resources, gpus=9))


def srv_6() -> Plan:
    plan = prod_plan()
    call = chat(plan).invocation
    kept = tuple(item for item in call.args if not item.startswith("--max-num-seqs"))
    return planned(plan, "chat", invocation=replace(call, args=kept))


def srv_8() -> Plan:
    plan = prod_plan()
    call = chat(plan).invocation
    hasty = Probe(path="/health", port=8000, period_s=10, timeout_s=1, failure_threshold=3)
    return planned(plan, "chat", invocation=replace(call, startup=hasty))


def srv_13() -> Plan:
    plan = prod_plan()
    return planned(plan, "chat", drain=replace(chat(plan).drain, grace_s=30))


def srv_60() -> Plan:
    return planned(prod_plan(), "assistant", rollout="surge", min_replicas=1_200)


def srv_64() -> Plan:
    plan = prod_plan()
    held = chat(plan)
    spec = held.spec.model_copy(
        update={"engine": held.spec.engine.model_copy(update={"image": Image(repository="acme/vllm", tag="1.0.0")})}
    )
    return planned(plan, "chat", spec=spec, resources=replace(held.resources, efa=32))


def sto_8() -> Plan:
    return pooled(prod_plan(), "l40s", raid0=False, root_volume_gib=40)


def sto_10() -> Plan:
    plan = prod_plan()
    weights = replace(chat(plan).weights, kind="hub", storage=None, mount_path=None)
    return planned(plan, "chat", weights=weights)


def sto_13() -> Plan:
    return replace(outside("ec2"), hub_copies=())


def behind(**fields: object) -> Plan:
    """Production with a gateway that is fine but for these fields."""
    assistant = next(item for item in prod().workloads if item.name == "assistant")
    key = Secret(name="acme/tenant")
    given = {
        "name": "llm",
        "endpoints": [assistant],
        "exposure": "cluster",
        "tenants": [Tenant(name="web", api_key=key, tokens_per_minute=1_000_000)],
    }
    return plan_platform(changed(gateways=[Gateway(**given | fields)]))  # type: ignore[arg-type]  # fields by name


def gw_8() -> Plan:
    certificate = "arn:aws:acm:us-east-1:111122223333:certificate/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
    return behind(exposure="public", hostname="llm.example.com", certificate_arn=certificate, tenants=[])


def gw_13() -> Plan:
    plan = behind()
    (gateway,) = plan.gateways
    routes = tuple(replace(item, hold_s=10) for item in gateway.routes)
    return replace(plan, gateways=(replace(gateway, routes=routes),))


def overflowing(*, turned: bool = False) -> Callable[[], Plan]:
    """Production whose assistant is on demand, with more of it on spot; or the other way round."""

    def make() -> Plan:
        near = {"zones": ("us-east-1a",)}  # both replicas on one node
        elastic = prod().pools[1].model_copy(update=near)
        steady = elastic.model_copy(update={"name": "steady", "nodes": (0, 2), "capacity": OnDemand()})
        base, more = (elastic, steady) if turned else (steady, elastic)
        given = {"on": base, "replicas": 2, "overflow": Overflow(on=more, max=2)}
        return plan_platform(changed({"l40s": near}, endpoints={"assistant": given}, pools_more=(steady,)))

    return make


def ovf_4() -> Plan:
    plan = overflowing()()
    (beyond,) = (item for item in plan.endpoints if item.overflow is not None)
    slower = replace(beyond.overflow, throughput=0.3) if beyond.overflow else None
    return planned(plan, beyond.name, overflow=slower)


def srv_2() -> Plan:
    return planned(prod_plan(), "chat", revision=None)


def unfiltered(name: str, **engine_fields: object) -> Callable[[], Plan]:
    """A mutant with flags or variables that the version may not know: LLM_FIT_7 refuses those before any rule runs."""

    def make() -> Plan:
        plan = prod_plan()
        held = next(item for item in plan.endpoints if item.name == name)
        call = held.invocation
        env = {**call.env, **engine_fields.get("env", {})}  # type: ignore[dict-item]  # fields by name
        args = (*call.args, *engine_fields.get("args", ()))  # type: ignore[misc]  # fields by name
        return planned(plan, name, invocation=replace(call, env=env, args=args))

    return make


MUTANTS: dict[str, Callable[[], Plan]] = {
    "LLM_BED_7": lambda: guarded("ap-east-1"),
    "LLM_CAP_3": cap_3,
    "LLM_CAP_7": from_spec(budget_usd_per_month=None),
    "LLM_CAP_52": shared(installed=["external-secrets"]),
    "LLM_CAP_53": shared(namespaces=None),
    "LLM_CAP_54": shared(namespaces=["monitring"]),
    "LLM_CAP_57": cap_57,
    "LLM_CAP_48": from_spec(cluster=Cluster(system_nodes=SystemNodes(instance_types=["t3.medium"]))),
    "LLM_CAP_13": from_spec(pools={"l40s": {"capacity": Spot(fallback_on_demand=False)}}),
    "LLM_CAP_15": cap_15,
    "LLM_CAP_18": cap_18,
    "LLM_CAP_49": cap_49,
    "LLM_CAP_58": from_spec(endpoints={"chat": {"replicas": Autoscaling(min=1, max=8, working_hours=[BY_DAY])}}),
    "LLM_CAP_60": from_spec(endpoints={"chat": {"replicas": Autoscaling(min=1, max=4)}}),
    "LLM_CAP_61": from_spec(pools={"l40s": {"zones": ("us-east-1a",)}}, endpoints={"assistant": {"replicas": 3}}),
    "LLM_DIST_7": dist_7,
    "LLM_DIST_20": dist_20,
    "LLM_GW_8": gw_8,
    "LLM_GW_9": lambda: behind(tenants=[Tenant(name="web", api_key=Secret(name="acme/tenant"))]),
    "LLM_GW_12": lambda: behind(tenants=[]),
    "LLM_GW_13": gw_13,
    "LLM_IMG_1": lambda: replace(prod_plan(), image_lock=ImageLock(file="lock.json", problem="there is no file")),
    "LLM_IMG_2": lambda: replace(prod_plan(), image_lock=ImageLock(file="lock.json")),
    "LLM_NET_12": from_spec(
        network=Network(cidr="10.20.0.0/16", zones=["us-east-1a", "us-east-1b", "us-east-1c"], flow_logs_days=0)
    ),
    "LLM_NET_13": net_13,
    "LLM_NET_14": from_spec(pools={"h100": {"nodes": (0, 1)}}),
    "LLM_OBS_1": from_spec(observability=None, endpoints={"chat": {"replicas": 8}, "assistant": {"replicas": 6}}),
    "LLM_OBS_10": obs_10,
    "LLM_OBS_11": obs_11,
    "LLM_OBS_12": obs_12,
    "LLM_OBS_13": from_spec(observability=ASKED),
    "LLM_OBS_14": shared(installed=["kube-prometheus-stack"]),
    "LLM_OBS_15": obs_15,
    "LLM_OBS_16": shared(ASKED),
    "LLM_OBS_17": shared(installed=["dcgm-exporter"]),
    "LLM_OVF_3": overflowing(turned=True),
    "LLM_OVF_4": ovf_4,
    "LLM_STO_14": lambda: elsewhere("eu-west-3"),
    "LLM_SEC_11": unfiltered("assistant", env={"ACME_API_KEY": "correct-horse"}),
    "LLM_SRV_2": srv_2,
    "LLM_SRV_3": srv_3,
    "LLM_SRV_6": srv_6,
    "LLM_SRV_8": srv_8,
    "LLM_SRV_11": from_spec(endpoints=model("chat", trust_remote_code=True)),
    "LLM_SRV_12": unfiltered("assistant", args=("--load-format=pt",)),
    "LLM_SRV_13": srv_13,
    "LLM_SRV_14": from_spec(endpoints={"assistant": {"replicas": 1, "parallelism": Parallelism(tensor=4)}}),
    "LLM_SRV_60": srv_60,
    "LLM_SRV_64": srv_64,
    "LLM_SRV_65": from_spec(endpoints=engine("assistant", extra_args=("--enable-log-requests",))),
    "LLM_SRV_66": unfiltered("assistant", env={"VLLM_SERVER_DEV_MODE": "1"}),
    "LLM_SRV_67": unfiltered("assistant", env={"VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True"}),
    "LLM_SRV_68": unfiltered("assistant", env={"VLLM_ALLOW_LONG_MAX_MODEL_LEN": "1"}),
    "LLM_SRV_69": from_spec(endpoints={"assistant": {"replicas": Autoscaling(min=0, max=6)}}),
    "LLM_SRV_70": from_spec(endpoints={"assistant": {"replicas": Autoscaling(min=1, max=6, cooldown_s=60)}}),
    "LLM_SRV_71": from_spec(endpoints={"assistant": {"served_name": "meta-llama/Llama-3.3-70B-Instruct"}}),
    "LLM_SRV_72": from_spec(endpoints={"assistant": {"allow_from_namespaces": ("web",)}}),
    "LLM_SRV_75": unfiltered("assistant", env={"RUNAI_STREAMER_MEMORY_LIMIT": str(10**13)}),
    "LLM_SRV_76": unfiltered("assistant", args=("--distributed-executor-backend", "ray")),
    "LLM_SRV_79": lambda: planned(prod_plan(), "assistant", busy=None),
    "LLM_SRV_80": lambda: planned(prod_plan(), "assistant", invocation=unobserved(prod_plan(), "assistant")),
    "LLM_SRV_77": unfiltered("assistant", env={"AWS_EC2_METADATA_DISABLED": "true"}),
    "LLM_SRV_78": from_spec(endpoints=engine("assistant", image=Image(repository="acme/vllm", tag="v0.11.0-audio"))),
    "LLM_STO_8": sto_8,
    "LLM_STO_10": sto_10,
    "LLM_STO_13": sto_13,
}
