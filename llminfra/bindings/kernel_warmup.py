"""Runs the jsii kernel once without Python bindings, so that its package cache is filled before the first use."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

_TIMEOUT_S = 120
_INDEX_TIMEOUT_S = 20
_INDEX_MANIFEST = ".jsii.runtime.v*.json"


class JsiiRuntimeError(RuntimeError):
    """The jsii kernel did not start, or did not load an assembly."""


class Assembly(Struct, frozen=True):
    """One jsii package, as the kernel loads it."""

    name: str
    version: str
    archive: Path


def write_runtime(folder: Path) -> Path:
    """Unpacks the kernel that the Python package `jsii` carries, and returns its entry point."""
    from jsii._embedded.jsii import EMBEDDED_FILES, ENTRYPOINT  # noqa: PLC0415 - importing it is part of a build only

    spec = importlib.util.find_spec("jsii._embedded.jsii")
    if spec is None or spec.origin is None:
        raise JsiiRuntimeError("the Python package jsii carries no kernel")
    source = Path(spec.origin).parent
    for resource, name in EMBEDDED_FILES.items():
        if not name.endswith(".map"):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((source / resource).read_bytes())
    return folder / EMBEDDED_FILES[ENTRYPOINT]


def fill_package_cache(
    entry_point: Path, environment: Mapping[str, str], packages: Path, assemblies: Sequence[Assembly]
) -> None:
    """Loads `assemblies` once, in order, which leaves each unpacked and indexed in `packages`.

    Args:
        entry_point: the kernel, see `write_runtime`.
        environment: variables to set besides those of this process; names Node.js in `JSII_NODE`.
        packages: the root of the package cache, which `environment` names too.
        assemblies: dependencies first.

    Raises:
        JsiiRuntimeError: the kernel failed; the message holds what it said.
    """
    requests = [
        {"api": "load", "name": assembly.name, "version": assembly.version, "tarball": str(assembly.archive)}
        for assembly in assemblies
    ]
    node = environment["JSII_NODE"]
    variables = {**os.environ, **environment, "JSII_RUNTIME_PACKAGE_CACHE": "enabled"}
    with tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(  # noqa: S603  # Node.js and its entry point, no shell
                [node, entry_point], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env=variables
            )
        except OSError as error:
            raise JsiiRuntimeError(f"the jsii kernel does not start on {node}: {error}") from error
        watchdog = threading.Timer(_TIMEOUT_S, process.kill)
        watchdog.start()
        try:
            answers = [_ask(process, None), *(_ask(process, request) for request in requests)]
            # The kernel answers before the threads that index the packages are done, and would end them on exit.
            _wait_for_indexes(packages, len(assemblies))
        finally:
            watchdog.cancel()
            with contextlib.suppress(OSError):
                process.communicate(timeout=_TIMEOUT_S)
        loaded = sum("ok" in answer for answer in answers)
        if loaded != len(assemblies):
            errors.seek(0)
            said = [str(answer["error"]) for answer in answers if "error" in answer]
            said += errors.read().decode(errors="replace").splitlines()[-10:]
            raise JsiiRuntimeError(
                f"the jsii kernel loaded {loaded} of {len(assemblies)} packages on {node}: "
                f"{'; '.join(said) or 'no message'}"
            )


def _ask(process: subprocess.Popen[bytes], request: Mapping[str, str] | None) -> dict[str, Any]:
    """Sends a request and returns the answer; without a request, the greeting. Empty where the kernel is gone."""
    if process.stdin is None or process.stdout is None:
        return {}
    try:
        if request is not None:
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
        answer = json.loads(process.stdout.readline() or b"{}")
    except (OSError, ValueError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _wait_for_indexes(packages: Path, count: int) -> None:
    """Waits for the index of each package, which only saves time later: without it jsii reads the whole assembly."""
    deadline = time.monotonic() + _INDEX_TIMEOUT_S
    while time.monotonic() < deadline and len(list(packages.rglob(_INDEX_MANIFEST))) < count:
        time.sleep(0.02)
