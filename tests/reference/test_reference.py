"""The reference names every type and field that may be declared, and says of each what it means."""

import json
import re
from pathlib import Path

import pytest

from llminfra.assets import runbooks_dir
from llminfra.cli.main import main
from llminfra.reference.markdown import reference_pages
from llminfra.reference.types import declared_types, type_pages
from llminfra.spec.platform import Platform

FOLDER = Path(__file__).parents[2] / "docs" / "spec"


def test_docs_are_what_the_script_writes() -> None:
    assert {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()} == reference_pages()


def test_every_declared_type_has_one_page() -> None:
    headings = [
        line.removeprefix("## ")
        for text in reference_pages().values()
        for line in text.splitlines()
        if line.startswith("## ")
    ]
    assert sorted(headings) == sorted(declared_types())
    assert len(headings) > 50


def test_every_field_says_what_it_is() -> None:
    silent = [f"{page.name}.{field.name}" for page in type_pages() for field in page.fields if not field.meaning]
    assert silent == []


def test_every_link_leads_to_a_heading() -> None:
    pages = reference_pages()
    anchors = {
        f"{name}#{line.removeprefix('## ').lower()}"
        for name, text in pages.items()
        for line in text.splitlines()
        if line.startswith("## ")
    } | set(pages)
    links = {link for text in pages.values() for link in re.findall(r"\]\(([^)]+)\)", text)}
    assert len(links) > 50
    assert links <= anchors


def test_the_platform_is_the_file_and_uses_are_named() -> None:
    pages = {page.name: page for page in type_pages()}
    assert pages["Platform"].yaml == "the file itself, or an item of `platforms`"
    assert pages["Lustre"].yaml == "an item of `storage` with `kind: lustre`"
    assert pages["VLLM"].used_in == ("BatchInference.engine", "Endpoint.engine")
    assert {field.name for field in pages["Platform"].fields} == set(Platform.model_fields)


@pytest.mark.parametrize("name", ["GpuPool", "gpupool", "gpu_pool"])
def test_a_type_is_explained_by_any_spelling(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", name]) == 0
    text = capsys.readouterr().out
    assert text.startswith("GpuPool  A pool of GPU nodes.")
    assert "instance_types  a list of text; required" in text


def test_a_kind_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "capacity-block"]) == 0
    assert capsys.readouterr().out.startswith("CapacityBlock  ")


def test_a_field_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "VLLM.kv_cache_dtype", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["type"] == "VLLM"
    assert "'fp8'" in told["takes"]
    assert told["takes_in_yaml"] == told["takes"].replace("'", "")
    assert told["default"] == "'auto'"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("GpuPool.capacty", "GpuPool has no field 'capacty'; did you mean GpuPool.capacity?"),
        ("GpuPool.zzz", "GpuPool has no field 'zzz'; `llminfra explain GpuPool` has all fields"),
        ("lustr", "there is no rule, type, path or alert 'lustr'; did you mean Lustre"),
        ("LLM_FIT_999", "there is no rule, type, path or alert 'LLM_FIT_999'; did you mean LLM_FIT_"),
        ("qqqq", "`llminfra explain --list` and `--types` have all"),
    ],
)
def test_what_is_near_an_unknown_name_is_told(name: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", name]) == 2
    assert message in capsys.readouterr().err


def test_types_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--types"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(declared_types())
    assert main(["explain", "--types", "--json"]) == 0
    assert {item["name"] for item in json.loads(capsys.readouterr().out)} == set(declared_types())


@pytest.mark.parametrize("name", ["LlmKvCacheFull", "llmkvcachefull", "llm-kv-cache-full"])
def test_an_alert_is_explained_by_its_runbook(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", name]) == 0
    out = capsys.readouterr().out
    assert out.startswith("# LlmKvCacheFull\n")
    assert main(["explain", "LlmEndpointDown"]) == 0
    assert "gpu-pod-pending (`llminfra explain gpu-pod-pending`)" in capsys.readouterr().out


def test_every_runbook_has_its_alerts_name(capsys: pytest.CaptureFixture[str]) -> None:
    for path in runbooks_dir().glob("*.md"):
        assert main(["explain", path.stem, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["runbook"] == path.read_text(encoding="utf-8")
