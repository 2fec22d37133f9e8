"""Reads the table of provider submodules, which is the stub that type checkers read."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from pathlib import Path

_IMPORT = re.compile(r"^from \w+\.(?P<submodule>\w+) import \*", re.MULTILINE)
_WORD = re.compile(r"[A-Z][a-z0-9]*")


def submodules_of(stub: str) -> frozenset[str]:
    """Submodules that a stub of this package lists, for example `submodules_of("aws")`."""
    text = Path(__file__).with_name(f"{stub}.pyi").read_text(encoding="utf-8")
    return frozenset(match["submodule"] for match in _IMPORT.finditer(text))


def candidates(name: str, submodules: AbstractSet[str]) -> list[str]:
    """Submodules that may define the class `name`, the likeliest first.

    Providers name a nested struct after its resource (`LaunchTemplateNetworkInterfaces` is in `launch_template`), so
    each prefix of the words of the name that is a submodule is a candidate, longest first.
    """
    words = [word.lower() for word in _WORD.findall(name)]
    prefixes = ("_".join(words[:count]) for count in range(len(words), 0, -1))
    found = [prefix for prefix in prefixes if prefix in submodules]
    # The provider itself is the exception: `AwsProvider` and its structs are in `provider`.
    return [*found, "provider"] if "provider" in submodules else found
