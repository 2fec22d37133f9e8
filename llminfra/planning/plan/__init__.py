"""``Plan`` and its parts: everything that was decided, as frozen records."""

from llminfra.planning.plan.platform import CostLine, Plan, QuotaLine

__all__ = ["CostLine", "Plan", "QuotaLine"]
