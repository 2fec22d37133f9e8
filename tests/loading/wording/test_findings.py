"""What is found in a YAML spec while planning is told in YAML, at the line of the key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from llminfra.cli.app import app
from llminfra.diagnostics import Diagnostic, Severity, SpecError
from llminfra.loading.load import load
from llminfra.loading.wording.origins import declared_part
from llminfra.loading.wording.told import text_as_declared
from llminfra.planning import plan_platform
from llminfra.policy.checker import _as_declared, _placed
from llminfra.policy.report import PolicyFinding
from llminfra.rules import run_plan

HEAD = "name: acme\nregion: us-east-1\n"
POOL = "pools:\n  gpu: {{instance_types: [{0}], nodes: [0, 4]{1}}}\n"
WEIGHTS = "storage:\n  acme-weights: {kind: bucket}\n"
CHAT = "endpoints:\n  chat:\n    model: {{id: {model}}}\n    engine: {engine}\n    on: {on}\n"
QWEN, LLAMA = "Qwen/Qwen3-8B", "meta-llama/Llama-3.3-70B-Instruct"
ARN = "arn:aws:acm:us-east-1:111122223333:certificate/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"


TWO_IN_PYTHON = """from llminfra import ModelBucket, Platform
for region in ("us-east-1", "us-west-2"):
    Platform(name=region, region=region, storage=[ModelBucket(name="acme-weights")])
