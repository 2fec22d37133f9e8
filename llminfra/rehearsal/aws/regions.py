"""The provider block: a region that exists."""

from __future__ import annotations

from collections.abc import Iterator

from llminfra.rehearsal.provider.contract import Problem
from llminfra.rehearsal.provider.values import State


def check_provider(config: State) -> Iterator[Problem]:
    """A region that AWS does not have."""
    region = config.get("region")
    if not isinstance(region, str):
        return
    from llminfra.catalog.datafile import read_data  # pydantic, only here

    known = read_data("regions.json")["regions"]
    if region not in known:
        from difflib import get_close_matches

        near = get_close_matches(region, known, n=3)
        hint = f"did you mean {', '.join(near)}?" if near else f"{len(known)} regions are known"
        yield Problem(f"invalid AWS Region: {region}", hint, ("region",))
