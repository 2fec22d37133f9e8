"""A YAML spec says the same as a Python spec, and every error in it has its path and line."""

from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from llminfra.diagnostics import Diagnostic
from llminfra.loading.load import load
from llminfra.schema import json_schema
from tests.helpers.yaml_spec import to_yaml

PYTHON = """
import datetime as dt
from llminfra import *

pool = GpuPool(name="h100", instance_types=["p5.48xlarge"], nodes=(0, 2), efa=True, zones=["us-east-1b"],
               capacity=CapacityBlock(reservation_id="cr-0123456789abcdef0"))
spot = GpuPool(name="l40s", instance_types=["g6e.12xlarge", "g6e.24xlarge"], nodes=3, capacity=Spot())
weights = ModelBucket(name="acme-weights")
lustre = Lustre(name="fast", source=weights, throughput_mbps_per_tib=250)
llama = Model(id="meta-llama/Llama-3.3-70B-Instruct", quantization="fp8", token=Secret(name="hf"))
platform = Platform(
    name="acme", region="us-east-1", network=Network(cidr="10.20.0.0/16", nat="none"), cluster=Cluster(version="1.34"),
    pools=[pool, spot], storage=[weights, lustre], state=S3State(bucket="acme-state"), tags={"cost": "12"},
    observability=None,
    waivers=[
        Waiver(rule="CKV_AWS_144", reason="one region is enough for weights", owner="ml", expires=dt.date(2030, 1, 2))
    ],
    endpoints=[
        Endpoint(name="chat", model=llama, engine=VLLM(max_model_len=32768), on=pool, weights=lustre,
                 replicas=Autoscaling(min=1, max=4)),
        Endpoint(name="small", model=llama, engine=VLLM(version="0.10"), on=spot, replicas=2,
                 parallelism=Parallelism(tensor=4)),
    ],
)
"""
YAML = """
name: acme
region: us-east-1
network: {cidr: 10.20.0.0/16, nat: none}
cluster:
  version: 1.34          # text, although it looks like a number
observability: null
pools:
  h100:
    instance_types: [p5.48xlarge]
    nodes: [0, 2]
    efa: true
    zones: [us-east-1b]
    capacity: {kind: capacity-block, reservation_id: cr-0123456789abcdef0}
  l40s: {instance_types: [g6e.12xlarge, g6e.24xlarge], nodes: 3, capacity: spot}
storage:
  - {name: acme-weights, kind: bucket}
  - {name: fast, kind: lustre, source: acme-weights, throughput_mbps_per_tib: 250}
state: {kind: s3, bucket: acme-state}
tags: {cost: 12}
waivers:
  - {rule: CKV_AWS_144, reason: one region is enough for weights, owner: ml, expires: 2030-01-02}
models:
  llama: {id: meta-llama/Llama-3.3-70B-Instruct, quantization: fp8, token: {name: hf}}
endpoints:
  chat:
    model: llama
    engine: {kind: vllm, max_model_len: 32768}
    on: h100               # YAML 1.1 would read this key as true
    weights: fast
    replicas: {min: 1, max: 4}
  small:
    model: llama
    engine: {kind: vllm, version: 0.10}
    on: l40s
    replicas: 2
    parallelism: {tensor: 4}
"""
BASE = "name: p\nregion: us-east-1\n"


