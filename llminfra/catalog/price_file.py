"""A file of refreshed prices: what ``llminfra catalog refresh`` writes and the price look-ups read."""

import os
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from llminfra.catalog.datafile import Fact
from llminfra.diagnostics import UsageError

#: Environment variable that names a file of refreshed prices.
VARIABLE = "LLMINFRA_PRICES"

Kind = Literal["on-demand", "reserved", "savings-plan", "spot", "capacity-block"]


class RecordedPrice(Fact):
    """One price of an instance type, in US dollars an hour, with where it was asked."""

    usd_per_hour: float = Field(ge=0)
    source: str
    note: str = ""


class PriceFile(Fact):
    """Prices of one region on one day, by instance type and way to buy."""

    region: str
    date: str
    prices: dict[str, dict[Kind, RecordedPrice]]


def read_price_file(path: Path) -> PriceFile:
    """Read a file of refreshed prices.

    Raises:
        UsageError: The file cannot be read, or holds something else.
    """
    try:
        return PriceFile.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        msg = f"{VARIABLE} or the given path names no file of `llminfra catalog refresh`: {path}: {error}"
        raise UsageError(msg) from None


def refreshed(instance_type: str, region: str, kind: Kind) -> tuple[RecordedPrice, str] | None:
    """The price in the file that the environment names, with its date; ``None`` where there is none."""
    name = os.environ.get(VARIABLE)
    if not name:
        return None
    file = _read(name, Path(name).stat().st_mtime_ns if Path(name).exists() else 0)
    if file.region != region:
        return None
    found = file.prices.get(instance_type, {}).get(kind)
    return None if found is None else (found, file.date)


@cache
def _read(name: str, _changed_ns: int) -> PriceFile:
    return read_price_file(Path(name))
