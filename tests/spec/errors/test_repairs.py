"""Fixes hold what the user wrote, and followed as they stand they work."""

import re

import pytest

from llminfra import (
    VLLM,
    Autoscaling,
    BatchQueue,
    Bedrock,
    BedrockModel,
    Cluster,
    Endpoint,
    Gateway,
    GpuPool,
    Image,
    ImageMirror,
    LoraAdapter,
    Lustre,
    Model,
    ModelBucket,
    Network,
    Observability,
    Parallelism,
    Platform,
    RoleAccess,
    S3State,
    SpecError,
    SystemNodes,
    Tenant,
    Waiver,
)
from llminfra.diagnostics import Diagnostic
from llminfra.spec.errors.expectations import written_as_yaml
from llminfra.spec.errors.units import number_in, pair_in

POOL = GpuPool(name="l4", instance_types=["g6.xlarge"], nodes=(0, 1))
MODEL = Model(id="Qwen/Qwen3-8B")
CHAT = Endpoint(name="chat", model=MODEL, engine=VLLM(), on=POOL)
BUCKET = ModelBucket(name="acme-weights")
ECR = "111122223333.dkr.ecr.us-east-1.amazonaws.com"


def refusal(cls: type, **fields: object) -> Diagnostic:
    with pytest.raises(SpecError) as raised:
        cls(**fields)
    return raised.value.diagnostics[0]


def pool(**fields: object) -> Diagnostic:
    return refusal(GpuPool, name="a", instance_types=["g6.xlarge"], **fields)


def platform(**fields: object) -> Diagnostic:
    return refusal(Platform, name="p", region="us-east-1", **fields)


def adapter(**fields: object) -> Diagnostic:
    return refusal(LoraAdapter, name="a", bucket=BUCKET, rank=8, **fields)


@pytest.mark.parametrize(
    ("given", "fix"),
    [
        ([4], "write nodes=4, or nodes=(0, 4) for at most as many"),
        ([1, 2, 3], "write nodes=(1, 3)"),
        ({"min": 0, "max": 4}, "write nodes=(0, 4)"),
        ({"max": 4, "min": 0}, "write nodes=(0, 4)"),
        ("0-4", "write nodes=(0, 4)"),
        ("4..0", "write nodes=(0, 4)"),
        ("2 to 6", "write nodes=(2, 6)"),
        ("4 nodes", "write nodes=4, or nodes=(0, 4) for at most as many"),
        ([0, "3 nodes"], "write nodes=(0, 3)"),
        ([], "write nodes=(0, 8)"),
        ([0, -2], "set nodes[1] to at least 0"),
    ],
)
def test_a_range_of_nodes(given: object, fix: str) -> None:
    assert pool(nodes=given).fix == fix


def test_half_a_pair_is_no_missing_field() -> None:
    found = pool(nodes=[4])
    assert (found.code, found.path, found.found) == ("LLM_SPEC_1", "pools.a.nodes", "[4]")
    assert found.message == "nodes has one entry, and takes two"
    assert found.expected == "a pair of whole numbers, or one number that is both"


