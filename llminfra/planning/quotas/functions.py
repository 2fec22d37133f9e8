"""What the functions of queues reserve of the account's concurrency in AWS Lambda."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.catalog import quotas
from llminfra.planning.plan import QuotaLine

if TYPE_CHECKING:
    from llminfra.planning.plan.targets import AsyncPlan

# AWS Lambda API Reference, PutFunctionConcurrency: so many must be left for functions that reserve none.
_UNRESERVED = 100


def function_quotas(queues: tuple[AsyncPlan, ...]) -> tuple[QuotaLine, ...]:
    """One line where functions empty queues: an apply fails that reserves more than the account has to give."""
    reserved = {item.name: item.spec.max_concurrency for item in queues if item.workers is None}
    if not reserved:
        return ()
    found = quotas.limit("function_concurrency")
    why = "; ".join(f"queue {name} reserves {count}" for name, count in reserved.items())
    return (
        QuotaLine(
            code=found.code,
            name=found.name,
            needed=float(sum(reserved.values()) + _UNRESERVED),
            default=float(found.default),
            why=f"{why}; {_UNRESERVED} must be left unreserved; a new account may have as few as 10",
        ),
    )
