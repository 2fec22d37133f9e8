"""No text and no data break the YAML loader, and what it dumps it reads back."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from llminfra import (
    VLLM,
    Autoscaling,
    CapacityBlock,
    Endpoint,
    GpuPool,
    LocalState,
    Lustre,
    Model,
    ModelBucket,
    OnDemand,
    Parallelism,
    Platform,
    S3State,
    Secret,
    Spot,
)
from llminfra.loading.load import load
from llminfra.schema import json_schema
from tests.helpers.yaml_spec import to_yaml

LENIENT = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
WORDS = (
    "name region network cluster pools storage models endpoints platforms state tags extends kind on model engine "
    "instance_types nodes cidr zones source capacity observability waivers replicas x-a a b 1 true <<"
)
KEYS = st.sampled_from(WORDS.split(" "))
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10) | KEYS
TREES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=15
)


def check(path: Path) -> None:
    loaded = load(path)
    assert loaded.platforms or loaded.diagnostics
    for item in loaded.diagnostics:
        assert item.code.startswith(("LLM_SPEC_", "LLM_REF_", "LLM_SEC_"))
        assert item.fix
        assert item.file == str(path)


@given(text=st.text())
@LENIENT
def test_any_text_loads_or_is_a_finding(tmp_path: Path, text: str) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    check(path)


@given(content=st.binary())
@LENIENT
@pytest.mark.parametrize("suffix", [".yaml"])
def test_any_bytes_load_or_are_a_finding(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"spec{suffix}"
    path.write_bytes(content)
    check(path)


@given(tree=st.dictionaries(KEYS, TREES, max_size=6))
@LENIENT
@pytest.mark.parametrize("write", [json.dumps, yaml.safe_dump], ids=["json", "yaml"])
def test_any_data_loads_or_is_a_finding(tmp_path: Path, tree: dict[str, Any], write: Callable[[Any], str]) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(write(tree), encoding="utf-8")
    check(path)


NAMES = st.from_regex(r"\A[a-z]([a-z0-9-]{0,8}[a-z0-9])?\Z")
CAPACITIES = st.sampled_from(
    [OnDemand(), Spot(), Spot(fallback_on_demand=False), CapacityBlock(reservation_id="cr-0123456789abcdef0")]
)
STATES = st.sampled_from([LocalState(), S3State(bucket="acme-state"), S3State(bucket="acme-state", prefix="a/b")])
TYPES = st.lists(st.sampled_from(["g6.xlarge", "g6e.12xlarge", "p5.48xlarge"]), min_size=1, max_size=2)
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=12)
LABELS = st.from_regex(r"\A([A-Za-z0-9]([A-Za-z0-9_.-]{0,8}[A-Za-z0-9])?)?\Z")
TAG_MARKS = st.characters(codec="utf-8", categories=["L", "Nd"], include_characters=" +-=._:/@")
TAG_KEYS = st.text(TAG_MARKS, min_size=1, max_size=12).filter(lambda text: not text.lower().startswith("aws:"))


@st.composite
def platforms(draw: st.DrawFn) -> Platform:
    pools = [
        GpuPool(
            name=name,
            instance_types=draw(TYPES),
            nodes=draw(st.sampled_from([(0, 1), (2, 2), (1, 1000)])),
            capacity=draw(CAPACITIES),
            efa=draw(st.booleans()),
            labels=draw(st.dictionaries(NAMES, LABELS, max_size=2)),
        )
        for name in draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    ]
    bucket = ModelBucket(name="acme-weights", existing=draw(st.booleans()))
    lustre = Lustre(
        name="fast", source=draw(st.sampled_from([None, bucket])), capacity_gib=draw(st.integers(1200, 99999))
    )
    models = [
        Model(id="Qwen/Qwen3-8B", quantization=draw(st.sampled_from([None, "fp8"]))),
        Model(id="meta-llama/Llama-3.3-70B-Instruct", token=Secret(name="hf", key=draw(st.sampled_from([None, "k"])))),
    ]
    engines = [
        VLLM(),
        VLLM(max_model_len=draw(st.integers(1, 10**6)), gpu_memory_utilization=0.5, extra_args=["--a", "1"]),
    ]
    endpoints = [
        Endpoint(
            name=name,
            model=draw(st.sampled_from(models)),
            engine=draw(st.sampled_from(engines)),
            on=draw(st.sampled_from(pools)),
            weights=draw(st.sampled_from([None, bucket, lustre])),
            replicas=draw(st.sampled_from([1, 7, Autoscaling(min=0, max=3)])),
            parallelism=draw(st.sampled_from([None, Parallelism(tensor=2, expert=True)])),
            served_name=draw(st.none() | TEXTS.filter(bool)),
        )
        for name in draw(st.lists(NAMES, max_size=3, unique=True))
    ]
    return Platform(
        name=draw(NAMES),
        region="us-east-1",
        pools=pools,
        storage=[bucket, lustre],
        endpoints=endpoints,
        state=draw(STATES),
        tags=draw(st.dictionaries(TAG_KEYS, st.text(TAG_MARKS, max_size=12), max_size=3)),
        observability=draw(st.sampled_from([None, *[Platform.model_fields["observability"].default]])),
    )


VALIDATOR = Draft202012Validator(json_schema())


@given(platform=platforms())
@LENIENT
def test_a_dump_reads_back_equal_and_is_valid_by_the_schema(tmp_path: Path, platform: Platform) -> None:
    text = to_yaml(platform)
    path = tmp_path / "spec.yaml"
    path.write_text(text, encoding="utf-8")
    loaded = load(path)
    assert loaded.diagnostics == ()
    assert loaded.platforms == (platform,)
    VALIDATOR.validate(yaml.safe_load(text))