def write(folder: Path, text: str, name: str = "spec.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def found(folder: Path, text: str) -> list[Diagnostic]:
    return list(load(write(folder, text)).diagnostics)


def places(folder: Path, text: str) -> list[tuple[str, str, int | None]]:
    return [(item.code, item.path, item.line) for item in found(folder, text)]


def test_yaml_and_python_declare_the_same(tmp_path: Path) -> None:
    python = load(write(tmp_path, PYTHON, "spec.py"))
    yaml_ = load(write(tmp_path, YAML))
    assert not python.diagnostics
    assert not yaml_.diagnostics
    assert yaml_.platforms == python.platforms


def test_a_dump_reads_back_as_the_same_platform(tmp_path: Path) -> None:
    (platform,) = load(write(tmp_path, PYTHON, "spec.py")).platforms
    assert load(write(tmp_path, to_yaml(platform))).platforms == (platform,)


def test_the_yaml_form_is_valid_by_its_schema(tmp_path: Path) -> None:
    schema = json_schema()
    Draft202012Validator.check_schema(schema)
    (platform,) = load(write(tmp_path, PYTHON, "spec.py")).platforms
    data = yaml.safe_load(to_yaml(platform))
    Draft202012Validator(schema).validate(data)
    Draft202012Validator(schema).validate({"platforms": {"acme": {k: v for k, v in data.items() if k != "name"}}})
    data["pools"]["h100"]["nonsense"] = 1
    assert not Draft202012Validator(schema).is_valid(data)


def test_what_is_read_as_it_is_written_is_valid_by_the_schema(tmp_path: Path) -> None:
    """One number of nodes, and numbers where a text is wanted: editors must not mark what a plan takes."""
    text = """
name: acme
region: us-east-1
account_id: 111122223333
tags: {cost: 1234}
cluster: {version: 1.35, system_nodes: {nodes: 3}}
pools: {l4: {instance_types: [g6.xlarge], nodes: 1, labels: {tier: 2}}}
endpoints:
  chat: {model: {id: Qwen/Qwen3-8B}, engine: {kind: vllm, env: {A_B: 1}}, "on": l4}
"""
    loaded = load(write(tmp_path, text))
    assert loaded.diagnostics == ()
    assert loaded.platforms[0].account_id == "111122223333"
    assert loaded.platforms[0].pools[0].nodes == (1, 1)
    validator = Draft202012Validator(json_schema())
    validator.validate(yaml.safe_load(text))
    assert not validator.is_valid(yaml.safe_load(text.replace("nodes: 1", "nodes: many")))
    assert not validator.is_valid(yaml.safe_load(text.replace("kind: vllm", "kind: 3")))


def test_the_schema_explains_every_field() -> None:
    definitions = json_schema()["$defs"]
    silent = {
        f"{name}.{field}"
        for name, definition in definitions.items()
        for field, schema in definition["properties"].items()
        if "description" not in schema
    }
    assert {item for item in silent if not item.endswith((".kind", ".name"))} == set()


def test_objects_know_their_lines(tmp_path: Path) -> None:
    (platform,) = load(write(tmp_path, YAML)).platforms
    lines = YAML.splitlines()
    assert platform.origin == (str(tmp_path / "spec.yaml"), 2)
    for item in (*platform.pools, *platform.workloads):
        assert item.origin is not None
        assert item.name in lines[item.origin[1] - 1]


def test_models_named_twice_are_one_object(tmp_path: Path) -> None:
    (platform,) = load(write(tmp_path, YAML)).platforms
    first, second = platform.workloads
    assert first.model is second.model
    assert first.on is platform.pools[0]


@pytest.mark.parametrize(
    "text",
    [
        "platforms:\n  - {name: a, region: us-east-1}\n  - {name: b, region: us-west-2}\n",
        "platforms:\n  a: {region: us-east-1}\n  b: {extends: a, region: us-west-2}\n",
        "name: a\nregion: us-east-1\n---\nname: b\nregion: us-west-2\n",
        '{"platforms": {"a": {"region": "us-east-1"}, "b": {"region": "us-west-2"}}}',
    ],
)
def test_several_platforms_in_one_file(tmp_path: Path, text: str) -> None:
    loaded = load(write(tmp_path, text))
    assert not loaded.diagnostics
    assert [(item.name, item.region) for item in loaded.platforms] == [("a", "us-east-1"), ("b", "us-west-2")]


def test_extends_merges_mappings_and_replaces_lists_and_other_kinds(tmp_path: Path) -> None:
    text = BASE + (
        "pools:\n"
        "  base: {instance_types: [g6.xlarge], labels: {a: x, b: y}, capacity: {kind: spot}}\n"
        "  next: {extends: base, instance_types: [g6.2xlarge], labels: {b: z}}\n"
        "  last: {extends: next, capacity: {kind: on-demand}}\n"
    )
    loaded = load(write(tmp_path, text))
    assert not loaded.diagnostics
    base, middle, last = loaded.platforms[0].pools
    assert middle.instance_types == last.instance_types == ("g6.2xlarge",)
    assert middle.labels == {"a": "x", "b": "z"}
    assert middle.capacity == base.capacity
    assert last.capacity.kind == "on-demand"


def test_anchors_and_merge_keys_work_and_x_keys_are_not_read(tmp_path: Path) -> None:
    text = BASE + (
        "x-common: &common {nodes: [0, 9], root_volume_gib: 300}\n"
        "pools:\n"
        "  a: {<<: *common, instance_types: [g6.xlarge]}\n"
        "  b: {<<: *common, instance_types: [g6.xlarge], nodes: 1}\n"
    )
    loaded = load(write(tmp_path, text))
    assert not loaded.diagnostics
    first, second = loaded.platforms[0].pools
    assert (first.nodes, first.root_volume_gib) == ((0, 9), 300)
    assert (second.nodes, second.root_volume_gib) == ((1, 1), 300)


def test_an_empty_key_is_the_default(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, BASE + "cluster:\npools:\ntags:\nobservability: ~\n"))
    assert not loaded.diagnostics
    assert loaded.platforms[0].observability is None


