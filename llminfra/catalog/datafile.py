"""Reading the packaged data files, and the base of every typed fact."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

from pydantic import BaseModel, ConfigDict


class Fact(BaseModel):
    """One immutable row of a data file; an unknown key in the file is an error, not silence."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def read_json(package: str, name: str) -> dict[str, Any]:
    """The JSON object of ``data/<name>`` in a package; those who ask often keep it.

    Raises:
        FileNotFoundError: the package has no such data file.
    """
    parsed: dict[str, Any] = json.loads(files(package).joinpath("data", *name.split("/")).read_bytes())
    return parsed


@cache
def read_data(name: str) -> dict[str, Any]:
    """The parsed JSON object of ``catalog/data/<name>``, read once per process.

    Callers must not change what they get: it is shared.

    Raises:
        FileNotFoundError: the package has no such data file.
    """
    return read_json("llminfra.catalog", name)
