"""Making an alert: its runbook follows from its name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from msgspec import Struct, field

from llminfra.charts.llm_observability import AlertRule

if TYPE_CHECKING:
    from collections.abc import Mapping

RUNBOOKS = "docs/runbooks"


def runbook_page(alert: str) -> str:
    """File name of an alert's runbook.

    Example:
        >>> runbook_page("LlmKvCacheFull")
        'llm-kv-cache-full.md'
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", alert).lower() + ".md"


class Alerts(Struct, frozen=True):
    """Makes alerts that share labels; ``base_url`` is where the runbooks are published."""

    base_url: str | None
    labels: Mapping[str, str] = field(default_factory=dict)

    def __call__(
        self,
        alert: str,
        severity: Literal["info", "warning", "critical"],
        expr: str,
        *,
        for_s: int,
        summary: str,
        description: str,
    ) -> AlertRule:
        """One alert; without ``base_url`` its runbook is a path in the repository."""
        base = self.base_url.rstrip("/") if self.base_url else RUNBOOKS
        return AlertRule(
            alert=alert,
            expr=expr,
            for_seconds=for_s,
            severity=severity,
            summary=summary,
            description=description,
            runbook_url=f"{base}/{runbook_page(alert)}",
            labels=dict(self.labels),
        )
