"""The pre-flight of multi-node endpoints: what it reads from NCCL's log, and the job that runs it."""

from __future__ import annotations

import importlib.util
import json
import socket
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from llminfra.assets import chart_dir
from tests.charts.conftest import Render
from tests.charts.objects import one
from tests.charts.samples import nccl_preflight

# Lines as aws-ofi-nccl and NCCL print them on p5en and p4d.
GOOD = """\
ip-10-0-0-1 [7] NCCL INFO NET/OFI Selected provider is efa, fabric is efa-direct (found 16 nics)
ip-10-0-0-1 [7] NCCL INFO Using network Libfabric
ip-10-0-0-1 [3] NCCL INFO Channel 00/0 : 3[3] -> 14[6] [send] via NET/Libfabric/3/GDRDMA
"""
OLD = "p4d:26:26 [0] NCCL INFO NET/OFI Selected Provider is efa\np4d:26:26 [0] NCCL INFO Using network AWS Libfabric\n"
TCP = (
    "ip-10-0-0-1 [0] NCCL INFO NET/Socket : Using [0]eth0:10.0.0.1<0>\nip-10-0-0-1 [0] NCCL INFO Using network Socket\n"
)


@pytest.fixture
def script() -> ModuleType:
    path = chart_dir("nccl-preflight") / "files" / "nccl_preflight.py"
    spec = importlib.util.spec_from_file_location("nccl_preflight", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_efa_is_recognized_by_the_words_of_new_and_old_plugins(script: ModuleType) -> None:
    assert script.verdict(script.read_logs(GOOD), "efa") == ""
    assert script.verdict(script.read_logs(OLD), "efa") == ""
    assert script.read_logs(GOOD)["gpu_direct"] == ["GDRDMA"]
    assert script.read_logs(OLD)["gpu_direct"] == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (TCP, "fell back to TCP"),
        (GOOD + TCP, "fell back to TCP"),
        ("NCCL INFO NET/OFI Selected provider is tcp;ofi_rxm\n", "found tcp;ofi_rxm"),
        ("", "found none"),
    ],
)
def test_anything_else_is_told(script: ModuleType, text: str, why: str) -> None:
    assert why in script.verdict(script.read_logs(text), "efa")


@pytest.mark.parametrize(("log", "code", "result"), [(GOOD, 0, 0), (TCP, 0, 1), (GOOD, 3, 1)])
def test_the_job_fails_where_the_network_is_wrong_or_the_sum_failed(
    script: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    log: str,
    code: int,
    result: int,
) -> None:
    started: list[Any] = []

    def run(command: list[str], *, env: dict[str, str], check: bool) -> SimpleNamespace:
        started.append((command, env, check))
        (tmp_path / "nccl.host.1.log").write_text(log)
        return SimpleNamespace(returncode=code)

    settings = {"NODES": "2", "GPUS": "8", "SUBDOMAIN": "r1-nccl", "EXPECTED": "efa", "JOB_COMPLETION_INDEX": "1"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(script, "_LOGS", tmp_path)
    monkeypatch.setattr(script.subprocess, "run", run)
    monkeypatch.setattr(socket, "gethostname", lambda: "r1-nccl-1-1")
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args: [])
    assert script.main() == result
    ((command, env, _),) = started
    assert "--master-addr=r1-nccl-1-0.r1-nccl" in command
    assert {"--nnodes=2", "--nproc-per-node=8", "--node-rank=1"} <= set(command)
    assert env["NCCL_DEBUG"] == "INFO"
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["ok"] is (result == 0)
    assert bool(last["why"]) is (result == 1)


def test_a_first_pod_that_never_comes_ends_the_wait(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_args: object) -> None:
        raise OSError

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    monkeypatch.setattr(script.time, "sleep", lambda _seconds: None)
    with pytest.raises(OSError, match="did not appear"):
        script.wait_for("r1-nccl-0.r1-nccl", attempts=3)


@pytest.mark.helm
def test_nothing_runs_until_it_is_asked_for(render_chart: Render) -> None:
    objects = render_chart("nccl-preflight", nccl_preflight())
    job = one(objects, "CronJob")
    assert job["spec"]["suspend"] is True
    spec = job["spec"]["jobTemplate"]["spec"]
    assert (spec["completionMode"], spec["completions"], spec["parallelism"]) == ("Indexed", 2, 2)
    pod = spec["template"]["spec"]
    assert pod["subdomain"] == one(objects, "Service")["metadata"]["name"]
    (container,) = pod["containers"]
    for side in ("requests", "limits"):
        assert container["resources"][side]["vpc.amazonaws.com/efa"] == "32"
        assert container["resources"][side]["nvidia.com/gpu"] == "8"
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ["IPC_LOCK"]}
    labels = spec["template"]["metadata"]["labels"]
    chosen = one(objects, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"]
    assert chosen.items() <= labels.items()
    assert job["metadata"]["annotations"]["llminfra.io/why-ipc-lock"]


def test_one_node_has_nothing_to_test() -> None:
    with pytest.raises(ValidationError, match="nodes"):
        nccl_preflight().replace(nodes=1)
