"""``Waiver``: an accepted finding, with who accepts it, why, and until when."""

import datetime as dt
from typing import Annotated, ClassVar

from pydantic import Field

from llminfra.spec._base import Spec


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
