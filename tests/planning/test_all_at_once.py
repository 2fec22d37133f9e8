"""Independent mistakes of one spec come in one run, whatever part of it they are in; what only follows is not told."""

from pathlib import Path

import pytest

from llminfra.catalog.datafile import read_data
from llminfra.catalog.instances import all_gpu_types
from llminfra.diagnostics import Diagnostic, Severity, SpecError, errors
from llminfra.planning import specs as planned
from llminfra.planning.mended import ANYWHERE
from llminfra.rules.specs import plan_specs

HEAD = "name: acme\nregion: us-east-1\n"
POOLS = """pools:
  small: {instance_types: [g6.xlarge], nodes: [0, 2]}
  efa: {instance_types: [g6.48xlarge], nodes: [0, 2], efa: true, zones: [us-east-1a, us-east-1b]}
"""
GOOD_POOLS = POOLS.replace(", us-east-1b", "")
BIG = "{id: deepseek-ai/DeepSeek-R1}"
QWEN = "{id: Qwen/Qwen3-8B}"
SOUND = "{kind: vllm, image: {repository: acme/vllm, tag: v1, audio: true}}"


def endpoint(name: str, model: str = QWEN, on: str = "small", engine: str = "{kind: vllm, max_model_len: 4096}") -> str:
    return f"  {name}:\n    model: {model}\n    engine: {engine}\n    on: {on}\n"


def found_in(tmp_path: Path, text: str) -> list[Diagnostic]:
    file = tmp_path / "spec.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SpecError) as raised:
        plan_specs([file])
    return list(raised.value.diagnostics)


def told(tmp_path: Path, text: str) -> set[tuple[str, str]]:
    return {(item.code, item.path) for item in errors(found_in(tmp_path, text))}


@pytest.mark.parametrize(
    ("cluster", "wrong"),
    [
        ("{system_nodes: {instance_types: [m7i.xlrge]}}", ("LLM_CAP_20", "cluster.system_nodes.instance_types[0]")),
        (
            "{name: shared, version: '1.35', installed: [karpenter]}",
            ("LLM_CAP_51", "cluster.karpenter_node_role"),
        ),
    ],
)
def test_a_cluster_hides_nothing_of_its_endpoints(tmp_path: Path, cluster: str, wrong: tuple[str, str]) -> None:
    subnets = "{us-east-1a: subnet-0aaaaaaaaaaaaaaa1, us-east-1b: subnet-0aaaaaaaaaaaaaaa2}"
    there = f"network: {{vpc_id: vpc-0123456789abcdef0, cidr: 10.0.0.0/16, private_subnet_ids: {subnets}}}\n"
    network = "" if "system" in cluster else there
    zero = endpoint("zero") + "    replicas: {min: 0, max: 2}\n"
    text = f"{HEAD}{network}cluster: {cluster}\n{GOOD_POOLS}endpoints:\n{endpoint('big', BIG, on='efa')}{zero}"
    assert told(tmp_path, text) == {wrong, ("LLM_FIT_1", "endpoints.big"), ("LLM_SRV_69", "endpoints.zero.replicas")}


def test_shapes_references_pools_fit_and_policy_together(tmp_path: Path) -> None:
    text = (
        f"{HEAD}budget_usd_per_month: 5\nnetwork: {{cidr: 10.0.0.0/28}}\n{POOLS}"
        "  odd: {instance_types: [p5.48xl], root_volume_gib: 5}\n"
        "storage:\n  lus: {kind: lustre, capacity_gib: 1300}\nendpoints:\n"
        + endpoint("big", BIG, on="efa")
        + endpoint("lost", on="nowhere")
        + endpoint("trusting", "{id: Qwen/Qwen3-8B, trust_remote_code: true}")
        + endpoint("unknown", "{id: Qwen/Qwen3-8C}")
        + endpoint("old", "{id: Qwen/Qwen3-8B, revision: main}", engine='{kind: vllm, version: "0.1"}')
    )
    assert told(tmp_path, text) >= {
        ("LLM_NET_24", "network.cidr"),
        ("LLM_CAP_24", "pools.efa.zones"),
        ("LLM_CAP_20", "pools.odd.instance_types[0]"),
        ("LLM_SPEC_1", "pools.odd.root_volume_gib"),
        ("LLM_STO_20", "storage.lus.capacity_gib"),
        ("LLM_FIT_1", "endpoints.big"),
        ("LLM_REF_3", "endpoints.lost.on"),
        ("LLM_SRV_11", "endpoints.trusting.model.trust_remote_code"),
        ("LLM_FIT_3", "endpoints.unknown.model.id"),
        ("LLM_SPEC_1", "endpoints.old.model.revision"),
        ("LLM_FIT_8", "endpoints.old.engine.version"),
    }


