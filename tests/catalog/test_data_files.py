"""The data files: each says where its facts come from, and is what its script writes."""

import importlib.util
import json
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from llminfra.catalog.datafile import read_data

ROOT = Path(__file__).resolve().parents[2]
NAMES = [
    "eks.json",
    "instances.json",
    "nic_layouts.json",
    "offerings.json",
    "price_list.json",
    "prices.json",
    "quotas.json",
    "regions.json",
    *(f"engines/{engine}.json" for engine in ("djl-lmi", "mii", "sglang", "tgi", "trtllm", "vllm")),
    *(f"argument_values/{engine}.json" for engine in ("sglang", "tgi", "vllm")),
]


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", NAMES)
def test_every_file_names_its_sources(name: str):
    source = read_data(name)["_source"]
    texts = source.values() if isinstance(source, dict) else [source]
    assert texts
    assert all(len(text) > 15 for text in texts)


@pytest.mark.parametrize("name", NAMES)
def test_no_file_speaks_of_the_machine_it_was_made_on(name: str):
    text = files("llminfra.catalog").joinpath("data", name).read_text()
    for word in ("/work/", "/tmp/", "/root/", "/home/", "localhost:8080/"):
        assert word not in text


@pytest.mark.parametrize("name", ["catalog_instances", "catalog_prices", "catalog_regions"])
def test_the_files_are_what_the_scripts_write(name: str):
    rendered: dict[Path, str] = script(name).render()
    assert rendered
    for path, text in rendered.items():
        assert path.read_text() == text, f"run: python scripts/{name}.py"


def test_a_missing_file_is_an_error():
    with pytest.raises(FileNotFoundError):
        read_data("nothing.json")


def test_the_instance_script_stops_where_its_sources_disagree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    module: Any = script("catalog_instances")
    other = json.loads(module.KARPENTER.read_text())
    other["types"]["p5.48xlarge"]["efa"] = 31
    changed = tmp_path / "karpenter.json"
    changed.write_text(json.dumps(other))
    monkeypatch.setattr(module, "KARPENTER", changed)
    with pytest.raises(ValueError, match=r"p5\.48xlarge: efa_interfaces is 32, Karpenter says 31"):
        module.render()