"""


def chat(model: str = QWEN, engine: str = "vllm", on: str = "gpu") -> str:
    return CHAT.format(model=model, engine=engine, on=on)


def pool(instance_type: str = "g6.12xlarge", more: str = "") -> str:
    return POOL.format(instance_type, more)


def write(folder: Path, text: str, name: str = "spec.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def findings(folder: Path, text: str, name: str = "spec.yaml") -> tuple[Diagnostic, ...]:
    loaded = load(write(folder, text, name))
    assert not loaded.diagnostics
    try:
        plan = plan_platform(loaded.platforms[0])
    except SpecError as error:
        return error.diagnostics
    return (*plan.diagnostics, *run_plan(plan))


@pytest.mark.parametrize(
    ("code", "text", "line", "fix"),
    [
        (
            "LLM_FIT_1",
            pool("g4dn.xlarge") + WEIGHTS + chat(engine="{kind: vllm, max_model_len: 8192}"),
            "  chat:",
            "quantize the weights with model: {quantization: fp8}",
        ),
        (
            "LLM_FIT_26",
            pool("g4dn.xlarge") + WEIGHTS + chat(engine="{kind: vllm, max_model_len: 8192}"),
            "    model:",
            "set model: {dtype: float16}",
        ),
        (
            "LLM_FIT_4",
            pool() + WEIGHTS + chat(engine="\n      kind: vllm\n      max_model_len: 999999"),
            "      max_model_len",
            "set max_model_len: 40960; or, where its positions can be stretched, pass extra_args: [",
        ),
        (
            "LLM_DIST_18",
            pool("g6e.48xlarge")
            + WEIGHTS
            + chat("deepseek-ai/DeepSeek-V3")
            + "    parallelism: {tensor: 8, pipeline: 4}\n",
            "    parallelism:",
            "set efa: true and one zone on the pool",
        ),
        (
            "LLM_COST_1",
            "budget_usd_per_month: 500\n" + pool() + WEIGHTS + chat(),
            "budget_usd",
            "lower the maximum of pools.gpu, or raise budget_usd_per_month",
        ),
        (
            "LLM_STO_21",
            pool(more=", zones: [us-east-1a]")
            + "storage:\n  fast:\n    kind: lustre\n    zone: us-east-1b\n"
            + chat()
            + "    weights: fast\n",
            "    zone:",
            "set zone: us-east-1a on the file system, or zones: [us-east-1b] on the pool",
        ),
        (
            "LLM_CAP_41",
            chat(LLAMA, on="{kind: sagemaker, instance_type: ml.g6.12xlarge}")
            + "    parallelism: {tensor: 4, pipeline: 2}\n",
            "    parallelism:",
            "or on: {kind: ec2, …} or an item of `pools` with efa: true, which span instances",
        ),
        (
            "LLM_BAT_4",
            "batches:\n  nightly:\n    model: {id: " + LLAMA + "}\n    engine: vllm\n    on:\n"
            "      instance_types: [p5.48xlarge]\n      efa: true\n      spot: true\n"
            "    input: s3://acme-batch/in/\n    output: s3://acme-batch/out/\n"
            "    parallelism: {tensor: 8, pipeline: 2}\n",
            "      spot:",
            "set spot: false; with reservation: {kind: capacity-block, …} the instances are there",
        ),
        (
            "LLM_SRV_43",
            WEIGHTS
            + chat(
                on=f'{{kind: ec2, instance_type: g6.12xlarge, domain_name: chat.acme.com, certificate_arn: "{ARN}"}}'
            )
            + "    replicas: {min: 0, max: 2, cooldown_s: 60}\n",
            "    replicas:",
            ", or min: 1",
        ),
        (
            "LLM_ASY_3",
            chat(on="{kind: sagemaker-async, instance_type: ml.g6.2xlarge, output: s3://acme-answers/chat}")
            + "async_endpoints:\n  q:\n    behind: chat\n",
            "    behind:",
            "or put it on: {kind: sagemaker, …}",
        ),
        (
            "LLM_GW_14",
            pool() + chat() + "    allow_from_namespaces: [team]\ngateways:\n  inside:\n    endpoints: [chat]\n"
            "    exposure: cluster\n",
            "    endpoints: [chat]",
            "or set only_way_in: false",
        ),
        (
            "LLM_SEC_1",
            pool() + chat(engine="{kind: vllm, env: {HF_TOKEN: hf_abcdefghijklmnopqrst}}"),
            "    engine:",
            "and name it with model: {token: {name: …}}",
        ),
    ],
)
def test_a_finding_is_told_in_yaml(tmp_path: Path, code: str, text: str, line: str, fix: str) -> None:
    whole = HEAD + text
    item = next(item for item in findings(tmp_path, whole) if item.code == code)
    assert item.file == str(tmp_path / "spec.yaml")
    assert item.line is not None
    assert whole.splitlines()[item.line - 1].startswith(line)
    assert fix in item.fix
    told = (item.message, item.found, item.expected, item.fix)
    assert not any(word in text for word in ("True", "False", "VLLM(", "Model(") for text in told)


def test_a_rule_on_the_plan_is_told_in_yaml(tmp_path: Path) -> None:
    text = HEAD + pool(more=", capacity: {kind: spot, fallback_on_demand: false}") + WEIGHTS + chat()
    item = next(item for item in findings(tmp_path, text) if "fallback_on_demand" in item.found)
    assert (item.found, item.expected) == ("fallback_on_demand: false", "fallback_on_demand: true")
    assert item.line == 4


@pytest.mark.parametrize("several", [False, True])
def test_a_model_that_is_only_named_is_changed_where_it_is_declared(tmp_path: Path, several: bool) -> None:
    models = f"models:\n  qwen:\n    id: {QWEN}\n"
    endpoints = "endpoints:\n  models: {model: qwen, engine: {kind: vllm, max_model_len: 8192}, on: gpu}\n"
    text = f"{HEAD}{pool('g4dn.xlarge')}{models}{endpoints}"
    if several:
        inner = text.removeprefix("name: acme\n").replace("\n", "\n    ")
        text = f"platforms:\n  acme:\n    {inner}\n  b: {{region: us-east-1}}\n"
    told = {item.code: item for item in findings(tmp_path, text)}
    assert told["LLM_FIT_26"].fix == "set models.qwen.dtype: float16"
    assert told["LLM_FIT_1"].fix == "quantize the weights with models.qwen.quantization: fp8"
    line = told["LLM_FIT_26"].line
    assert line is not None
    assert text.splitlines()[line - 1].strip() == "qwen:"


def test_what_the_engine_would_say_stays_its_own(tmp_path: Path) -> None:
    text = HEAD + pool() + chat(engine="{kind: vllm, max_model_len: 999999}")
    item = next(item for item in findings(tmp_path, text) if item.code == "LLM_FIT_4")
    assert item.runtime_message is not None
    assert "max_position_embeddings=40960" in item.runtime_message


def test_a_python_spec_is_told_in_python(tmp_path: Path) -> None:
    spec = (
        "from llminfra import *\n"
        "gpu = GpuPool(name='gpu', instance_types=['g4dn.xlarge'])\n"
        "Platform(name='acme', region='us-east-1', pools=[gpu], endpoints=[\n"
        "    Endpoint(name='chat', model=Model(id='Qwen/Qwen3-8B'), engine=VLLM(max_model_len=8192), on=gpu)])\n"
    )
    found = findings(tmp_path, spec, "spec.py")
    assert any(item.fix == 'quantize the weights with Model(quantization="fp8")' for item in found)


def test_json_has_the_same_words(tmp_path: Path) -> None:
    spec = write(tmp_path, HEAD + pool("g4dn.xlarge") + chat(engine="{kind: vllm, max_model_len: 8192}"))
    result = CliRunner().invoke(app, ["plan", str(spec), "--json"])
    assert result.exit_code == 1
    told = {item["code"]: item for item in json.loads(result.stdout)["diagnostics"]}
    assert told["LLM_FIT_26"]["fix"] == "set model: {dtype: float16}"
    assert told["LLM_FIT_26"]["line"] == 7


def test_what_would_shorten_a_start_is_told_in_yaml(tmp_path: Path) -> None:
    (platform,) = load(write(tmp_path, HEAD + pool() + WEIGHTS + chat())).platforms
    startup = plan_platform(platform).endpoints[0].startup
    needs = [item.needs for item in (*startup.choices, *startup.images, *startup.kernels)]
    assert "weights: {kind: nvme, source: …}" in needs
    assert "pools.*.image_snapshot: {…}" in needs
    assert not any("(" in text.replace("(vLLM, SGLang)", "") for text in needs)
    assert not any("Pool(" in text or "Endpoint(" in text for text in startup.advice)


def test_a_finding_of_a_stack_is_told_in_yaml(tmp_path: Path) -> None:
    (platform,) = load(write(tmp_path, HEAD + pool() + WEIGHTS + chat())).platforms
    plan = plan_platform(platform)
    item = PolicyFinding(
        rule="LLM_EFA_1",
        title="t",
        severity=Severity.ERROR,
        message="m",
        stack="acme-cluster",
        spec_path="pools.gpu",
        fix="remove the override, or set GpuPool(efa_layout=…)",
    )
    placed = _placed(item, ["acme"], [plan])
    assert _as_declared(placed, [plan]).fix == "remove the override, or set efa_layout"
    assert _as_declared(item, [plan]) == item  # of no platform
    assert (placed.file, placed.line) == (str(tmp_path / "spec.yaml"), 4)


LINES = """
x-base: &base
  nodes: [0, 2]
  efa: true
