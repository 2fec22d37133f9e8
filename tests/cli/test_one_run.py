"""Every finding comes in one run: what is wrong with one object says nothing of the others."""

import json

import pytest

from llminfra.cli.main import main

SPEC = """
from llminfra import VLLM, Endpoint, GpuPool, Model, Network, Platform
pool = GpuPool(name="l4", instance_types=["g6.13xlarge"], nodes=(1, 4))
platform = Platform(name="x", region="us-east-1", network=Network(cidr="10.0.0.0/33"), pools=[pool])
engine = VLLM(max_model_len=999_999, max_num_batched_tokens=1)
platform.add(Endpoint(name="chat", model=Model(id="Qwen/Qwen3-8B"), engine=engine, on=pool))
"""


@pytest.mark.parametrize("command", ["plan", "synth"])
def test_a_bad_network_and_a_bad_pool_hide_no_finding_of_the_endpoint(tmp_path, capsys, command):
    spec = tmp_path / "spec.py"
    spec.write_text(SPEC, encoding="utf-8")
    out = ["-o", str(tmp_path / "out")] if command == "synth" else []
    assert main([command, str(spec), *out]) == 1
    printed = capsys.readouterr().err
    assert [code for code in ("LLM_SPEC_1", "LLM_CAP_20", "LLM_FIT_4 ", "LLM_FIT_43") if code not in printed] == []
    assert not (tmp_path / "out").exists()


def findings(tmp_path, capsys, text, name="spec.py"):
    """Code and path of every finding of a spec that fails."""
    spec = tmp_path / name
    spec.write_text(text, encoding="utf-8")
    assert main(["plan", str(spec), "--json"]) == 1
    return [(item["code"], item["path"]) for item in json.loads(capsys.readouterr().out)["diagnostics"]]


BROKEN = """
from llminfra import VLLM, Autoscaling, Endpoint, GpuPool, Model, Platform
pool = GpuPool(name="l4", instance_types=["g6.13xlarge"], nodes=(3, 1))
platform = Platform(name="x", reigon="us-east-1", pools=[pool])
def add(name, model, replicas=1, **engine):
    platform.add(Endpoint(name=name, model=model, engine=VLLM(**engine), on=pool, replicas=replicas))
add("Chat!", Model(id="acme/zebra", quantization="fp9"), max_model_len="many")
add("long", Model(id="Qwen/Qwen3-8B"), max_model_len=999_999)
add("few", Model(id="acme/yak"), replicas=Autoscaling(min=5, max=2))
"""


def test_what_stands_of_broken_objects_is_judged_in_the_same_run(tmp_path, capsys):
    assert sorted(findings(tmp_path, capsys, BROKEN)) == [
        ("LLM_CAP_20", "pools.l4.instance_types[0]"),
        ("LLM_FIT_3", "endpoints.Chat!.model.id"),
        ("LLM_FIT_3", "endpoints.few.model.id"),
        ("LLM_FIT_4", "endpoints.long.engine.max_model_len"),
        ("LLM_SPEC_1", "endpoints.Chat!.engine.max_model_len"),
        ("LLM_SPEC_1", "endpoints.Chat!.model.quantization"),
        ("LLM_SPEC_1", "endpoints.Chat!.name"),
        ("LLM_SPEC_1", "endpoints.few.replicas"),
        ("LLM_SPEC_1", "pools.l4"),
        ("LLM_SPEC_2", "reigon"),
    ]


def test_a_yaml_spec_is_judged_alike_and_in_its_own_words(tmp_path, capsys):
    text = """
name: x
pools: {l4: {instance_types: [g6.13xlarge], nodes: [3, 1]}}
endpoints:
  chat: {model: {id: acme/zebra}, engine: {kind: vllm, max_model_len: many}, on: l4}
  other: {model: {id: acme/yak}, engine: {kind: vllm}, on: nowhere}
"""
    found = findings(tmp_path, capsys, text, "spec.yaml")
    assert {code for code, _ in found} == {"LLM_SPEC_3", "LLM_SPEC_1", "LLM_CAP_20", "LLM_FIT_3", "LLM_REF_3"}
    assert main(["plan", str(tmp_path / "spec.yaml")]) == 1
    assert "Model(" not in capsys.readouterr().err


@pytest.mark.parametrize("pools", ["pool", "{'l4': pool}", "(each for each in [pool])", "5"])
def test_pools_that_cannot_be_read_are_not_told_as_missing(tmp_path, capsys, pools):
    text = SPEC.replace("/33", "/16").replace("g6.13xlarge", "g6.12xlarge").replace("pools=[pool]", f"pools={pools}")
    assert "LLM_REF_1" not in [code for code, _ in findings(tmp_path, capsys, text)]


def test_a_region_that_there_is_not_has_no_followers(tmp_path, capsys):
    text = SPEC.replace("us-east-1", "us-eats-1").replace("g6.13xlarge", "g6.12xlarge").replace("/33", "/16")
    codes = [code for code, _ in findings(tmp_path, capsys, text)]
    assert "LLM_NET_22" in codes
    assert "LLM_CAP_29" not in codes


LLAMA = "meta-llama/Llama-3.3-70B-Instruct"
POOL_OPEN = """
from llminfra import VLLM, Endpoint, GpuPool, Model, Parallelism, Platform
pool = GpuPool(name="l4", instance_types=["g6.xlarge"], POOL)
platform = Platform(name="x", region="us-east-1", pools=[pool])
def add(name, model, **more):
    platform.add(Endpoint(name=name, model=Model(id=model), engine=VLLM(max_model_len=8192), on=pool, **more))
add("small", "Qwen/Qwen3-8B", replicas=40)
add("large", "meta-llama/Llama-3.3-70B-Instruct")
"""


