"""Exact size of a checkpoint beside the spec: the index, the file itself, or the record of ``model fetch``."""

from __future__ import annotations

import datetime as dt
import json
import struct
from pathlib import Path
from typing import Any

import pytest

from llminfra import Platform, SpecError
from llminfra.catalog.models import catalog_config
from llminfra.loading.load import load
from llminfra.planning import plan_platform
from llminfra.planning.plan import Plan
from llminfra.planning.served.checkpoint import ORIGIN_KEY, CheckpointFile, describe_checkpoint

NAME = "Qwen/Qwen3-8B"
EXACT = 16_381_470_720  # metadata.total_size of the repository's index
SPEC = """
from llminfra import *
pool = GpuPool(name="l40s", instance_types=["g6e.xlarge"], nodes=(0, 1))
platform = Platform(name="p", region="us-east-1", pools=[pool], storage=[ModelBucket(name="acme-weights")],
    endpoints=[Endpoint(name="a", on=pool, engine=VLLM(max_model_len=4096),
                        model=Model(id="acme/own", config="model/config.json"))])
"""


def config() -> dict[str, Any]:
    found = catalog_config(NAME)
    assert found is not None
    return found


def loaded(folder: Path, files: dict[str, str | bytes]) -> Platform:
    for name, content in {"spec.py": SPEC, **files}.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    (platform,) = load(folder / "spec.py").platforms
    return platform


def planned(folder: Path, files: dict[str, str | bytes]) -> Plan:
    return plan_platform(loaded(folder, files), today=dt.date(2026, 11, 23))


def test_index_states_exact_bytes(tmp_path: Path) -> None:
    index = json.dumps({"metadata": {"total_size": EXACT}, "weight_map": {}})
    plan = planned(tmp_path, {"model/config.json": json.dumps(config()), "model/model.safetensors.index.json": index})
    assert plan.endpoints[0].weights.bytes_total == EXACT
    assert "LLM_FIT_37" not in {item.code for item in plan.diagnostics}


def test_computed_size_agrees_with_the_stated(tmp_path: Path) -> None:
    plan = planned(tmp_path, {"model/config.json": json.dumps(config())})
    assert plan.endpoints[0].weights.bytes_total == pytest.approx(EXACT, rel=0.02)


def test_a_size_that_does_not_fit_the_shapes_is_warned_about(tmp_path: Path) -> None:
    index = json.dumps({"metadata": {"total_size": EXACT * 2}})
    plan = planned(tmp_path, {"model/config.json": json.dumps(config()), "model/model.safetensors.index.json": index})
    (item,) = (item for item in plan.diagnostics if item.code == "LLM_FIT_37")
    assert "32.8 GB stated" in item.found


def test_a_single_file_is_its_size_without_the_header(tmp_path: Path) -> None:
    header = json.dumps({"w": {"dtype": "U8", "shape": [10], "data_offsets": [0, 10]}}).encode()
    (tmp_path / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + b"0123456789")
    assert describe_checkpoint(tmp_path / "config.json", {}).weights_bytes == 10


def test_the_record_of_fetch_wins(tmp_path: Path) -> None:
    record = {"weights_bytes": 5, "revision": "a" * 40, "gated": True, "source": "https://hub/acme/own"}
    found = describe_checkpoint(tmp_path / "config.json", {ORIGIN_KEY: record})
    assert found == CheckpointFile(weights_bytes=5, revision="a" * 40, gated=True, source="https://hub/acme/own")


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"metadata": null}', '{"metadata": {"total_size": "much"}}', "\x00"]
)
def test_a_broken_index_states_nothing(content: str, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(content)
    assert describe_checkpoint(tmp_path / "config.json", {}) == CheckpointFile()


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("", "is no JSON"),
        ("[]", "holds no object: a config.json begins with {"),
        ("null", "holds no object"),
        ("{}", "has neither model_type nor hidden_size"),
        ('{"hidden_size": "wide"}', "hidden_size is 'wide'"),
        (json.dumps(config() | {"architectures": {"a": 1}}), "cannot be read: KeyError"),
    ],
)
def test_a_broken_config_is_a_finding_and_no_crash(content: str, found: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        planned(tmp_path, {"model/config.json": content})
    (item,) = [item for item in caught.value.diagnostics if item.code == "LLM_FIT_13"]
    assert found in item.found
    assert "object has no attribute" not in item.found


def test_a_missing_config_is_told_by_its_path(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        planned(tmp_path, {})
    (item,) = [item for item in caught.value.diagnostics if item.code == "LLM_FIT_13"]
    assert item.found == f"there is no file {tmp_path / 'model' / 'config.json'}"


def test_one_architecture_may_stand_without_a_list(tmp_path: Path) -> None:
    alone = planned(
        tmp_path, {"model/config.json": json.dumps(config() | {"architectures": config()["architectures"][0]})}
    )
    listed = planned(tmp_path, {"model/config.json": json.dumps(config())})
    assert alone.endpoints[0].fit == listed.endpoints[0].fit


def test_a_config_may_be_named_by_its_folder(tmp_path: Path) -> None:
    files = {"model/config.json": json.dumps(config())}
    by_folder = planned(tmp_path, {**files, "spec.py": SPEC.replace("model/config.json", "model")})
    assert by_folder.endpoints[0].fit == planned(tmp_path, files).endpoints[0].fit


def test_what_a_config_leaves_open_is_a_warning(tmp_path: Path) -> None:
    whole = planned(tmp_path, {"model/config.json": json.dumps(config())})
    assert "LLM_INPUT_4" not in {item.code for item in whole.diagnostics}
    plan = planned(tmp_path, {"model/config.json": json.dumps(config() | {"model_type": "foo"})})
    (item,) = (item for item in plan.diagnostics if item.code == "LLM_INPUT_4")
    assert "is not one whose code was read" in item.found
