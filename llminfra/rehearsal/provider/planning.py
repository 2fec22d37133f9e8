"""The part of a plan that is the same for every resource: what becomes unknown, and what forces a replacement."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from copy import deepcopy
from typing import Any

from llminfra.rehearsal.provider.contract import Problem
from llminfra.rehearsal.provider.values import UNKNOWN, Path, State, find, normal
from llminfra.rehearsal.schema.model import Attribute, Block


def plan_create(block: Block, proposed: State) -> State:
    """A new resource: every computed attribute that the configuration leaves open is known after the apply."""
    return _open_computed(block, deepcopy(proposed))


def plan_update(block: Block, prior: State, proposed: State, recomputed: Collection[str]) -> State:
    """A changed resource: computed attributes keep their value, except ``recomputed`` ones and those in new blocks."""
    state = deepcopy(proposed)
    for name, nested in block.blocks.items():
        before = normal(prior.get(name))
        known = before if isinstance(before, list) else [before]
        items = state.get(name)
        if isinstance(items, list):
            state[name] = [
                item if normal(item) in known or not isinstance(item, dict) else _open_computed(nested.block, item)
                for item in items
            ]
    for name in recomputed:
        attribute = block.attributes.get(name)
        if attribute is not None and attribute.computed:
            state[name] = UNKNOWN
    return state


def replacements(
    prior: State, planned: State, immutable: Collection[str], ignore: Callable[[str], bool]
) -> tuple[Path, ...]:
    """Paths among ``immutable`` whose value differs; a value not known yet counts as different."""
    changed: list[Path] = []
    for dotted in sorted(immutable):
        before = [normal(value) for _, value in find(prior, dotted)]
        places = list(find(planned, dotted))
        after = [normal(value) for _, value in places]
        if before != after and not (_absent(before) and _absent(after)) and not ignore(dotted):
            changed.append(_terraform_path(places, dotted))
    return tuple(changed)


def _absent(values: list[Any]) -> bool:
    return all(value is None or value in ([], "") for value in values)


def _terraform_path(places: list[tuple[Path, Any]], dotted: str) -> Path:
    """The place in the resource; the top-level attribute where a nested place cannot be told (sets, removed blocks)."""
    if len(places) == 1 and not any(isinstance(step, int) for step in places[0][0]):
        return places[0][0]
    return (dotted.partition(".")[0],)


def _open_computed(block: Block, state: State) -> State:
    for name, attribute in block.attributes.items():
        state[name] = _open_attribute(attribute, state.get(name))
    for name, nested in block.blocks.items():
        value = state.get(name)
        if isinstance(value, list):
            state[name] = [_open_computed(nested.block, item) if isinstance(item, dict) else item for item in value]
        elif isinstance(value, dict) and nested.nesting == "single":
            state[name] = _open_computed(nested.block, value)
    return state


def _open_attribute(attribute: Attribute, value: Any) -> Any:
    if value is None:
        return UNKNOWN if attribute.computed else None
    if attribute.nested is not None:
        inner = Block(attribute.nested.attributes)
        if isinstance(value, list):
            return [_open_computed(inner, item) if isinstance(item, dict) else item for item in value]
        if isinstance(value, dict) and attribute.nested.nesting == "single":
            return _open_computed(inner, value)
    return value


def unconfigurable(block: Block, config: State, prefix: Path = ()) -> Iterator[Problem]:
    """Values for attributes that only the provider may set: the provider SDK refuses them in these words."""
    for name, attribute in block.attributes.items():
        if attribute.computed and not (attribute.optional or attribute.required) and config.get(name) is not None:
            yield Problem(
                "Value for unconfigurable attribute",
                f'Can\'t configure a value for "{name}": its value will be decided automatically based on the result '
                "of applying this configuration.",
                (*prefix, name),
            )
    for name, nested in block.blocks.items():
        value = config.get(name)
        for index, item in enumerate(value if isinstance(value, list) else []):
            if isinstance(item, dict):
                yield from unconfigurable(nested.block, item, (*prefix, name, index))


def fill_unknown(block: Block, state: State, fill: Callable[[Path, Any], Any], prefix: Path = ()) -> State:
    """Replace every unknown value by ``fill(path, terraform_type)``."""
    for name, attribute in block.attributes.items():
        value = state.get(name)
        if value is UNKNOWN:
            state[name] = fill((*prefix, name), attribute.value_type())
        elif attribute.nested is not None and value is not None:
            inner = Block(attribute.nested.attributes)
            items = value if isinstance(value, list) else [value] if attribute.nested.nesting == "single" else []
            for item in items:
                if isinstance(item, dict):
                    fill_unknown(inner, item, fill, (*prefix, name))
        elif value is not None:
            state[name] = _fill_inside(value, attribute.value_type(), fill, (*prefix, name))
    for name, nested in block.blocks.items():
        value = state.get(name)
        if value is UNKNOWN:
            state[name] = None if nested.nesting == "single" else []
        items = value if isinstance(value, list) else [value]
        for item in items:
            if isinstance(item, dict):
                fill_unknown(nested.block, item, fill, (*prefix, name))
    return state


def _fill_inside(value: Any, kind: Any, fill: Callable[[Path, Any], Any], path: Path) -> Any:
    """Unknown members of collections and objects."""
    if value is UNKNOWN:
        return fill(path, kind)
    if isinstance(kind, list) and isinstance(value, list) and kind[0] in ("list", "set"):
        return [_fill_inside(item, kind[1], fill, path) for item in value]
    if isinstance(kind, list) and isinstance(value, dict):
        if kind[0] == "map":
            return {key: _fill_inside(item, kind[1], fill, path) for key, item in value.items()}
        return {key: _fill_inside(item, kind[1].get(key, "string"), fill, (*path, key)) for key, item in value.items()}
    return value


def shape(block: Block, known: State) -> State:
    """A complete state of a block from some of its values: the rest is null or empty."""
    state: State = {name: known.get(name) for name in block.attributes}
    for name, nested in block.blocks.items():
        value = known.get(name)
        if nested.nesting == "single":
            state[name] = shape(nested.block, value) if isinstance(value, dict) else None
        else:
            state[name] = [shape(nested.block, item) for item in value or [] if isinstance(item, dict)]
    return state
