"""Which types a provider process serves: those in use, and for an unknown one those with a similar name.

Serving all 2,211 AWS types would cost Terraform and the provider memory and seconds. A type that the provider lacks
must still give Terraform's own message with its "Did you mean", which needs the similar names to be served.
"""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

from llminfra.rehearsal.schema import cache


def with_similar_types(provider: str, kind: str, used: Collection[str]) -> tuple[str, ...]:
    """The provider's types among ``used``, and names similar to the unknown ones."""
    prefix = f"{provider}_"
    mine = {name for name in used if name.startswith(prefix)}
    known = cache.type_names(provider, kind)
    unknown = mine - set(known)
    similar = {match for name in unknown for match in get_close_matches(name, known, n=5, cutoff=0.7)}
    return tuple(sorted((mine & set(known)) | similar))
