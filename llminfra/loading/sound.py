"""Keeping only what can be planned, so that shape errors and planning errors are told in one run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.spec._base import Spec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llminfra.spec.platform import Platform


def sound_parts(platforms: Iterable[Platform]) -> tuple[Platform, ...]:
    """The platforms without the pools, storage and endpoints that are too broken to be planned.

    An endpoint goes with its pool: findings that only follow from a broken declaration help nobody.
    """
    return tuple(_without_broken(platform) for platform in platforms if _is_sound(platform, skip=_SECTIONS))


_SECTIONS = frozenset({"pools", "storage", "endpoints", "gateways", "async_endpoints", "batches"})


def _without_broken(platform: Platform) -> Platform:
    kept = {name: tuple(item for item in getattr(platform, name) if _is_sound(item)) for name in _SECTIONS}
    workloads = tuple(item for item in platform.workloads if _is_sound(item))
    if workloads == platform.workloads and all(kept[name] == getattr(platform, name) for name in _SECTIONS):
        return platform
    copy = platform.model_copy(update={**kept, "endpoints": workloads})
    object.__setattr__(copy, "__pydantic_private__", {**(platform.__pydantic_private__ or {}), "_added": []})
    return copy


def _is_sound(value: object, skip: frozenset[str] = frozenset()) -> bool:
    if isinstance(value, Spec):
        if value.unchecked:
            return False
        return all(_is_sound(each) for name, each in value.__dict__.items() if name not in skip)
    if isinstance(value, tuple | list):
        return all(_is_sound(each) for each in value)
    return True
