"""The file that ``llminfra model fetch`` writes and ``Model(config=…)`` reads: a ``config.json`` with its origin."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from llminfra.diagnostics import UsageError
from llminfra.hub.fetch import FetchedModel
from llminfra.planning.served.checkpoint import ORIGIN_KEY


def write_model_file(model: FetchedModel, path: Path) -> None:
    """Write the configuration, and under one key where it comes from and how large the weights are; atomically.

    Raises:
        UsageError: The file cannot be written.
    """
    origin = {
        "model_id": model.model_id,
        "revision": model.revision,
        "gated": model.gated,
        "weights_bytes": model.weights_bytes,
        "parameters": model.parameters,
        "source": f"{model.endpoint}/{model.model_id}/tree/{model.revision}",
    }
    text = json.dumps({**model.config, ORIGIN_KEY: origin}, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    try:
        if path.is_symlink() or (path.exists() and not path.is_file()):  # /dev/stdout must stay what it is
            path.write_text(text, encoding="utf-8")
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except OSError as error:
        msg = f"cannot write {path}: {error}"
        raise UsageError(msg) from None


def read_model_file(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The configuration, and its origin (empty for a plain ``config.json``).

    Raises:
        UsageError: The file cannot be read, or is no JSON object.
    """
    try:
        parsed: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        msg = f"cannot read {path}: {error.strerror or error}"
        raise UsageError(msg) from None
    except ValueError as error:
        msg = f"{path} is no JSON: {error}"
        raise UsageError(msg) from None
    if not isinstance(parsed, dict):
        msg = f"{path} is no JSON object"
        raise UsageError(msg)
    origin = parsed.pop(ORIGIN_KEY, {})
    return parsed, origin if isinstance(origin, dict) else {}
