"""Commits of the catalog's models on the Hugging Face Hub, each with the public text it was read in."""

from __future__ import annotations

import datetime as dt
from functools import cache

from pydantic import Field

from llminfra.catalog.datafile import Fact, read_data


class ModelRevision(Fact):
    """The commit that a model is pinned to where a spec names none.

    Attributes:
        commit: All 40 digits; a shorter one or a branch is no pin.
        source: Where it stands beside the model id; the data file says how to read it.
        date: Day of that text, where it says.
        seen_once: True when no second public file was found to confirm it.
        newest_of_several: True when older commits of the same model were seen as well.
    """

    commit: str = Field(pattern=r"^[0-9a-f]{40}$")
    source: str = Field(min_length=10)
    date: dt.date | None = None
    seen_once: bool = False
    newest_of_several: bool = False


@cache
def model_revision(model_id: str) -> ModelRevision | None:
    """The commit of a catalog model; None where none was found."""
    stored = read_data("models/revisions.json")["revisions"].get(model_id)
    return None if stored is None else ModelRevision.model_validate(stored)