@pytest.mark.parametrize(
    ("found", "fix"),
    [
        (lambda: pool(root_volume_gib="200GB"), "write root_volume_gib=200"),
        (lambda: pool(root_volume_gib="1 TiB"), "write root_volume_gib=1024"),
        (
            lambda: pool(root_volume_gib="5 GB"),
            "set root_volume_gib to a whole number of at least 20 and at most 16384",
        ),
        (lambda: refusal(Lustre, name="w", capacity_gib="4.8TB"), "write capacity_gib=4800"),
        (lambda: refusal(Autoscaling, min=1, max=2, cooldown_s="10 min"), "write cooldown_s=600"),
        (lambda: refusal(Observability, retention_days="2 weeks"), "write retention_days=14"),
        (lambda: platform(budget_usd_per_month="$5,000"), "write budget_usd_per_month=5000"),
        (lambda: refusal(VLLM, gpu_memory_utilization="90 %"), "write gpu_memory_utilization=0.9"),
        (lambda: refusal(VLLM, gpu_memory_utilization=90), "write gpu_memory_utilization=0.9"),
        (lambda: refusal(VLLM, extra_args="--seed 5"), "write extra_args=['--seed', '5']"),
        (
            lambda: refusal(VLLM, image="vllm/vllm-openai:v0.27.1"),
            'write image=Image(repository="vllm/vllm-openai", tag="v0.27.1")',
        ),
        (lambda: platform(cluster="1.35"), 'write cluster=Cluster(version="1.35")'),
        (lambda: platform(network="10.0.0.0/16"), 'write network=Network(cidr="10.0.0.0/16")'),
        (lambda: refusal(Parallelism, tp=8), "did you mean 'tensor'?"),
        (lambda: refusal(Parallelism, pipeline_parallel_size=8), "did you mean 'pipeline'?"),
        (lambda: refusal(S3State, bucket="s3://acme-state/x"), 'write bucket="acme-state"'),
        (lambda: refusal(ModelBucket, name="s3://acme-w/models"), 'write name="acme-w"'),
        (lambda: refusal(ModelBucket, name="https://acme-w.s3.eu-west-1.amazonaws.com/a"), 'write name="acme-w"'),
        (lambda: adapter(key="s3://acme-w/adapters/a/v1/"), 'write key="adapters/a/v1"'),
        (lambda: refusal(ImageMirror, registry=f"https://{ECR}/"), f'write registry="{ECR}"'),
        (lambda: refusal(Image, repository=f"https://{ECR}/vllm", tag="v1"), f'write repository="{ECR}/vllm"'),
        (
            lambda: refusal(Gateway, name="llm", endpoints=[CHAT], hostname="https://llm.acme.example/v1"),
            'write hostname="llm.acme.example"',
        ),
        (lambda: refusal(Model, id="https://huggingface.co/Qwen/Qwen3-8B/tree/main"), 'write id="Qwen/Qwen3-8B"'),
        (lambda: refusal(Tenant, name="a", tokens_per_minute="2M"), "write tokens_per_minute=2000000"),
        (lambda: platform(budget_usd_per_month="5K"), "write budget_usd_per_month=5000"),
        (lambda: refusal(VLLM, max_model_len="1M"), "write max_model_len=1048576"),
        (lambda: refusal(VLLM, max_model_len=[16384]), "write max_model_len=16384"),
        (lambda: refusal(VLLM, max_model_len={"tokens": 16384}), "write max_model_len=16384"),
        (lambda: refusal(VLLM, max_model_len="16,384 tokens"), "write max_model_len=16384"),
        (lambda: refusal(VLLM, extra_args=["--seed", 5]), "write extra_args=['--seed', \"5\"]"),
        (lambda: pool(zones="us-east-1a, us-east-1b"), "write zones=['us-east-1a', 'us-east-1b']"),
        (lambda: pool(zones={"us-east-1a": 1}), "write zones=['us-east-1a']"),
        (lambda: pool(zones=[["us-east-1a"]]), "write zones=['us-east-1a']"),
        (lambda: platform(tags=["a=b", "team: x"]), 'write tags={"a": "b", "team": "x"}'),
        (lambda: platform(tags=[{"a": 1}]), 'write tags={"a": "1"}'),
        (lambda: platform(observability=True), "leave observability out: there is one with its defaults without it"),
        (lambda: platform(observability=False), "write observability=None"),
        (lambda: platform(cluster="no"), "write cluster=None"),
        (lambda: platform(state="S3"), "write state=S3State(…)"),
    ],
)
def test_the_users_own_values_are_in_the_fix(found, fix) -> None:  # type: ignore[no-untyped-def]  # tables of calls
    assert found().fix == fix


@pytest.mark.parametrize("place", ["s3://acme-w/support-8b/", "./support-8b", "/support-8b"])
def test_a_place_is_no_name_of_a_model(place: str) -> None:
    found = refusal(Model, id=place)
    assert found.message == "id is the model's name, and this is a place"
    assert found.fix.startswith('write id="acme/support-8b" with a config and a revision')


