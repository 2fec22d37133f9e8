"""Runs checkov in a process of its own: imports it, says so, waits for one request, answers, and ends.

This file is a script and imports nothing of llminfra but ``checkov_mends.py`` beside it, so that it runs under any
Python that has checkov, for example one in another virtual environment (``LLMINFRA_CHECKOV_PYTHON``): checkov pins many
libraries that an application may need in other versions. A process also keeps checkov's global registries, logging,
environment and warnings out of ours, and its import (seconds) runs beside synth instead of in turns with it.

Protocol, one JSON document a line: ready line out, request in, answer out. Everything that checkov prints itself goes
to standard error. Network calls fail at once: offline, checkov asks its vendor for guidelines and severities, which
llminfra does not use.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import logging
import os
import socket
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

# Set before checkov is imported: it reads them then.
_ENVIRONMENT = {
    "LOG_LEVEL": "ERROR",
    "CHECKOV_PARALLELIZATION_TYPE": "none",
    "CHECKOV_RUN_SCA_PACKAGE_SCAN_V2": "false",
    "BC_SOURCE": "cli",
}


def main() -> int:
    """Serve one request."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    started = time.monotonic()
    os.environ.update(_ENVIRONMENT)
    _refuse_network()
    try:
        for module in ("kubernetes", "secrets", "terraform_json"):
            importlib.import_module(f"checkov.{module}.runner")
        version = importlib.import_module("checkov.version").version
        _mends().mend()
    except ImportError as error:
        _say(answers, {"ready": False, "reason": f"{type(error).__name__}: {error}"})
        return 1
    logging.disable(logging.CRITICAL)
    _say(answers, {"ready": True, "version": version, "import_s": round(time.monotonic() - started, 3)})
    line = sys.stdin.readline()
    if not line.strip():
        return 0
    request = json.loads(line)
    answer: dict[str, Any] = {"findings": [], "problems": [], "passed": 0, "frameworks": []}
    started = time.monotonic()
    for framework, run in (("terraform_json", _terraform), ("kubernetes", _kubernetes), ("secrets", _secrets)):
        files = request.get(framework) or []
        if not files:
            continue
        try:
            reports = run(files, request)
        except Exception as error:  # noqa: BLE001  # one framework must not take the others with it
            answer["problems"].append(f"{framework}: {type(error).__name__}: {error}")
            continue
        answer["frameworks"].append(framework)
        for report in reports if isinstance(reports, list) else [reports]:
            answer["findings"] += [_record(framework, record) for record in report.failed_checks]
            answer["passed"] += len(report.passed_checks)
            answer["problems"] += [f"{framework}: cannot parse {path}" for path in report.parsing_errors]
    answer["run_s"] = round(time.monotonic() - started, 3)
    _say(answers, answer)
    return 0


def _terraform(files: list[str], request: dict[str, Any]) -> Any:
    from checkov.runner_filter import RunnerFilter
    from checkov.terraform_json.runner import TerraformJsonRunner

    runner = TerraformJsonRunner()
    return runner.run(
        root_folder=None,
        files=files,
        external_checks_dir=request.get("external_dirs") or None,
        runner_filter=RunnerFilter(framework=["terraform_json"], show_progress_bar=False),
    )


def _kubernetes(files: list[str], request: dict[str, Any]) -> Any:
    from checkov.kubernetes.runner import Runner
    from checkov.runner_filter import RunnerFilter

    return Runner().run(
        root_folder=None,
        files=files,
        external_checks_dir=request.get("external_dirs") or None,
        runner_filter=RunnerFilter(framework=["kubernetes"], show_progress_bar=False),
    )


def _secrets(files: list[str], request: dict[str, Any]) -> Any:  # noqa: ARG001  # all frameworks have one shape
    from checkov.runner_filter import RunnerFilter
    from checkov.secrets.runner import Runner

    return Runner().run(
        root_folder=None,
        files=list(files),
        runner_filter=RunnerFilter(framework=["secrets"], show_progress_bar=False),
    )


def _mends() -> Any:
    """``checkov_mends.py`` beside this file; not as a module of llminfra, which this Python need not have."""
    path = Path(__file__).with_name("checkov_mends.py")
    spec = importlib.util.spec_from_file_location("llminfra_checkov_mends", path)
    if spec is None or spec.loader is None:
        msg = f"cannot load {path.name}"
        raise ImportError(msg)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _record(framework: str, record: Any) -> dict[str, Any]:
    lines = list(record.file_line_range or [0, 0])
    return {
        "framework": framework,
        "check": record.check_id,
        "name": record.check_name,
        "resource": record.resource,
        "file": record.file_abs_path or record.file_path,
        "line": lines[0],
    }


def _refuse_network() -> None:
    def refuse(*_args: object, **_kwargs: object) -> NoReturn:
        msg = "llminfra runs checkov without a network"
        raise OSError(msg)

    socket.socket.connect = refuse  # type: ignore[method-assign]  # that is the point: checkov reaches nothing
    socket.socket.connect_ex = refuse  # type: ignore[method-assign]  # the same
    socket.getaddrinfo = refuse


def _say(stream: Any, document: dict[str, Any]) -> None:
    stream.write(json.dumps(document) + "\n")
    stream.flush()


if __name__ == "__main__":
    raise SystemExit(main())
