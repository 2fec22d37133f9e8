"""What has to happen before the first jsii import."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Runtime:
    """How CDKTF is loaded in this process."""

    mode: str


def prepare(extra_submodules: Iterable[str] = ()) -> Runtime:
    """Prepare this process for CDKTF."""
    del extra_submodules
    return Runtime(mode="plain")
