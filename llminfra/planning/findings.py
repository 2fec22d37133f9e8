"""Collects diagnostics while planning: passes add to it and go on, so that all findings come in one run."""

from __future__ import annotations

from msgspec import Struct, field

from llminfra.diagnostics import Diagnostic, Severity, errors
from llminfra.spec.base.spec import Spec


class Findings(Struct):
    """The findings of one planning run, in order, without repetitions."""

    items: list[Diagnostic] = field(default_factory=list)

    def error(
        self,
        code: str,
        at: Spec | None,
        path: str,
        message: str,
        *,
        found: object = "",
        expected: str = "",
        fix: str = "",
        runtime_message: str | None = None,
    ) -> None:
        """Add a finding that stops the compilation; ``at`` is the declared object it is about."""
        self._add(Severity.ERROR, code, at, path, message, str(found), expected, fix, runtime_message)

    def warning(
        self,
        code: str,
        at: Spec | None,
        path: str,
        message: str,
        *,
        found: object = "",
        expected: str = "",
        fix: str = "",
        runtime_message: str | None = None,
    ) -> None:
        """Add a finding that deserves a look but stops nothing."""
        self._add(Severity.WARNING, code, at, path, message, str(found), expected, fix, runtime_message)

    @property
    def any_errors(self) -> bool:
        """Whether something stops the compilation."""
        return bool(errors(self.items))

    def _add(
        self,
        severity: Severity,
        code: str,
        at: Spec | None,
        path: str,
        message: str,
        found: str,
        expected: str,
        fix: str,
        runtime_message: str | None,
    ) -> None:
        file, line = (at.origin if at is not None else None) or (None, None)
        item = Diagnostic(
            code=code,
            severity=severity,
            path=path,
            message=message,
            found=found,
            expected=expected,
            fix=fix,
            runtime_message=runtime_message,
            file=file,
            line=line,
        )
        if item not in self.items:
            self.items.append(item)