@pytest.mark.parametrize(
    ("line", "wrong", "path"),
    [
        ("efa: true, zones: [us-east-1a]", "efa: true, zones: [us-east-1a, us-east-1b]", "pools.efa.zones"),
        ("efa: true, zones: [us-east-1a]", "efa: true, zones: [us-east-1z]", "pools.efa.zones[0]"),
        ("region: us-east-1", "region: us-east-7", "region"),
    ],
)
def test_what_is_wrong_around_an_endpoint_hides_no_misfit(tmp_path: Path, line: str, wrong: str, path: str) -> None:
    text = HEAD + GOOD_POOLS + "endpoints:\n" + endpoint("big", BIG, on="efa")
    assert told(tmp_path, text) == {("LLM_FIT_1", "endpoints.big")}
    found = told(tmp_path, text.replace(line, wrong))
    assert ("LLM_FIT_1", "endpoints.big") in found
    assert path in {where for _, where in found}


def test_a_misfit_hides_no_policy(tmp_path: Path) -> None:
    trusting = endpoint("trusting", "{id: Qwen/Qwen3-8B, trust_remote_code: true}", on="efa")
    text = HEAD + GOOD_POOLS + "endpoints:\n" + endpoint("big", BIG) + trusting
    policy = ("LLM_SRV_11", "endpoints.trusting.model.trust_remote_code")
    assert told(tmp_path, text) == {("LLM_FIT_1", "endpoints.big"), policy}
    assert policy in told(tmp_path, text.replace("[us-east-1a]", "[us-east-1a, us-east-1b]"))


def test_what_nobody_could_read_accepts_nothing_and_everything(tmp_path: Path) -> None:
    text = HEAD + "waivers: [{rule: LLM_SRV_11}]\n" + GOOD_POOLS + "endpoints:\n"
    text += endpoint("trusting", "{id: Qwen/Qwen3-8B, trust_remote_code: true}")
    assert "LLM_SRV_11" not in {code for code, _ in told(tmp_path, text)}


def test_a_budget_that_is_exceeded_hides_nothing(tmp_path: Path) -> None:
    waking = endpoint("chat") + "    replicas: {min: 0, max: 2}\n"
    batch = (
        "batches:\n  nightly: {model: {id: Qwen/Qwen3-8B}, engine: vllm, input: s3://acme/in/, output: s3://acme/out/,\n"
        "    on: {instance_types: [g6e.xlarge]}}\n"
    )
    text = HEAD + GOOD_POOLS + "endpoints:\n" + waking + batch
    within = found_in(tmp_path, text)
    beyond = found_in(tmp_path, text + "budget_usd_per_month: 1\n")
    assert {item.severity for item in within} == {Severity.ERROR, Severity.WARNING}
    assert [item.code for item in beyond if item not in within] == ["LLM_COST_1"]
    assert set(within) <= set(beyond)


ADDED = """
from llminfra import VLLM, Endpoint, GpuPool, Model, ModelBucket, Platform

gpus = GpuPool(name="gpus", instance_types=["g6e.2xlarge"], nodes=(1, 2), provisioner="managed")
acme = Platform(name="acme", region="us-east-1", pools=[gpus], storage=[ModelBucket(name="acme-added")], BUDGET)
acme.add(Endpoint(name="chat", model=Model(id="Qwen/Qwen3-8B"), engine=VLLM(max_model_len=8192), on=gpus))
"""


def test_an_added_endpoint_is_there_beyond_the_budget_too(tmp_path: Path) -> None:
    """Its pool is not told to serve nobody because the platform costs too much."""
    found = []
    for budget in (1, 100_000):
        file = tmp_path / f"within_{budget}.py"
        file.write_text(ADDED.replace("BUDGET", f"budget_usd_per_month={budget}"), encoding="utf-8")
        try:
            found.append([item.code for plan in plan_specs([file]) for item in plan.diagnostics])
        except SpecError as error:
            found.append([item.code for item in error.diagnostics])
    assert found == [["LLM_COST_1"], []]


