"""Something a GPU cannot do, as planning tells it, and compute capability in words."""

from __future__ import annotations

from msgspec import Struct


class GpuProblem(Struct, frozen=True, kw_only=True):
    """Something a GPU cannot do, or does with a loss.

    Attributes:
        code: Stable id.
        fatal: The engine does not start.
        field: Field of the endpoint that it is about, such as ``model.quantization``.
        message: What is wrong.
        found: What was asked for.
        expected: What would work.
        fix: What to change.
        runtime_message: The engine's words.
    """

    code: str
    fatal: bool
    field: str
    message: str
    found: str
    expected: str
    fix: str
    runtime_message: str | None = None


def dotted(capability: int) -> str:
    """``8.9`` for 89."""
    return f"{capability // 10}.{capability % 10}"


def from_capability(capability: int) -> str:
    """``compute capability 8.9 or above``."""
    return f"compute capability {dotted(capability)} or above"
