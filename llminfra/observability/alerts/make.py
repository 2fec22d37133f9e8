"""Making an alert: its runbook follows from its name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from msgspec import Struct, field

from llminfra.charts.llm_observability import AlertRule

if TYPE_CHECKING:
    from collections.abc import Mapping


def runbook_page(alert: str) -> str:
    """File name of an alert's runbook.

    Example:
        >>> runbook_page("LlmKvCacheFull")
        'llm-kv-cache-full.md'
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", alert).lower() + ".md"


class Alerts(Struct, frozen=True):
    """Makes alerts that share labels; ``base_url`` is where the runbooks are published, if they are."""

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
        """One alert; without ``base_url`` it has no address of its runbook: one that opens nothing helps nobody."""
        return AlertRule(
            alert=alert,
            expr=expr,
            for_seconds=for_s,
            severity=severity,
            summary=summary,
            description=description,
            runbook_url=f"{self.base_url.rstrip('/')}/{runbook_page(alert)}" if self.base_url else None,
            labels=dict(self.labels),
        )
