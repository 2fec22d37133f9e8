"""Faults on purpose: a provider call that fails, throttles, times out, or takes its process down.

Which call fails is drawn from a seed and the number of the call in the world, so a run can be repeated.
"""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from llminfra.rehearsal.provider.contract import Problem
from llminfra.rehearsal.world import WorldStore

FaultKind = Literal["error", "throttle", "timeout", "death", "kill"]
FAULT_KINDS: Final[tuple[FaultKind, ...]] = ("error", "throttle", "timeout", "death", "kill")
DEATH_EXIT_CODE: Final = 137


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """What goes wrong.

    Attributes:
        seed: Start of the random draw; the same seed and stacks give the same faults.
        rate: Share of provider calls (create, update, delete, data read) that are hit, 0 to 1.
        kinds: What may happen to them: ``error`` (the service refuses), ``throttle`` (its retries run out), ``timeout``
            (the object is made, the wait for it ends in an error), ``death`` (the provider process dies before the
            call), ``kill`` (Terraform itself is killed in the middle of the step).
        limit: Most faults in one rehearsal.
    """

    seed: int = 0
    rate: float = 0.1
    kinds: tuple[FaultKind, ...] = FAULT_KINDS
    limit: int = 5

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {"seed": self.seed, "rate": self.rate, "kinds": list(self.kinds), "limit": self.limit}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> FaultPlan:
        """Read ``to_dict``'s form."""
        return cls(data["seed"], data["rate"], tuple(data["kinds"]), data["limit"])


@dataclass(frozen=True, slots=True)
class FaultInjector:
    """Decides for each call, before and after it takes effect."""

    plan: FaultPlan | None
    world: WorldStore

    def before(self, kind: str, type_name: str) -> Problem | None:
        """A refusal of the call, or ``None``; may end the process."""
        fault = self._draw(kind, type_name, ("error", "throttle", "death", "kill"))
        if fault == "kill":
            os.kill(os.getppid(), signal.SIGKILL)
        if fault in ("death", "kill"):
            os._exit(DEATH_EXIT_CODE)
        if fault == "throttle":
            return Problem(
                "ThrottlingException: Rate exceeded",
                f"injected fault: {kind} {type_name} was throttled until the provider's retries ran out",
            )
        if fault == "error":
            return Problem("InternalFailure: The request processing has failed", f"injected fault: {kind} {type_name}")
        return None

    def after(self, kind: str, type_name: str) -> Problem | None:
        """A wait that ends in an error although the call took effect."""
        if self._draw(kind, type_name, ("timeout",)) is None:
            return None
        return Problem(
            "timeout while waiting for state to become 'ACTIVE'",
            f"injected fault: {kind} {type_name} took effect, but the provider gave up waiting",
        )

    def _draw(self, kind: str, type_name: str, among: tuple[FaultKind, ...]) -> FaultKind | None:
        if self.plan is None:
            return None
        kinds = [item for item in self.plan.kinds if item in among]
        share = self.plan.rate * len(kinds) / max(1, len(self.plan.kinds))
        number = self.world.record("draw", type_name, kind, among[0])
        generator = random.Random(f"{self.plan.seed}|{number}")  # noqa: S311  repeatable by design
        if not kinds or generator.random() >= share:
            return None
        if self.world.count("fault") >= self.plan.limit:
            return None
        chosen = generator.choice(kinds)
        self.world.record("fault", type_name, kind, chosen)
        return chosen
