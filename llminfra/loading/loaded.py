"""What reading a spec file gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from llminfra.diagnostics import errors

if TYPE_CHECKING:
    from llminfra.diagnostics import Diagnostic
    from llminfra.spec.platform import Platform


class Loaded(Struct, frozen=True):
    """The platforms of a spec file, in the order of declaration, and what was wrong with the file.

    With errors, ``platforms`` holds only what is sound enough to be planned, so that planning can add its findings.
    """

    platforms: tuple[Platform, ...]
    diagnostics: tuple[Diagnostic, ...] = ()
    declared: tuple[Platform, ...] = ()
    """Every platform as it was read, with what is broken."""

    @property
    def ok(self) -> bool:
        """Whether the file has no error."""
        return not errors(self.diagnostics)
