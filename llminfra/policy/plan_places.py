"""Where the resources of a real plan are declared: the stack that it is of, and the spec path of each address.

``terraform show -json`` names neither. The stack is the one that has most of the plan's addresses, where it has more
than half of those that stay, and no other has as many. What the plan deletes is in no stack any more; the stacks of the
spec as it is applied have it, and are found by the addresses that were there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    from llminfra.rules.views.terraform_view import Stack

_INDEX = re.compile(r"\[[^\]]*\]$")


class Places(Struct, frozen=True):
    """The stack of a plan, empty where it is not known, and spec paths by address."""

    stack: str = ""
    paths: Mapping[str, str] = {}

    def path(self, address: str) -> str:
        """Spec path of a resource or of one of its instances; empty where nothing is known."""
        return self.paths.get(_INDEX.sub("", address), "")


def places(document: Mapping[str, Any], stacks: Iterable[Stack], *, applied: bool = False) -> Places:
    """What the stacks say of a plan's addresses.

    Args:
        document: Output of ``terraform show -json``.
        stacks: Synthesized from the specs that are named beside the plan.
        applied: Whether the stacks are what was applied before the plan. A plan that leaves nothing is compared with
            what was there in any case.
    """
    there = _there(document, "create") if applied else _there(document, "delete") or _there(document, "create")
    ranked = sorted(((len(there & stack.by_address.keys()), stack) for stack in stacks), key=lambda item: -item[0])
    if not ranked or 2 * ranked[0][0] <= len(there) or (len(ranked) > 1 and ranked[1][0] == ranked[0][0]):
        return Places()
    best = ranked[0][1]
    return Places(best.name, {block.address: block.spec_path for block in best.blocks if block.spec_path})


def _there(document: Mapping[str, Any], without: str) -> set[str]:
    """Managed addresses of a plan, but for those with which it does one thing: what is there after it, or before."""
    changes = document.get("resource_changes")
    found = set()
    for item in changes if isinstance(changes, Sequence) else ():
        if not isinstance(item, Mapping) or item.get("mode") != "managed":
            continue
        change = item.get("change")
        if isinstance(change, Mapping) and change.get("actions") != [without]:
            found.add(_INDEX.sub("", str(item.get("address"))))
    return found
