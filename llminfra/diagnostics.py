"""Findings about a spec: one shape for every check, and the exceptions that carry them.

* LlminfraError
  + SpecError: the spec cannot be planned; carries every diagnostic found, not only the first.
  + UsageError: the command was called in a way that cannot work (exit code 2).
  + ToolError: a tool llminfra runs (Node, Terraform, Helm) is missing or failed.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import asdict


class Severity(StrEnum):
    """How bad a finding is; an ``ERROR`` stops the compilation."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """The worse, the smaller."""
        return list(Severity).index(self)


def entry_path(path: str, index: int, name: object = None) -> str:
    """Spec path of an entry of a list: by its name where it has one, else by its place.

    Example:
        >>> entry_path("pools", 0, "h100"), entry_path("pools.h100.zones", 1)
        ('pools.h100', 'pools.h100.zones[1]')
    """
    return f"{path}.{name}" if isinstance(name, str) and name else f"{path}[{index}]"


def entry_names(entries: Iterable[tuple[object, object]]) -> list[str]:
    """What the entries of a list are called in paths; empty: only the place tells.

    Args:
        entries: Of each its ``name``, and the ``rule`` that it is about; ``None``: it has none. A rule calls the only
            entry that is about it.

    Example:
        >>> entry_names([("h100", None), (None, "LLM_SRV_2"), (None, "LLM_CAP_7"), (None, "LLM_CAP_7")])
        ['h100', 'LLM_SRV_2', '', '']
    """
    known = [(name, rule) for name, rule in entries]
    rules = [rule for _, rule in known]
    return [
        name if isinstance(name, str) and name else rule if isinstance(rule, str) and rules.count(rule) == 1 else ""
        for name, rule in known
    ]


def names_of(entries: Iterable[object]) -> list[str]:
    """What objects in a list are called in paths; empty: only the place tells."""
    return entry_names((getattr(each, "name", None), getattr(each, "rule", None)) for each in entries)


def path_parts(path: str) -> list[str]:
    """The steps of a spec path, places in lists as numbers; names with dots, such as those of buckets, are several.

    Example:
        >>> path_parts("pools.h100.zones[1]")
        ['pools', 'h100', 'zones', '1']
    """
    return [part for part in path.replace("[", ".").replace("]", "").split(".") if part]


class Diagnostic(Struct, frozen=True, kw_only=True):
    """One finding.

    Attributes:
        code: Stable rule id such as ``LLM_FIT_1``; ``llminfra explain CODE`` prints its page.
        severity: Whether it stops the compilation.
        path: Where in the spec, for example ``endpoints.chat.engine.max_model_len``; entries of lists by their name,
            or by their place where they have none (``entry_path``).
        message: What is wrong, one sentence.
        found: The offending value as the user wrote it.
        expected: What would work.
        fix: What to change, as an instruction.
        runtime_message: The text that the engine, AWS or Kubernetes would print later, for searching.
        file: Spec file, when known.
        line: 1-based line in ``file``, when known.
    """

    code: str
    severity: Severity
    path: str
    message: str
    found: str = ""
    expected: str = ""
    fix: str = ""
    runtime_message: str | None = None
    file: str | None = None
    line: int | None = None

    def to_dict(self) -> dict[str, str | int | None]:
        """Plain mapping for JSON output; the severity becomes its name."""
        data = asdict(self)
        data["severity"] = self.severity.value
        return data

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: " if self.file and self.line else f"{self.file}: " if self.file else ""
        parts = [f"{where}{self.severity.value} {self.code} at {self.path or 'spec'}: {self.message}"]
        if self.found:
            parts.append(f"  found:    {self.found}")
        if self.expected:
            parts.append(f"  expected: {self.expected}")
        if self.fix:
            parts.append(f"  fix:      {self.fix}")
        if self.runtime_message:
            parts.append(f"  otherwise you would see: {self.runtime_message}")
        return "\n".join(parts)


class LlminfraError(Exception):
    """Base of everything llminfra raises on purpose."""


class SpecError(LlminfraError):
    """The spec cannot work; ``diagnostics`` holds every finding.

    Example:
        >>> raise SpecError([Diagnostic(code="LLM_SPEC_1", severity=Severity.ERROR, path="region", message="unknown")])
        Traceback (most recent call last):
        ...
        llminfra.diagnostics.SpecError: error LLM_SPEC_1 at region: unknown
    """

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("\n".join(str(item) for item in self.diagnostics))


class UsageError(LlminfraError):
    """The call itself is wrong: a missing file, a bad option, an extra that is not installed."""


class ToolError(LlminfraError):
    """A tool that llminfra runs is missing, too old, or failed; the message says which and what to do."""


def errors(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Only the findings that stop the compilation."""
    return tuple(item for item in diagnostics if item.severity is Severity.ERROR)