def test_tenants_by_name_are_a_list_in_yaml() -> None:
    with written_as_yaml():
        found = refusal(Gateway, name="llm", endpoints=[CHAT], tenants={"a": {"claim": "x"}, "b": {"claim": "y"}})
    assert found.fix == "write tenants: [{name: a, …}, {name: b, …}]"


@pytest.mark.parametrize(
    ("fields", "fix"),
    [
        ({"replicas": "2-4"}, "write replicas: {min: 2, max: 4}"),
        ({"replicas": [2]}, "write replicas: 2"),
        ({"model": ["Qwen/Qwen3-8B"]}, "write model: {id: Qwen/Qwen3-8B}"),
        ({"engine": ["vllm"]}, "write engine: vllm"),
        ({"on": ["l4"]}, "write on: l4"),
        ({"parallelism": 8}, "write parallelism: {tensor: 8}"),
        ({"slo": "500ms"}, "write slo: {time_to_first_token_ms: 500}"),
    ],
)
def test_brackets_too_many_in_yaml(fields: dict[str, object], fix: str) -> None:
    with written_as_yaml():
        found = refusal(Endpoint, **{"name": "chat", "model": MODEL, "engine": VLLM(), "on": POOL, **fields})
    assert found.fix == fix


@pytest.mark.parametrize(
    ("fields", "path", "fix"),
    [
        ({"pools": [POOL, BUCKET]}, "pools[1]", "move it to storage=[…]"),
        ({"storage": [POOL]}, "storage[0]", "move it to pools=[…]"),
        ({"gateways": [CHAT]}, "gateways[0]", "move it to endpoints=[…]"),
        ({"endpoints": [POOL]}, "endpoints[0]", "move it to pools=[…]"),
        ({"waivers": [MODEL]}, "waivers[0]", "move it to Endpoint(model=…)"),
        ({"pools": [VLLM()]}, "pools[0]", "move it to Endpoint(engine=…)"),
        ({"network": Cluster()}, "network", "move it to cluster=…"),
    ],
)
def test_an_object_in_the_wrong_place_is_told_its_own(fields: dict[str, object], path: str, fix: str) -> None:
    found = platform(**fields)
    assert (found.path, found.fix) == (f"platforms.p.{path}", fix)
    assert " takes no " in found.message


def test_objects_that_are_crossed_are_told_their_fields() -> None:
    with pytest.raises(SpecError) as raised:
        Endpoint(name="chat", model=POOL, engine=MODEL, on=BUCKET, weights=POOL)  # type: ignore[arg-type]  # refused
    fixes = {item.path.rpartition(".")[2]: item.fix for item in raised.value.diagnostics}
    own = {"model": "on", "engine": "model", "on": "weights", "weights": "on"}
    assert fixes == {field: f"move it to {place}=…" for field, place in own.items()}


@pytest.mark.parametrize(
    ("cls", "fields", "meant"),
    [
        (Endpoint, {"name": "c", "model": MODEL, "engine": VLLM(), "pool": POOL}, "on"),
        (Endpoint, {"name": "c", "model": MODEL, "engine": VLLM(), "runs_where": POOL}, "on"),
        (VLLM, {"context_length": 4096}, "max_model_len"),
        (Platform, {"name": "p", "region": "us-east-1", "buckets": []}, "storage"),
    ],
)
def test_a_field_is_known_by_what_it_takes(cls: type, fields: dict[str, object], meant: str) -> None:
    with pytest.raises(SpecError) as raised:
        cls(**fields)
    (found,) = raised.value.diagnostics
    assert found.fix == f"did you mean {meant!r}?"


@pytest.mark.parametrize(
    ("found", "twice"),
    [
        (lambda: pool(zones=["us-east-1a", "us-east-1a"]), "'us-east-1a'"),
        (lambda: refusal(Network, zones=["us-east-1a", "us-east-1b", "us-east-1a"]), "'us-east-1a'"),
        (lambda: refusal(BatchQueue, instance_types=["g6.xlarge"], max_instances=1, zones=["a", "a"]), "'a'"),
        (lambda: refusal(Cluster, public_access_cidrs=["203.0.113.0/24"] * 2), "'203.0.113.0/24'"),
        (lambda: refusal(Cluster, admin_role_arns=["arn:aws:iam::111122223333:role/a"] * 2), "role/a'"),
        (
            lambda: refusal(
                Gateway, name="g", endpoints=[CHAT], exposure="cluster", allow_from_cidrs=["10.0.0.0/8"] * 2
            ),
            "'10.0.0.0/8'",
        ),
    ],
)
def test_an_entry_that_stands_twice_is_refused(found, twice) -> None:  # type: ignore[no-untyped-def]  # as above
    item = found()
    assert item.code == "LLM_SPEC_4"
    assert item.message.endswith(f"{twice} stands twice")
    assert item.fix.startswith("remove the second ")