def test_endpoints_that_were_added_are_there_when_the_budget_is_exceeded(tmp_path: Path) -> None:
    file = tmp_path / "spec.py"
    file.write_text(
        "from llminfra import VLLM, Endpoint, GpuPool, Model, Platform\n"
        'l4 = GpuPool(name="l4", instance_types=["g6e.12xlarge"], nodes=(0, 1))\n'
        'p = Platform(name="x", region="us-east-1", pools=[l4], budget_usd_per_month=10)\n'
        'p.add(Endpoint(name="a", model=Model(id="Qwen/Qwen3-32B"), engine=VLLM(max_model_len=4096), on=l4))\n',
        encoding="utf-8",
    )
    with pytest.raises(SpecError) as raised:
        plan_specs([file])
    codes = {item.code for item in raised.value.diagnostics}
    assert "LLM_STO_10" in codes, "a warning about the endpoint"
    assert "LLM_CAP_18" not in codes, "nobody uses the pool"


@pytest.mark.parametrize(("cidr", "code"), [("10.0.0.0/33", "LLM_SPEC_1"), ("10.0.0.0/28", "LLM_NET_24")])
def test_a_wrong_block_hides_no_wrong_zone(tmp_path: Path, cidr: str, code: str) -> None:
    network = f"network: {{cidr: {cidr}, zones: [us-east-1a, us-west-2a]}}\n"
    zone = ("LLM_NET_20", "network.zones[1]")
    assert told(tmp_path, HEAD + network) == {(code, "network.cidr"), zone}


def test_two_platforms_of_one_name_are_not_told_what_both_would_make(tmp_path: Path) -> None:
    text = HEAD + GOOD_POOLS + "endpoints:\n" + endpoint("chat")
    assert told(tmp_path, f"{text}---\n{text}") == {("LLM_SPEC_4", "platforms.acme")}


def test_a_gateway_that_was_left_out_is_not_missed(tmp_path: Path) -> None:
    """An endpoint that a gateway wakes is not told that nobody does, because the gateway has an error of its own."""
    waking = endpoint("chat") + "    replicas: {min: 0, max: 2}\n"
    text = HEAD + GOOD_POOLS + "endpoints:\n" + waking
    assert "LLM_SRV_69" in {code for code, _ in told(tmp_path, text)}
    text += "gateways:\n  main: {endpoints: [chat], exposure: public}\n"
    assert "LLM_SRV_69" not in {code for code, _ in told(tmp_path, text)}


