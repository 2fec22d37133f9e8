"""Entries of lists have one kind of path in whatever file: by their name, or by their place where they have none."""

from __future__ import annotations

from pathlib import Path

import pytest

from llminfra import SpecError
from llminfra.diagnostics import entry_path, path_parts
from llminfra.loading.load import load
from llminfra.planning import plan_platform

PYTHON = """from llminfra import *
gpu = GpuPool(name="gpu", instance_types=["g6e.2xlarge"], nodes=(0, 2), zones=["us-east-1a", "us-east-9z"])
chat = Endpoint(name="chat", model=Model(id="Qwen/Qwen3-8B"), engine=VLLM(), on=gpu)
edge = Gateway(
    name="edge",
    endpoints=[chat],
    exposure="cluster",
    tenants=[
        Tenant(name="one", api_key=Secret(name="one")),
        Tenant(name="two"),
    ],
)
platform = Platform(name="p", region="us-east-1", pools=[gpu], storage=[ModelBucket(name="acme-w")],
                    endpoints=[chat], gateways=[edge])
"""
YAML = """name: p
region: us-east-1
pools:
  gpu: {instance_types: [g6e.2xlarge], nodes: [0, 2], zones: [us-east-1a, us-east-9z]}
storage:
  - {kind: bucket, name: acme-w}
endpoints:
  chat: {model: {id: Qwen/Qwen3-8B}, engine: vllm, on: gpu}
gateways:
  edge:
    endpoints: [chat]
    exposure: cluster
    tenants:
      - {name: one, api_key: one}
      - name: two
"""


@pytest.mark.parametrize(
    ("name", "text", "told", "zone"), [("spec.py", PYTHON, 10, 2), ("spec.yaml", YAML, 15, 4)], ids=["python", "yaml"]
)
def test_an_entry_with_a_name_is_called_by_it_and_a_plain_value_by_its_place(
    tmp_path: Path, name: str, text: str, told: int, zone: int
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    (platform,) = load(tmp_path / name).platforms
    with pytest.raises(SpecError) as caught:
        plan_platform(platform)
    found = {item.code: (item.path, item.line) for item in caught.value.diagnostics if item.severity == "error"}
    assert found["LLM_GW_10"] == ("gateways.edge.tenants.two.api_key", told)
    assert found["LLM_NET_20"] == ("pools.gpu.zones[1]", zone)


@pytest.mark.parametrize(
    ("tenants", "path"),
    [
        ("[{name: one, requests_per_minute: 0}]", "gateways.edge.tenants.one.requests_per_minute"),
        ("[{requests_per_minute: 5}]", "gateways.edge.tenants[0].name"),
        ("[{name: one}, 7]", "gateways.edge.tenants[1]"),
        ("[{name: one, limits: !!set {}}]", "gateways.edge.tenants.one.limits"),
    ],
)
def test_shape_errors_name_entries_alike(tmp_path: Path, tenants: str, path: str) -> None:
    text = f"{YAML.partition('    tenants:')[0]}    tenants: {tenants}\n"
    (tmp_path / "spec.yaml").write_text(text, encoding="utf-8")
    assert [(item.path, item.line) for item in load(tmp_path / "spec.yaml").diagnostics] == [(path, 13)]


def test_parts_of_a_path_are_names_and_places() -> None:
    assert path_parts(entry_path(entry_path("pools", 3), 0)) == ["pools", "3", "0"]
    assert path_parts(f"{entry_path('storage', 0, 'acme.w')}.prefix") == ["storage", "acme", "w", "prefix"]
    assert path_parts("") == []
