"""A model's ``config.json`` as it lies in a folder."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from llminfra.catalog.models.config_reader import ModelConfigError

if TYPE_CHECKING:
    from pathlib import Path


def config_file(path: Path) -> Path:
    """The file that a path names, or the folder that it is in."""
    return path / "config.json" if path.is_dir() else path


def read_config(path: Path) -> tuple[Path, dict[str, Any]]:
    """The file and what it states.

    Args:
        path: The file, or the model's folder.

    Raises:
        ModelConfigError: It cannot be read, or is no JSON object.
    """
    file = config_file(path)
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        msg = f"there is no file {file}"
        raise ModelConfigError(msg) from None
    except OSError as error:
        msg = f"cannot read {file}: {error.strerror or error}"
        raise ModelConfigError(msg) from None
    except (ValueError, RecursionError) as error:
        msg = f"{file} is no JSON: {error}"
        raise ModelConfigError(msg) from None
    if not isinstance(found, dict):
        msg = f"{file} holds no object: a config.json begins with {{"
        raise ModelConfigError(msg)
    return file, found