def test_a_good_platform_beside_a_bad_one_is_judged_too(tmp_path: Path) -> None:
    trusting = endpoint("trusting", "{id: Qwen/Qwen3-8B, trust_remote_code: true}")
    good, bad = HEAD + GOOD_POOLS + "endpoints:\n" + trusting, HEAD.replace("acme", "other") + POOLS
    for name, text in (("good.yaml", good), ("bad.yaml", bad)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(SpecError) as raised:
        plan_specs([tmp_path / "good.yaml", tmp_path / "bad.yaml"])
    codes = {item.code for item in errors(raised.value.diagnostics)}
    assert codes == {"LLM_SRV_11", "LLM_CAP_24"}
    with pytest.raises(SpecError) as raised:
        planned.plan_specs([tmp_path / "good.yaml", tmp_path / "bad.yaml"])
    assert {item.code for item in errors(raised.value.diagnostics)} == {"LLM_CAP_24"}


def test_the_region_in_the_place_of_a_wrong_one_has_every_type():
    offered = read_data("offerings.json")["regions"][ANYWHERE]["types"]
    assert {item.name for item in all_gpu_types()} <= set(offered)


@pytest.mark.parametrize(
    ("model", "engine", "named", "unnamed"),
    [
        ("BAAI/bge-reranker-v2-m3", "vllm", "`gateways`", "no gateway"),
        ("openai/whisper-large-v3", SOUND, "`async_endpoints`", "`gateways`"),
        ("Qwen/Qwen3-8B", "vllm", "`gateways`", "no gateway"),
    ],
)
def test_what_wakes_an_endpoint_takes_its_requests(
    tmp_path: Path, model: str, engine: str, named: str, unnamed: str
) -> None:
    waking = endpoint("it", f"{{id: {model}}}", engine=engine) + "    replicas: {min: 0, max: 2}\n"
    found = found_in(tmp_path, HEAD + "pools:\n  small: {instance_types: [g6e.xlarge]}\nendpoints:\n" + waking)
    (zero,) = [item for item in found if item.code == "LLM_SRV_69"]
    assert named in zero.fix
    assert unnamed not in zero.fix


CERTIFICATE = "arn:aws:acm:us-east-1:111122223333:certificate/0a1b2c3d"
OTHER = "gateways:\n  known: {endpoints: [good], hostname: llm.example.com, certificate_arn: " + CERTIFICATE + "}\n"


def test_a_gateway_before_a_broken_endpoint_still_needs_an_address(tmp_path: Path) -> None:
    broken = endpoint("chat", on="unsized", engine="{kind: vllm, max_model_length: 8192}")
    text = f"{HEAD}{POOLS}  unsized: {{nodes: [0, 2]}}\nendpoints:\n{broken}{endpoint('good')}"
    gateways = "gateways:\n  llm: {endpoints: [chat, good, good]}\n"
    assert told(tmp_path, text + gateways) == {
        ("LLM_CAP_24", "pools.efa.zones"),
        ("LLM_SPEC_3", "pools.unsized.instance_types"),
        ("LLM_SPEC_2", "endpoints.chat.engine.max_model_length"),
        ("LLM_GW_5", "gateways.llm.hostname"),
        ("LLM_GW_5", "gateways.llm.certificate_arn"),
        ("LLM_GW_3", "gateways.llm.endpoints.good"),
    }


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        # A typo of a field says nothing of that field, and hides no other.
        ("hostnam: b.example.com", {"gateways.b.hostnam", "gateways.b.certificate_arn"}),
        ("exposure: everyone", {"gateways.b.exposure"}),
        ("exposure: cluster, replica: 3, hostname: b.example.com", {"gateways.b.replica", "gateways.b.hostname"}),
    ],
)
def test_what_else_is_wrong_with_a_broken_gateway_is_told(tmp_path: Path, fields: str, wrong: set[str]) -> None:
    text = f"{HEAD}{GOOD_POOLS}endpoints:\n{endpoint('good')}{OTHER}  b: {{endpoints: [good], {fields}}}\n"
    assert {path for _, path in told(tmp_path, text)} == {*wrong, "gateways.b.endpoints.good"}


def test_a_region_that_there_is_not_says_nothing_of_public_subnets(tmp_path: Path) -> None:
    text = f"{HEAD.replace('us-east-1', 'us-east-7')}{GOOD_POOLS}endpoints:\n{endpoint('good')}"
    text += "gateways:\n  g: {endpoints: [good], exposure: public}\n"
    assert "LLM_GW_11" not in {code for code, _ in told(tmp_path, text)}


def test_who_may_call_is_told_beside_other_errors(tmp_path: Path) -> None:
    text = f"{HEAD}cluster: {{public_access_cidrs: [0.0.0.0/0]}}\n{GOOD_POOLS}endpoints:\n"
    text += endpoint("big", BIG, on="efa") + endpoint("good")
    assert told(tmp_path, text) == {("LLM_FIT_1", "endpoints.big"), ("LLM_NET_10", "cluster")}


def test_what_could_be_read_of_a_list_of_callers_is_judged(tmp_path: Path) -> None:
    text = f"{HEAD}cluster: {{public_access_cidrs: [0.0.0.0/0, ten]}}\n{GOOD_POOLS}endpoints:\n{endpoint('good')}"
    assert told(tmp_path, text) == {("LLM_SPEC_1", "cluster.public_access_cidrs[1]"), ("LLM_NET_10", "cluster")}


def test_broken_batches_and_instances_hide_no_type_and_no_model(tmp_path: Path) -> None:
    solo = endpoint("solo").replace("on: small", "on: {kind: ec2, instance_type: g6.3xlarge, domain: x}")
    batch = (
        "{model: {id: Qwen/Qwen3-8C}, engine: {kind: vllm}, output: s3://acme-out/, on: {instance_types: [p5.48xl]}}"
    )
    text = f"{HEAD}endpoints:\n{solo}batches:\n  nightly: {batch}\n"
    assert told(tmp_path, text) >= {
        ("LLM_CAP_20", "endpoints.solo.on.instance_type"),
        ("LLM_SPEC_3", "batches.nightly.input"),
        ("LLM_CAP_20", "batches.nightly.on.instance_types[0]"),
        ("LLM_FIT_3", "batches.nightly.model.id"),
    }
