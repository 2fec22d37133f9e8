"""A value as its field takes it, made from what the user wrote: their own numbers and names, no example's."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel

from llminfra.spec.errors.expectations import (
    SECTIONS,
    assignment,
    example_of,
    in_yaml,
    is_model,
    kind_of,
    literal,
    noun_of,
    options,
    quoted,
    split,
)
from llminfra.spec.errors.near_values import nearest
from llminfra.spec.errors.units import day_in, number_in, pair_in


def how_to_write(cls: type[BaseModel], field: str, annotation: Any, value: object) -> str:
    """A value of the right type for a field, from what the user wrote where that can be read; empty: none is known."""
    alternatives = options(annotation)
    if value is None and not cls.model_fields[field].is_required():
        return f"{LEAVE_OUT} {field} out"
    found = [split(option)[0] for option in alternatives]
    specs = [option for option in found if is_model(option)]
    if (listed := next((option for option in found if get_origin(option) in (list, Sequence)), None)) is not None:
        if items := _items(listed, value):
            return assignment(field, f"[{', '.join(items)}]")
    elif any(get_origin(option) is tuple for option in found) and (pair := pair_in(value)):
        return _pair(field, pair)
    elif any(get_origin(option) in (dict, Mapping) for option in found) and (pairs := _pairs(value)):
        return assignment(field, _mapping(pairs))
    if between := _between(specs, value):
        return assignment(field, between)
    if (alone := _only(value)) is not None and (written := how_to_write(cls, field, annotation, alone)):
        return written
    counted = isinstance(alone, int | float) and not isinstance(alone, bool)
    single = counted or len(found) == 1
    for option, bare in zip(alternatives, found, strict=True):
        if bare in (int, float) and (number := _number(field, option, str(alone) if counted else value, alone=single)):
            return assignment(field, number)
    if found == [dt.date] and (day := day_in(value)) is not None:
        return assignment(field, str(day) if in_yaml() else f'"{day}"')
    if found == [str]:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return assignment(field, f'"{value}"')
        if isinstance(value, str):
            return assignment(field, quoted(value))
    if specs and len(specs) == len(found):
        return _object(cls, field, specs, value)
    if (example := example_of(cls, field)) and not isinstance(value, BaseModel):
        return assignment(field, example)
    return f"{assignment(field, literal(True))} or {assignment(field, literal(False))}" if found == [bool] else ""


def _only(value: object) -> Any:
    """What stands alone in a list, or under a key that says what it is."""
    if isinstance(value, list | tuple) and len(value) == 1:
        return value[0]
    if isinstance(value, dict) and len(value) == 1:
        alone = next(iter(value.values()))
        return alone if isinstance(alone, int | float) else None
    return None


def _between(specs: Sequence[type[BaseModel]], value: object) -> str:
    """An object with a fewest and a most from a range; empty: none of the types has those, or it is no range."""
    pair = pair_in(value) if any({"min", "max"} <= each.model_fields.keys() for each in specs) else ()
    if len(pair) != _BOTH:
        return ""
    cls = next(each for each in specs if {"min", "max"} <= each.model_fields.keys())
    given = ", ".join(assignment(name, str(number)) for name, number in zip(("min", "max"), pair, strict=True))
    return f"{{{given}}}" if in_yaml() else f"{cls.__name__}({given})"


_BOTH = 2


def _items(listed: Any, value: object) -> list[str]:
    """The entries of a list of texts or numbers, from a text with commas, a mapping's keys, or lists in a list."""
    inner = [split(option)[0] for option in options(get_args(listed)[0])]
    if isinstance(value, BaseModel):
        return [f"{type(value).__name__}(…)"] if type(value) in inner else []
    if in_yaml() and isinstance(value, str) and inner and all(is_model(each) for each in inner):
        named = all("name" in each.model_fields and getattr(each, "spec_section", "") for each in inner)
        return [part.strip() for part in value.split(",")] if named else []
    if in_yaml() and isinstance(value, dict) and len(inner) == 1 and "name" in getattr(inner[0], "model_fields", ()):
        # Named as the items of a section are, which entries of this list are not.
        return [f"{{name: {key}, …}}" for key in value] if all(map(_is_mapping, value.values())) else []
    if str not in inner:
        return []
    if isinstance(value, str) and value.lstrip().startswith("--"):  # a command line
        return [literal(each) for each in value.split()]
    if isinstance(value, str):
        return [literal(each) for each in (part.strip() for part in value.split(",")) if each]
    if isinstance(value, dict):
        return [literal(str(key)) for key in value]
    if isinstance(value, list | tuple):
        flat = list(_flat(value))
        if flat and all(isinstance(each, str | int | float) for each in flat):
            return [literal(each) if isinstance(each, str) else f'"{each}"' for each in flat]
    return []


def _is_mapping(value: object) -> bool:
    return isinstance(value, dict)


def _flat(values: Sequence[object]) -> Iterator[object]:
    for each in values:
        if isinstance(each, list | tuple):
            yield from _flat(each)
        else:
            yield each


def _pair(field: str, pair: tuple[int, ...]) -> str:
    if len(pair) == 1:
        return f"{assignment(field, str(pair[0]))}, or {assignment(field, literal((0, pair[0])))} for at most as many"
    return assignment(field, literal(pair))


