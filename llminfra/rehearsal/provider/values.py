"""Terraform values as Python values, and their MessagePack encoding.

Objects and maps are dicts, lists and sets are lists, null is ``None``; a value that only the apply will know is
``UNKNOWN``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgpack
from tf.gen import tfplugin_pb2 as pb


class _Unknown:
    """The type of ``UNKNOWN``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "(known after apply)"

    def __deepcopy__(self, _: object) -> _Unknown:
        return self

    def __copy__(self) -> _Unknown:
        return self


UNKNOWN: Final = _Unknown()
State = dict[str, Any]


def decode(message: Any) -> Any:
    """The value in a ``DynamicValue``; refinements of unknown values are dropped."""
    if message.msgpack:
        return msgpack.unpackb(message.msgpack, ext_hook=lambda _code, _data: UNKNOWN, strict_map_key=False)
    if message.json:
        return json.loads(message.json)
    return None


def encode(value: Any) -> Any:
    """A value as a ``DynamicValue``."""
    return pb.DynamicValue(msgpack=msgpack.packb(value, default=_extension))


def _extension(value: object) -> msgpack.ExtType:
    if value is UNKNOWN:
        return msgpack.ExtType(0, b"\x00")
    raise TypeError(f"not a Terraform value: {value!r}")


def is_known(value: Any) -> bool:
    """Whether nothing inside is unknown."""
    if value is UNKNOWN:
        return False
    if isinstance(value, dict):
        return all(is_known(item) for item in value.values())
    if isinstance(value, list):
        return all(is_known(item) for item in value)
    return True


Path = tuple[str | int, ...]


def find(value: Any, dotted: str) -> Iterator[tuple[Path, Any]]:
    """Every place that a dotted attribute path names, through lists and sets; null and unknown parents are skipped."""
    yield from _find(value, tuple(dotted.split(".")), ())


def _find(value: Any, names: tuple[str, ...], prefix: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _find(item, names, (*prefix, index))
        return
    if not names:
        yield prefix, value
        return
    if isinstance(value, Mapping) and names[0] in value:
        yield from _find(value[names[0]], names[1:], (*prefix, names[0]))


def normal(value: Any) -> Any:
    """A form in which equal values compare equal: numbers that Terraform sends as text or as floats alike."""
    if isinstance(value, dict):
        return {key: normal(item) for key, item in value.items()}
    if isinstance(value, list):
        return [normal(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
