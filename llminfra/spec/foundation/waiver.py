"""``Waiver``: an accepted finding, with who accepts it, why, and until when."""

import datetime as dt
import re
from collections.abc import Iterable
from typing import Annotated, ClassVar

from pydantic import Field

from llminfra.spec.base.spec import Spec


class Waiver(Spec):
    """Accepts one rule's finding in one place until a date."""

    spec_section: ClassVar[str] = "waivers"

    rule: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]*(_[A-Z0-9]+)+$")]
    """Rule code, own or checkov's, for example ``CKV_AWS_144``."""
    scope: str = "*"
    """Spec path or resource address it applies to; ``*`` at the end matches the rest."""
    reason: Annotated[str, Field(min_length=20)]
    """Why the finding is acceptable; what a security reviewer reads."""
    owner: Annotated[str, Field(min_length=2)]
    """Who answers for it."""
    expires: dt.date
    """Last day it holds."""

    @property
    def names_a_resource(self) -> bool:
        """Whether the scope is an address, ``aws_eks_cluster.cluster`` alone or after a stack, and no spec path."""
        return re.search(r"(^|[/.])(aws|helm|kubernetes)_[a-z0-9_]+(\.|\*?$)", self.scope) is not None

    def covers(self, places: Iterable[str]) -> bool:
        """Whether the scope covers one of the places: it, or what lies below it, or all that starts like it."""
        if self.scope.endswith("*"):
            return self.scope == "*" or any(place.startswith(self.scope[:-1]) for place in places)
        below = (f"{self.scope}.", f"{self.scope}[")
        return any(place == self.scope or place.startswith(below) for place in places)
