"""Small pieces of PromQL: label matchers and durations, escaped once and for all."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def quote(text: str) -> str:
    r"""A string literal (prometheus.io, "Querying basics": escapes as in Go).

    Example:
        >>> quote('a "model"')
        '"a \\"model\\""'
    """
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def exactly(text: str) -> str:
    """The text as a regular expression that matches itself only (RE2)."""
    return re.sub(r"([.+*?()\[\]{}|^$\\])", r"\\\1", text)


def selector(metric: str, equal: Mapping[str, str] | None = None, like: Mapping[str, str] | None = None) -> str:
    """A series selector with labels that equal a value or match a regular expression.

    Example:
        >>> selector("up", {"job": "dcgm-exporter"})
        'up{job="dcgm-exporter"}'
    """
    matchers = [f"{name}={quote(value)}" for name, value in (equal or {}).items()]
    matchers += [f"{name}=~{quote(value)}" for name, value in (like or {}).items()]
    return f"{metric}{{{','.join(matchers)}}}" if matchers else metric


def number(value: float) -> str:
    """A number literal without needless digits."""
    return f"{value:.10g}"