def _pairs(value: object) -> list[tuple[str, str]]:
    """Keys and values of a mapping of texts, from ``["a=b"]``, ``["a: b"]`` or a list of mappings."""
    found: list[tuple[str, str]] = []
    if isinstance(value, dict):
        plain = all(isinstance(text, str | int | float) for text in value.values())
        return [(str(key), str(text)) for key, text in value.items()] if plain and not isinstance(value, bool) else []
    for each in value.split(",") if isinstance(value, str) else value if isinstance(value, list | tuple) else ():
        if isinstance(each, dict):
            found += [(str(key), str(text)) for key, text in each.items()]
            continue
        mark = next((mark for mark in ("=", ": ", ":") if mark in str(each)), "")
        key, _, text = str(each).partition(mark or "=")
        if not mark or not key.strip():
            return []
        found.append((key.strip(), text.strip()))
    return found


def _mapping(pairs: Sequence[tuple[str, str]]) -> str:
    return f"{{{', '.join(f'{quoted(key)}: {quoted(text)}' for key, text in pairs)}}}"


def _number(field: str, option: Any, value: object, *, alone: bool) -> str:
    """A number within the field's bounds; empty: none was written, or it may be meant as something else."""
    if not isinstance(value, str):
        return ""
    number = number_in(value, field)
    bare, metadata = split(option)
    if number is None or (bare is int and not number.is_integer()) or (bare is int and not alone):
        return ""
    if "%" in value and bare is int:
        return ""
    if not all(_within(number, bound) for bound in metadata):
        return ""
    return str(int(number)) if number.is_integer() else f"{number:g}"


def _within(number: Any, bound: object) -> bool:
    match bound:
        case Ge(ge):
            return bool(number >= ge)
        case Gt(gt):
            return bool(number > gt)
        case Le(le):
            return bool(number <= le)
        case Lt(lt):
            return bool(number < lt)
        case _:
            return True


LEAVE_OUT = "leave"
"""Start of a repair that writes nothing."""
_YES = frozenset({"true", "yes", "on", "enabled", "default"})
_NO = frozenset({"false", "no", "off", "disabled", "none", "null"})


def _object(cls: type[BaseModel], field: str, specs: Sequence[type[BaseModel]], value: object) -> str:
    """An object in place of its kind, its only text, its name, or the wish to have it or not."""
    word = value.casefold() if isinstance(value, str) else str(value).casefold() if isinstance(value, bool) else ""
    info = cls.model_fields[field]
    if word in _NO and type(None) in get_args(info.annotation):
        return assignment(field, literal(None))
    if word in _YES and isinstance(info.default, BaseModel):
        return f"{LEAVE_OUT} {field} out: there is one with its defaults without it"
    if whole := _by_first_field(specs, value):
        return assignment(field, whole)
    if in_yaml():
        return _object_in_yaml(field, specs, value)
    if not isinstance(value, str):
        return assignment(field, noun_of(specs[0]))
    kinds = {kind: each for each in specs if (kind := kind_of(each))}
    if meant := kinds.get(value) or kinds.get(nearest(value, kinds)):
        return assignment(field, f"{meant.__name__}(…)")
    required = [name for name, needed in specs[0].model_fields.items() if needed.is_required()]
    if len(specs) == 1 and len(required) == 1 and specs[0].model_fields[required[0]].annotation is str:
        return assignment(field, f"{specs[0].__name__}({required[0]}={value!r})")
    named = "name" in specs[0].model_fields
    return assignment(field, f"{specs[0].__name__}(…)") + (", the object and not its name" if named else "")


def _by_first_field(specs: Sequence[type[BaseModel]], value: object) -> str:
    """An object of a value that its first field takes, where it needs nothing else; an image by name and tag."""
    cls = specs[0]
    names = [name for name in cls.model_fields if name != "kind"]
    if kind_of(cls) or getattr(cls, "spec_section", "") in SECTIONS or not names:
        return ""
    first = names[0]
    if {name for name, info in cls.model_fields.items() if info.is_required()} - {first} or first == "id":
        return ""
    takes = [split(option)[0] for option in options(cls.model_fields[first].annotation)]
    given: dict[str, str] = {}
    if isinstance(value, str) and str in takes:
        given[first] = quoted(value)
        if "tag" in names and (image := value.rpartition(":"))[1] and "/" not in image[2]:
            given = {first: quoted(image[0]), "tag": quoted(image[2])}
        elif len(names) > 1 and not any(mark.isdigit() for mark in value):
            return ""
    elif isinstance(value, int) and not isinstance(value, bool) and int in takes:
        given[first] = str(value)
    elif isinstance(value, str) and float in takes and (number := number_in(value, first)) is not None:
        given[first] = f"{number:g}"
    if not given:
        return ""
    told = ", ".join(assignment(name, text) for name, text in given.items())
    return f"{{{told}}}" if in_yaml() else f"{cls.__name__}({told})"


def _object_in_yaml(field: str, specs: Sequence[type[BaseModel]], value: object) -> str:
    """A name or a kind without what is around it; anything else is said by what is expected."""
    if not isinstance(value, str) or not value:
        return ""
    if any("id" in each.model_fields for each in specs) and "/" in value:
        return assignment(field, f"{{id: {value}}}")
    kinds = [kind for each in specs if (kind := kind_of(each)) and not getattr(each, "spec_section", "")]
    named = any("name" in each.model_fields for each in specs)
    return assignment(field, value) if value in kinds or named else ""
