"""Where llminfra keeps what it can build again."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

CACHE_DIR_VARIABLE = "LLMINFRA_CACHE_DIR"


class CacheUnwritableWarning(UserWarning):
    """The cache cannot be written, so every run builds what it needs anew."""


def cache_dir(environ: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Path:
    """The cache folder of this user: `LLMINFRA_CACHE_DIR`, or the platform's own place.

    Linux follows the XDG base directory specification, which says to ignore a relative `XDG_CACHE_HOME`.
    """
    if override := environ.get(CACHE_DIR_VARIABLE):
        return Path(override).absolute()
    if platform == "win32":
        local = environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "llminfra" / "Cache"
    if platform == "darwin":
        return Path.home() / "Library" / "Caches" / "llminfra"
    xdg = environ.get("XDG_CACHE_HOME", "")
    return (Path(xdg) if Path(xdg).is_absolute() else Path.home() / ".cache") / "llminfra"
