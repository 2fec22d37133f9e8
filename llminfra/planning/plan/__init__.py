"""``Plan`` and its parts: everything that was decided, as frozen records."""

from llminfra.planning.plan.platform import ROLE_FIELDS, CostLine, Plan, QuotaLine

__all__ = ["ROLE_FIELDS", "CostLine", "Plan", "QuotaLine"]
