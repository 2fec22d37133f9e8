"""Exact size of a checkpoint, where a file beside the spec states it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from msgspec import Struct

#: Key of a model file that holds its origin: repository, commit, exact bytes.
ORIGIN_KEY = "_llminfra"
_INDEX = "model.safetensors.index.json"
_SINGLE = "model.safetensors"


class CheckpointFile(Struct, frozen=True, kw_only=True):
    """What is stated about a checkpoint.

    Attributes:
        weights_bytes: Exact bytes of its tensors; ``None``: not stated.
        revision: Commit of the repository; ``None``: not stated.
        gated: Whether the Hub asks for accepted terms; ``None``: not stated.
        source: The file or address that states it.
    """

    weights_bytes: int | None = None
    revision: str | None = None
    gated: bool | None = None
    source: str = ""


def describe_checkpoint(config_file: Path, config: dict[str, Any]) -> CheckpointFile:
    """From the model file's own record, else from the safetensors index or file beside the ``config.json``."""
    origin = config.get(ORIGIN_KEY)
    if isinstance(origin, dict):
        amount, revision, gated = origin.get("weights_bytes"), origin.get("revision"), origin.get("gated")
        return CheckpointFile(
            weights_bytes=amount if isinstance(amount, int) else None,
            revision=revision if isinstance(revision, str) else None,
            gated=gated if isinstance(gated, bool) else None,
            source=str(origin.get("source", config_file)),
        )
    for name, read in ((_INDEX, _index_bytes), (_SINGLE, _header_bytes)):
        file = config_file.parent / name
        if file.is_file() and (amount := read(file)) is not None:
            return CheckpointFile(weights_bytes=amount, source=str(file))
    return CheckpointFile()


def _index_bytes(file: Path) -> int | None:
    try:
        total = json.loads(file.read_text(encoding="utf-8"))["metadata"]["total_size"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return int(total) if isinstance(total, int | float) and total > 0 else None


def _header_bytes(file: Path) -> int | None:
    """Bytes of the tensors of one safetensors file: its size without the header."""
    try:
        with file.open("rb") as opened:
            header = int.from_bytes(opened.read(8), "little")
        size = file.stat().st_size - 8 - header
    except OSError:
        return None
    return size if size > 0 else None
