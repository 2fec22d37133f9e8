"""How a GPU pool buys its machines: on demand, spot, a targeted reservation, or a capacity block."""

import datetime as dt
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from llminfra.spec.base.spec import Spec
from llminfra.spec.errors.expectations import refused


class OnDemand(Spec):
    """Instances at the on-demand price, with no promise that there are any."""

    kind: Literal["on-demand"] = "on-demand"


class Spot(Spec):
    """Spare instances that AWS may take back with two minutes' notice."""

    kind: Literal["spot"] = "spot"
    fallback_on_demand: bool = True
    """Whether the pool may buy on demand when there is no spot capacity."""


class Reservation(Spec):
    """A targeted On-Demand Capacity Reservation, or a resource group of several."""

    kind: Literal["reservation"] = "reservation"
    reservation_id: Annotated[str, Field(pattern=r"^cr-[0-9a-f]{17}$")] | None = None
    """Id of one reservation, for example ``cr-0123456789abcdef0``."""
    resource_group_arn: Annotated[str, Field(pattern=r"^arn:[a-z-]+:resource-groups:")] | None = None
    """ARN of a resource group of reservations (type ``AWS::EC2::CapacityReservationPool``)."""

    @model_validator(mode="after")
    def _targets_one(self) -> Self:
        if (self.reservation_id is None) == (self.resource_group_arn is None):
            none = self.reservation_id is None
            raise refused(
                "a reservation is targeted by its id or by a resource group"
                + (", and neither is named" if none else ", not by both"),
                "reservation_id",
                "resource_group_arn",
                expected="reservation_id or resource_group_arn",
                fix="name the reservation, for example reservation_id='cr-0123456789abcdef0'"
                if none
                else "leave one of the two out",
            )
        return self


class CapacityBlock(Spec):
    """An EC2 Capacity Block for ML: GPUs bought in advance for a fixed time, in one zone, with a hard end.

    EC2 takes the instances back 30 minutes before the block ends.
    """

    kind: Literal["capacity-block"] = "capacity-block"
    reservation_id: Annotated[str, Field(pattern=r"^cr-[0-9a-f]{17}$")]
    """Id of the block's capacity reservation, for example ``cr-0123456789abcdef0``."""
    starts: dt.date | None = None
    """Day on which it begins (UTC), as `aws ec2 describe-capacity-reservations` shows it; ``None``: not said."""
    ends: dt.date | None = None
    """Day on which it ends, at 11:30 UTC: its instances go from 11:00 UTC on; ``None``: not said."""

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.starts is not None and self.ends is not None and self.starts >= self.ends:
            raise refused(
                f"the block ends on {self.ends.isoformat()}, and begins on {self.starts.isoformat()}",
                "starts",
                "ends",
                expected="an end on a day after the start",
                fix="take both days from aws ec2 describe-capacity-reservations",
            )
        return self


Capacity = Annotated[OnDemand | Spot | Reservation | CapacityBlock, Field(discriminator="kind")]
"""Any way to buy capacity."""