platforms:
  one:
    region: us-east-1
    models:
      big:
        id: Qwen/Qwen3-32B
        dtype: bfloat16
    pools:
      - name: a
        <<: *base
        instance_types: [g6.xlarge]
      - name: b
        extends: a
        zones:
          - us-east-1a
          - us-east-1b
    storage:
      acme.weights:
        kind: bucket
      fast: {kind: lustre, source: acme.weights}
    endpoints:
      chat:
        model: big
        engine:
          kind: vllm
          env:
            VLLM_A: "1"
          extra_args:
            - --seed=1
            - --nope
        on: b
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("pools.a", "- name: a"),
        ("pools.a.efa", "efa: true"),
        ("pools.b.nodes", "nodes: [0, 2]"),
        ("pools.b.zones[1]", "- us-east-1b"),
        ("pools.b.capacity", "- name: b"),
        ("storage.acme.weights", "acme.weights:"),
        ("storage.acme.weights.kind", "kind: bucket"),
        ("storage.fast.zone", "fast: {kind: lustre, source: acme.weights}"),
        ("endpoints.chat", "chat:"),
        ("endpoints.chat.engine", "engine:"),
        ("endpoints.chat.engine.env.VLLM_A", 'VLLM_A: "1"'),
        ("endpoints.chat.engine.extra_args[1]", "- --nope"),
        ("endpoints.chat.model", "model: big"),
        ("endpoints.chat.model.dtype", "dtype: bfloat16"),
        ("endpoints.chat.on", "on: b"),
        ("endpoints.chat.on.efa", "efa: true"),
        ("endpoints.chat.on.capacity", "- name: b"),
        ("endpoints.chat.model.token", "big:"),
        ("endpoints.chat.engine.version", "engine:"),
        ("platforms.one.region", "region: us-east-1"),
        ("pools", "pools:"),
        ("network.cidr", None),
        ("nothing", None),
        ("", None),
    ],
)
def test_a_path_has_the_line_of_its_key(tmp_path: Path, path: str, line: str | None) -> None:
    loaded = load(write(tmp_path, LINES))
    assert not loaded.diagnostics
    place = declared_part(loaded.platforms[0], path)
    told = None if place is None else LINES.splitlines()[place[1] - 1].strip()
    assert told == line


def test_texts_of_a_platform_without_a_file_are_python() -> None:
    from llminfra import Platform

    platform = Platform(name="acme", region="us-east-1")
    assert text_as_declared(platform, "set efa=True") == "set efa=True"


def test_fields_that_contradict_one_another_are_shown_as_yaml(tmp_path: Path) -> None:
    engine = "{kind: vllm, language_model_only: true, limit_mm_per_prompt: {image: 3}}"
    (item,) = load(write(tmp_path, HEAD + pool() + chat("Qwen/Qwen2.5-VL-7B-Instruct", engine))).diagnostics
    assert item.found == "language_model_only: true, limit_mm_per_prompt: {image: 3}"


@pytest.mark.parametrize(
    ("name", "text", "fix"),
    [
        (
            "spec.yaml",
            "platforms:\n  a: {{region: us-east-1, {0}}}\n  b: {{region: us-west-2, {0}}}\n".format(
                "storage: {acme-weights: {kind: bucket}}"
            ),
            "set existing: true where",
        ),
        (
            "spec.py",
            TWO_IN_PYTHON,
            "set existing=True where",
        ),
    ],
)
def test_a_bucket_of_two_platforms_is_told_in_the_words_of_the_file(
    tmp_path: Path, name: str, text: str, fix: str
) -> None:
    (item,) = load(write(tmp_path, text, name)).diagnostics
    assert item.code == "LLM_SPEC_4"
    assert fix in item.fix
    assert item.line == 3