def test_who_may_call_bedrock_is_named_once() -> None:
    model = BedrockModel(name="opus", id="anthropic.claude-opus-4-1-20250805-v1:0")
    access = [RoleAccess(role_name="jobs", models=[model]), RoleAccess(role_name="jobs")]
    found = refusal(Bedrock, models=[model], access=access)
    assert (found.code, found.message) == ("LLM_SPEC_4", "the role jobs has access twice")
    assert found.fix == "put the models of both into one access of the role jobs"


@pytest.mark.parametrize("given", ["0-4", [4], [1, 2, 3], {"min": 1, "max": 3}, "5", {"most": 6}])
def test_the_fix_of_a_range_can_be_followed(given: object) -> None:
    text = pool(nodes=given).fix.removeprefix("write nodes=").partition(", or ")[0]
    number = tuple(int(each) for each in re.findall(r"\d+", text))
    nodes = number if len(number) == 2 else number[0]
    assert GpuPool(name="a", instance_types=["g6.xlarge"], nodes=nodes).nodes  # type: ignore[arg-type]  # by its validator


@pytest.mark.parametrize(
    ("text", "field", "number"),
    [
        ("24 GiB", "root_volume_gib", 24),
        ("0.5TiB", "storage_gib", 512),
        ("1_000", "capacity_gib", 1000),
        ("5 min", "timeout_s", 300),
        ("2s", "time_to_first_token_ms", 2000),
        ("8K", "max_model_len", 8192),
        ("8k", "max_model_len", 8000),
        ("8k tokens", "max_model_len", None),
        ("5 apples", "max_model_len", None),
        ("5 GB", "timeout_s", None),
        ("many", "nodes", None),
        ("1,00", "nodes", None),
    ],
)
def test_numbers_with_units(text: str, field: str, number: float | None) -> None:
    assert number_in(text, field) == number


@pytest.mark.parametrize("value", [None, "a-b", {"a": "b"}, ["x"], True, [True, 1], 2.5])
def test_what_is_no_range(value: object) -> None:
    assert pair_in(value) == ()


@pytest.mark.parametrize(
    ("written", "fix"),
    [
        ("31.12.2026", 'write expires="2026-12-31"'),
        ("2026/12/31", 'write expires="2026-12-31"'),
        ("31 Dec 2026", 'write expires="2026-12-31"'),
        ("3/4/2027", "set expires to a date, such as 2027-06-30"),
        ("31.02.2027", "set expires to a date, such as 2027-06-30"),
    ],
)
def test_a_day_in_another_form_is_the_day_that_it_means(written: str, fix: str) -> None:
    assert (
        refusal(Waiver, rule="LLM_CAP_7", reason="Finance knows of it and agrees.", owner="ml", expires=written).fix
        == fix
    )
    if "write" in fix:
        with written_as_yaml():
            found = refusal(
                Waiver, rule="LLM_CAP_7", reason="Finance knows of it and agrees.", owner="ml", expires=written
            )
        assert found.fix == "write expires: 2026-12-31"


@pytest.mark.parametrize("cls", [SystemNodes, GpuPool])
def test_a_minimum_above_the_maximum_is_refused_of_every_kind_of_nodes(cls: type) -> None:
    fields = {"name": "a", "instance_types": ["g6.xlarge"]} if cls is GpuPool else {}
    found = refusal(cls, nodes=(3, 1), **fields)
    assert (found.code, found.found, found.fix) == ("LLM_SPEC_1", "nodes=(3, 1)", "set nodes=(1, 3)")
