"""Hours in which an endpoint keeps more replicas, as triggers of KEDA."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.charts.llm_server import CronTrigger
from llminfra.planning.served.hours import working_hours

if TYPE_CHECKING:
    from llminfra.planning.plan.endpoint import EndpointPlan

# kedacore/keda@8b4f083c pkg/scalers/cron_scaler.go: minute, hour, day of month, month, day of week from Sunday on. It
# is in an interval when the next end comes before the next start, and asks for nothing outside.
_DAYS = {"sun": 0, "mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6}


def cron_triggers(endpoint: EndpointPlan) -> list[CronTrigger] | None:
    """A trigger for each of the declared hours; ``None``: none are."""
    return [
        CronTrigger(
            name=f"hours-{place}",
            timezone=item.time_zone,
            start=_cron(item.start, tuple(item.days)),
            end=_cron(item.end, tuple(item.days)),
            desired_replicas=item.min,
        )
        for place, item in enumerate(working_hours(endpoint.spec))
    ] or None


def _cron(clock: str, days: tuple[str, ...]) -> str:
    hour, _, minute = clock.partition(":")
    return f"{int(minute)} {int(hour)} * * {','.join(str(day) for day in sorted(_DAYS[day] for day in days))}"