ENDPOINT = "endpoints:\n  chat: {model: {id: Qwen/Qwen3-8B}, engine: vllm, on: gpu}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("regoin: us\n", [("LLM_SPEC_3", "name", 1), ("LLM_SPEC_2", "regoin", 1)]),
        (
            BASE + "pools:\n  gpu:\n    instance_types: [g6.xlarge]\n    effa: true\n",
            [("LLM_SPEC_2", "pools.gpu.effa", 6)],
        ),
        (BASE + "pools:\n  gpu:\n    nodes: 1\n", [("LLM_SPEC_3", "pools.gpu.instance_types", 4)]),
        (
            BASE + "pools:\n  gpu:\n    instance_types: [g6.xlarge]\n    nodes: [3, 1]\n",
            [("LLM_SPEC_1", "pools.gpu", 4)],
        ),
        (BASE + "pools: 7\n", [("LLM_SPEC_1", "pools", 3)]),
        (BASE + "pools: {a: 7}\n", [("LLM_SPEC_1", "pools.a", 3)]),
        (BASE + "pools: [7]\n", [("LLM_SPEC_1", "pools[0]", 3)]),
        (BASE + "pools: [{instance_types: [g6.xlarge]}]\n", [("LLM_SPEC_3", "pools[0].name", 3)]),
        (BASE + "cluster: 7\n", [("LLM_SPEC_1", "cluster", 3)]),
        (BASE + "network:\n  cidr: nonsense\n", [("LLM_SPEC_1", "network.cidr", 4)]),
        (BASE + "state: {kind: s4}\n", [("LLM_SPEC_1", "state.kind", 3)]),
        (BASE + "state: {bucket: abc}\n", [("LLM_SPEC_3", "state.kind", 3)]),
        (BASE + ENDPOINT, [("LLM_REF_3", "endpoints.chat.on", 4)]),
        (BASE + "storage:\n  a: {kind: lustre, source: b}\n", [("LLM_REF_3", "storage.a.source", 4)]),
        (
            BASE + "storage:\n  a: {kind: lustre, source: b}\n  b: {kind: lustre}\n",
            [("LLM_SPEC_1", "storage.a.source", 4)],
        ),
        (
            BASE + "pools:\n  a: {extends: b}\n",
            [("LLM_REF_3", "pools.a.extends", 4)],
        ),
        (
            BASE + "pools:\n  a: {instance_types: [x], extends: b}\n  b: {extends: a}\n  c: {extends: b}\n",
            [("LLM_REF_4", "pools.b.extends", 5)],
        ),
        (BASE + "pools:\n  a: {instance_types: [x], extends: a}\n", [("LLM_REF_4", "pools.a.extends", 4)]),
        (BASE + "tags: &t\n  a: *t\n", [("LLM_REF_4", "tags.a", 3)]),
        (BASE + "name: q\n", [("LLM_SPEC_4", "name", 3)]),
        (BASE + "tags: {a: b, a: c}\n", [("LLM_SPEC_4", "tags.a", 3)]),
        (
            BASE + "pools:\n  - {name: a, instance_types: [x]}\n  - {name: a, instance_types: [x]}\n",
            [("LLM_SPEC_4", "pools.a", 5)],
        ),
        (BASE + "pools:\n  a: {name: b, instance_types: [x]}\n", [("LLM_SPEC_1", "pools.a.name", 4)]),
        (BASE + "tags: [\n", [("LLM_SPEC_5", "tags", 3)]),
        (BASE + "tags: {a: \x07}\n", [("LLM_SPEC_5", "", 3)]),
        (BASE + "tags: !secret x\n", [("LLM_SPEC_5", "tags", 3)]),
        (BASE + "? [a]\n: b\n", [("LLM_SPEC_5", "", 3)]),
        (BASE + "<<: 7\n", [("LLM_SPEC_5", "<<", 3)]),
        ("- 7\n", [("LLM_SPEC_1", "", 1)]),
        ("x-only: 7\n", [("LLM_SPEC_7", "", 1)]),
        ("", [("LLM_SPEC_7", "", 1)]),
        ("platforms: []\n", [("LLM_SPEC_7", "", 1)]),
        ("platforms:\n  a: {region: us-east-1}\npools: {}\n", [("LLM_SPEC_2", "pools", 3)]),
    ],
)
def test_errors_have_code_path_and_line(tmp_path: Path, text: str, expected: list[tuple[str, str, int | None]]) -> None:
    assert sorted(places(tmp_path, text), key=str) == sorted(expected, key=str)