@pytest.mark.parametrize(
    ("pool", "room"),
    [
        ("nodes=(3, 1)", []),
        ("nodes='two'", []),
        ("nodes=(0, 1), labels=5", [("LLM_FIT_6", "endpoints.small.replicas")]),
        ("nodes=(0, 1), zones=5", [("LLM_FIT_6", "endpoints.small.replicas")]),
    ],
)
def test_what_does_not_fit_a_pool_is_told_though_something_else_of_it_is_open(tmp_path, capsys, pool, room):
    found = findings(tmp_path, capsys, POOL_OPEN.replace("POOL", pool))
    assert [each for each in found if each[0] != "LLM_SPEC_1"] == [("LLM_FIT_1", "endpoints.large"), *room]


@pytest.mark.parametrize("pool", ["nodes=(0, 1), sharing=5", "nodes=(0, 1), efa=5", "nodes=(0, 1), gpu_shares=5"])
def test_what_a_pool_leaves_open_is_not_judged(tmp_path, capsys, pool):
    found = findings(tmp_path, capsys, POOL_OPEN.replace("POOL", pool))
    assert not [each for each in found if each[0].startswith("LLM_FIT")]


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("parallelism=Parallelism(tensoor=4)", []),
        ("replicas=Autoscaling(min=5, max=2)", [("LLM_FIT_1", "endpoints.large")]),
        ("slo=Slo(ttft=5)", []),
    ],
)
def test_a_part_that_is_open_is_a_field_that_is(tmp_path, capsys, field, told):
    text = POOL_OPEN.replace("POOL", "nodes=(0, 50)").replace("Parallelism", "Autoscaling, Parallelism, Slo")
    found = findings(tmp_path, capsys, text.replace('"meta-llama/Llama-3.3-70B-Instruct"', f'"{LLAMA}", {field}'))
    assert [each for each in found if not each[0].startswith("LLM_SPEC")] == told


ELSEWHERE = """
from llminfra import VLLM, Ec2, Endpoint, Model, Platform
arn = "arn:aws:acm:eu-west-1:111122223333:certificate/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
on = Ec2(instance_type="g6.xlarge", certificate_arn=arn, domain_name="chat.acme.com")
platform = Platform(name="x", REGION budget_usd_per_month=5)
platform.add(Endpoint(name="chat", model=Model(id="Qwen/Qwen3-0.6B"), engine=VLLM(max_model_len=4096), on=on))
"""


@pytest.mark.parametrize(("region", "code"), [("", "LLM_SPEC_3"), ("region='us-eats-1',", "LLM_NET_22")])
def test_what_only_a_region_decides_is_not_judged_without_one(tmp_path, capsys, region, code):
    assert [each for each, _ in findings(tmp_path, capsys, ELSEWHERE.replace("REGION", region))] == [code]
    here = ELSEWHERE.replace("REGION", "region='us-east-1',")
    assert {"LLM_NET_26", "LLM_COST_1"} <= {each for each, _ in findings(tmp_path, capsys, here)}


def test_broken_objects_without_names_are_judged_by_their_place(tmp_path, capsys):
    text = """
name: x
region: us-east-1
pools: [{instance_types: [g6.13xlarge]}]
endpoints: [{model: {id: acme/zebra}, engine: {kind: vllm}}]
"""
    assert sorted(findings(tmp_path, capsys, text, "spec.yaml")) == [
        ("LLM_CAP_20", "pools[0].instance_types[0]"),
        ("LLM_FIT_3", "endpoints[0].model.id"),
        ("LLM_SPEC_3", "endpoints[0].name"),
        ("LLM_SPEC_3", "endpoints[0].on"),
        ("LLM_SPEC_3", "pools[0].name"),
    ]


def test_a_variable_in_the_place_of_a_region_is_told_as_one(tmp_path, capsys):
    spec = tmp_path / "spec.yaml"
    spec.write_text("name: x\nregion: ${AWS_REGION}\n", encoding="utf-8")
    assert main(["plan", str(spec)]) == 1
    assert "may read os.environ" in capsys.readouterr().err


BEHIND = """
from llminfra import VLLM, AsyncEndpoint, Endpoint, Gateway, GpuPool, Model, Platform
pool = GpuPool(name="l4", instance_types=["g6.xlarge"], nodes=(0, 1))
platform = Platform(name="x", region="us-east-1", pools=[pool])
platform.add(Endpoint(name="chat", model=Model(id="MODEL"), engine=VLLM(max_model_len=4096), on=pool))
platform.add(FRONT)
"""


@pytest.mark.parametrize(
    ("model", "told"), [("Qwen/Qwen3-4B", []), (LLAMA, [("LLM_FIT_1", "endpoints.chat")])], ids=["fits", "too large"]
)
@pytest.mark.parametrize(
    ("front", "path"),
    [
        ('Gateway(name="front", exposure="cluster", endpoints=["chat"])', "gateways.front.endpoints[0]"),
        ('Gateway(name="front", exposure="cluster", endpoints="chat")', "gateways.front.endpoints"),
        ('AsyncEndpoint(name="q", behind=["chat"])', "async_endpoints.q.behind"),
    ],
)
def test_an_endpoint_that_is_named_where_it_belongs_itself(tmp_path, capsys, front, path, model, told):
    found = findings(tmp_path, capsys, BEHIND.replace("FRONT", front).replace("MODEL", model))
    assert found == [("LLM_SPEC_1", path), *told]
