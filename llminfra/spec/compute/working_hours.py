"""``WorkingHours``: hours of the week in which an endpoint keeps more replicas."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from llminfra.spec.base.spec import Distinct, Spec
from llminfra.spec.errors.expectations import refused

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Clock = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class WorkingHours(Spec):
    """Hours of the week in which more replicas are kept than outside of them, by the clock of a time zone.

    It becomes a ``cron`` trigger of KEDA beside those on load: the most that any of them asks for is what runs.
    """

    min: Annotated[int, Field(ge=1)]
    """Fewest replicas in these hours."""
    time_zone: Annotated[str, Field(pattern=r"^[A-Za-z]+(/[A-Za-z0-9_+-]+)*$")]
    """Whose clock it is, by its IANA name, for example ``Europe/Berlin``: the hours follow its summer time."""
    days: Annotated[Distinct[Day], Field(min_length=1)] = ("mon", "tue", "wed", "thu", "fri")
    """Days of the week."""
    start: Clock = "08:00"
    """When they begin: a cold start before the first callers come."""
    end: Clock = "20:00"
    """When they end, on the same day."""

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.start >= self.end:
            raise refused(
                f"the hours end at {self.end}, before they start at {self.start}",
                "start",
                "end",
                expected="an end after the start, on the same day",
                fix="swap the two; hours over midnight are two WorkingHours, one until 23:59 and one from 00:00 on",
            )
        return self