def test_every_error_of_a_file_comes_in_one_run(tmp_path: Path) -> None:
    text = BASE + (
        "cluster: {version: new}\n"
        "pools:\n"
        "  gpu: {instance_types: [], effa: true}\n"
        "models:\n"
        "  m: {id: Qwen/Qwen3-8B, token: hf_abcdefghijklmnop}\n"
        "endpoints:\n"
        "  a: {model: m, engine: {kind: vllm, max_model_len: -1}, on: cpu}\n"
        "  b: {model: n, engine: vlm, on: gpu}\n"
    )
    diagnostics = found(tmp_path, text)
    assert sorted((item.code, item.path, item.line) for item in diagnostics) == [
        ("LLM_REF_3", "endpoints.a.on", 9),
        ("LLM_REF_3", "endpoints.b.model", 10),
        ("LLM_SEC_1", "models.m.token", 7),
        ("LLM_SPEC_1", "cluster.version", 3),
        ("LLM_SPEC_1", "endpoints.a.engine.max_model_len", 9),
        ("LLM_SPEC_1", "endpoints.b.engine", 10),
        ("LLM_SPEC_1", "pools.gpu.instance_types", 5),
        ("LLM_SPEC_2", "pools.gpu.effa", 5),
    ]
    assert not any("hf_abcdefghijklmnop" in str(item) for item in diagnostics)
    assert all(item.fix for item in diagnostics)


def test_an_endpoint_runs_on_a_pool_by_name_or_on_a_target_of_a_kind(tmp_path: Path) -> None:
    text = BASE + (
        "pools:\n  gpu: {instance_types: [g6.xlarge]}\n"
        "endpoints:\n"
        "  a: {model: {id: Qwen/Qwen3-8B}, engine: vllm, on: gpu}\n"
        "  b: {model: {id: Qwen/Qwen3-8B}, engine: vllm, on: {kind: sagemaker, instance_type: ml.g6.2xlarge}}\n"
    )
    loaded = load(write(tmp_path, text))
    assert not loaded.diagnostics
    first, second = loaded.platforms[0].workloads
    assert first.on is loaded.platforms[0].pools[0]
    assert second.on.kind == "sagemaker"
    wrong = text.replace("{kind: sagemaker, instance_type", "{instance_types")
    assert [(item.code, item.path) for item in found(tmp_path, wrong)] == [("LLM_SPEC_3", "endpoints.b.on.kind")]


def test_a_near_miss_is_suggested(tmp_path: Path) -> None:
    text = BASE + "pools:\n  gpu: {instance_types: [g6.xlarge]}\n" + ENDPOINT.replace("on: gpu", "on: gpus")
    (item,) = found(tmp_path, text)
    assert item.fix == "did you mean 'gpu'?"
    assert item.expected == "one of: gpu"


def test_aliases_that_explode_are_refused(tmp_path: Path) -> None:
    bomb = BASE + "x-0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"x-{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9))
    (item,) = found(tmp_path, bomb)
    assert item.code == "LLM_SPEC_5"
    assert "expands" in item.message


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    (item,) = found(tmp_path, BASE + "tags: " + "[" * 5000 + "]" * 5000)
    assert item.code == "LLM_SPEC_5"


def test_text_that_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_bytes(b"name: \xff\n")
    assert [item.code for item in load(path).diagnostics] == ["LLM_SPEC_5"]


def test_fixes_are_written_in_yaml(tmp_path: Path) -> None:
    text = "name: p\npools:\n  a: {instance_types: [x], nodes: [4, 2]}\n  b: {instance_types: [x], nodes: many}\n"
    found = load(write(tmp_path, text)).diagnostics
    assert {(item.path, item.fix) for item in found} == {
        ("region", "add region: us-east-1"),
        ("pools.a", "set nodes: [2, 4]"),
        ("pools.b.nodes", "write nodes: [0, 8]"),
    }


def test_an_item_that_is_alone_has_nothing_to_extend(tmp_path: Path) -> None:
    (item,) = load(write(tmp_path, BASE + "pools:\n  a: {instance_types: [x], extends: zz}\n")).diagnostics
    assert item.expected == "a name from `pools`, which has no other item"


def test_defaults_of_a_yaml_spec_have_no_line_of_a_library(tmp_path: Path) -> None:
    text = BASE + "bedrock: {models: [{name: a, id: anthropic.claude-sonnet-4-5-20250929-v1:0}]}\n"
    (platform,) = load(write(tmp_path, text)).platforms
    assert platform.bedrock is not None
    assert platform.bedrock.guardrail is not None
    assert platform.bedrock.guardrail.origin is None
