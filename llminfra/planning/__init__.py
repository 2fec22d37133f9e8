"""Pure functions from a spec and the catalog to a :class:`~llminfra.planning.plan.Plan`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime as dt

    from llminfra.planning.plan import Plan
    from llminfra.spec.platform import Platform


def plan_platform(platform: Platform, *, today: dt.date | None = None) -> Plan:
    """Decide everything about a platform; see :func:`llminfra.planning.platform.plan_platform`."""
    from llminfra.planning.platform import plan_platform as plan  # noqa: PLC0415  # keeps `import llminfra.planning` light

    return plan(platform, today=today)
