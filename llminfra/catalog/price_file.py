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


class RecordedServicePrice(Fact):
    """One price of something other than an instance, in US dollars per unit, with where it was asked."""

    usd: float = Field(ge=0)
    unit: str
    source: str
    note: str = ""


class PriceFile(Fact):
    """Prices of one region on one day: of instances by type and way to buy, of services by the name of their look-up.

    Version 1, which did not say so, had instances alone.
    """

    version: Literal[1, 2] = 1
    region: str
    date: str
    prices: dict[str, dict[Kind, RecordedPrice]]
    services: dict[str, RecordedServicePrice] = Field(default_factory=dict)


def _first(error: ValidationError) -> str:
    """Where the file is first none of prices, and why, in one line."""
    found = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(each) for each in found["loc"])
    return f"{place}: {found['msg']}" if place else found["msg"]


def read_price_file(path: Path) -> PriceFile:
    """Read a file of refreshed prices.

    Raises:
        UsageError: The file cannot be read, or holds something else.
    """
    try:
        return PriceFile.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        why = error.strerror or str(error) if isinstance(error, OSError) else _first(error)
        msg = f"{VARIABLE} or the given path names no file of `llminfra catalog refresh`: {path}: {why}"
        raise UsageError(msg) from None


def named_file(region: str) -> PriceFile | None:
    """The file that the environment names, where it is one of the region."""
    name = os.environ.get(VARIABLE)
    if not name:
        return None
    file = _read(name, Path(name).stat().st_mtime_ns if Path(name).exists() else 0)
    return file if file.region == region else None


def refreshed(instance_type: str, region: str, kind: Kind) -> tuple[RecordedPrice, str] | None:
    """The price in the file that the environment names, with its date; ``None`` where there is none."""
    file = named_file(region)
    found = None if file is None else file.prices.get(instance_type, {}).get(kind)
    return None if file is None or found is None else (found, file.date)


def refreshed_service(name: str, region: str) -> tuple[RecordedServicePrice, str] | None:
    """The same for a price of something other than an instance."""
    file = named_file(region)
    found = None if file is None else file.services.get(name)
    return None if file is None or found is None else (found, file.date)


@cache
def _read(name: str, _changed_ns: int) -> PriceFile:
    return read_price_file(Path(name))
