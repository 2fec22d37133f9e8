"""Waivers that have expired, for who reads a plan: `check` refuses each, and tells what it had accepted."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from llminfra.diagnostics import Diagnostic, Severity, entry_path, names_of
from llminfra.loading.wording.told import as_declared
from llminfra.rules.emitted import policy

if TYPE_CHECKING:
    from llminfra.spec.platform import Platform

CODE = "LLM_WAIVER_1"


def expired_waivers(platform: Platform, today: dt.date) -> tuple[Diagnostic, ...]:
    """One warning for all of them: plans can be read and synthesized all the same.

    Args:
        platform: With its waivers.
        today: Day to judge by; a waiver holds on its last day.
    """
    over = [(index, item) for index, item in enumerate(platform.waivers) if not item.broken and item.expires < today]
    if not over:
        return ()
    rule = next(item for item in policy.RULES if item.code == CODE)
    (index, first), several = over[0], len(over) > 1
    file, line = first.origin or platform.origin or (None, None)
    last = max(item.expires for _, item in over).isoformat()
    what = f"{len(over)} waivers have expired" if several else f"the waiver of {first.rule} has expired"
    told = Diagnostic(
        code=CODE,
        severity=Severity.WARNING,
        path="waivers" if several else entry_path("waivers", index, names_of(platform.waivers)[index]),
        message=f"{what}, and `llminfra check` refuses {'them' if several else 'it'}",
        found=f"{', '.join(f'{item.rule} for {item.scope}' for _, item in over)}, until {last} at the latest"
        if several
        else f"for {first.scope} until {last}, by {first.owner}",
        expected=f"an expires of {today.isoformat()} or later",
        fix=rule.fix,
        file=file,
        line=line,
    )
    return as_declared(platform, (told,))
