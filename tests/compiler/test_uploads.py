"""What nobody copies into a bucket is asked for before pods start that would wait for it until Helm gives up."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from llminfra import VLLM, Endpoint, GpuPool, LoraAdapter, Lustre, Model, ModelBucket, Platform
from llminfra.compiler import compile_platforms
from llminfra.planning import plan_platform

if TYPE_CHECKING:
    from pathlib import Path

MADE, THERE = ModelBucket(name="acme-made"), ModelBucket(name="acme-there", existing=True)
POOL = GpuPool(name="l40s", instance_types=["g6e.2xlarge"], nodes=(0, 2), zones=["us-east-1a"])
HUB = {"id": "acme/sql-lora", "revision": "0" * 40}


def asked(folder: Path, *storage: Any, **endpoint: Any) -> dict[str, dict[str, Any]]:
    """The checks of the stack ``serving``, by name."""
    chat = Endpoint(name="chat", model=Model(id="Qwen/Qwen3-8B"), engine=VLLM(max_model_len=8192), on=POOL, **endpoint)
    platform = Platform(name="acme", region="us-east-1", pools=[POOL], storage=list(storage), endpoints=[chat])
    compile_platforms([plan_platform(platform)], folder)
    stack = json.loads((folder / "stacks/acme-serving/cdk.tf.json").read_text(encoding="utf-8"))
    found: dict[str, dict[str, Any]] = stack["data"].get("aws_s3_objects", {})
    return found


def said(check: dict[str, Any]) -> str:
    (condition,) = check["lifecycle"]["postcondition"]
    assert condition["condition"] == "${length(self.keys) > 0}"
    return str(condition["error_message"])


def test_what_a_job_copies_is_not_asked_for(tmp_path: Path) -> None:
    assert not asked(tmp_path, MADE, adapters=[LoraAdapter(name="sql", bucket=MADE, rank=16, **HUB)])


def test_a_model_in_a_bucket_that_is_only_read_is(tmp_path: Path) -> None:
    found = asked(tmp_path, THERE)
    assert found.keys() == {"chat-weights"}
    check = found["chat-weights"]
    assert check["bucket"] == "${data.terraform_remote_state.storage.outputs.bucket_acme-there}"
    assert check["prefix"].startswith("models/Qwen/Qwen3-8B/")
    assert check["prefix"].endswith("/config.json")
    assert said(check).endswith("has no config.json: the model is not there, or not all of it yet. Upload it first.")


def test_so_is_one_that_a_file_system_shows(tmp_path: Path) -> None:
    shown = Lustre(name="fast", capacity_gib=1200, source=THERE, zone="us-east-1a")
    assert asked(tmp_path, THERE, shown, weights=shown).keys() == {"chat-weights"}


@pytest.mark.parametrize("bucket", [MADE, THERE], ids=["made", "there"])
def test_an_adapter_that_lies_in_its_bucket_is(tmp_path: Path, bucket: ModelBucket) -> None:
    adapters = [LoraAdapter(name="sql", bucket=bucket, key="adapters/sql/v3", rank=16)]
    found = asked(tmp_path, *dict.fromkeys((MADE, bucket)), weights=MADE, adapters=adapters)
    assert found.keys() == {"chat-adapter-sql"}
    assert found["chat-adapter-sql"]["prefix"] == "adapters/sql/v3/adapter_config.json"
    assert "has no adapter_config.json: the adapter sql is not there" in said(found["chat-adapter-sql"])


def test_an_adapter_of_the_hub_is_where_no_job_may_write(tmp_path: Path) -> None:
    adapters = [LoraAdapter(name="sql", bucket=THERE, rank=16, **HUB)]
    assert asked(tmp_path, MADE, THERE, weights=MADE, adapters=adapters).keys() == {"chat-adapter-sql"}
