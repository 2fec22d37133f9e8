"""Keeping only what can be planned, so that shape errors and planning errors are told in one run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.spec.base.spec import Spec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llminfra.spec.models.storage import Storage
    from llminfra.spec.platform import Platform
    from llminfra.spec.services.gateway import Gateway


def sound_parts(platforms: Iterable[Platform]) -> tuple[Platform, ...]:
    """The platforms without the pools, storage and endpoints that are too broken to be planned.

    An endpoint goes with its pool: findings that only follow from a broken declaration help nobody. A gateway stays,
    in front of the endpoints that do: its address and its tenants need none.
    """
    return tuple(_without_broken(platform) for platform in platforms if is_sound(platform, skip=SECTIONS))


SECTIONS = frozenset({"pools", "storage", "endpoints", "gateways", "async_endpoints", "batches"})


def _without_broken(platform: Platform) -> Platform:
    kept = {name: tuple(item for item in getattr(platform, name) if is_sound(item)) for name in SECTIONS}
    kept["gateways"] = tuple(_before_sound(item) for item in platform.gateways if is_sound(item, skip=_BEHIND))
    workloads = tuple(item for item in platform.workloads if is_sound(item))
    if workloads == platform.workloads and all(kept[name] == getattr(platform, name) for name in SECTIONS):
        return platform
    left_out = frozenset() if workloads == platform.workloads else frozenset({"endpoints"})
    return without_added(platform.model_copy(update={**kept, "endpoints": workloads}), left_out)


_BEHIND = frozenset({"endpoints"})


def _before_sound(gateway: Gateway) -> Gateway:
    """The gateway in front of those of its endpoints that can be planned."""
    behind = tuple(item for item in gateway.endpoints if is_sound(item))
    return gateway if behind == gateway.endpoints else gateway.model_copy(update={"endpoints": behind})


def sound_storage(platform: Platform) -> tuple[Storage, ...]:
    """The platform's storage without what is too broken to be planned."""
    return tuple(item for item in platform.storage if is_sound(item))


def without_added(copy: Platform, left_out: frozenset[str] = frozenset()) -> Platform:
    """A copy of a platform, with the endpoints that it was given and none that were added to the original.

    Args:
        copy: Made of the original's fields.
        left_out: Fields that had more, which is open to who plans the rest.
    """
    own = {**(copy.__pydantic_private__ or {}), "_added": [], "_doubtful": copy.doubtful | left_out}
    object.__setattr__(copy, "__pydantic_private__", own)
    return copy


def is_sound(value: object, skip: frozenset[str] = frozenset()) -> bool:
    """Whether nothing in a declaration is unchecked; ``skip`` are fields of the outermost object that do not count."""
    if isinstance(value, Spec):
        if value.unchecked:
            return False
        return all(is_sound(each) for name, each in value.__dict__.items() if name not in skip)
    if isinstance(value, tuple | list):
        return all(is_sound(each) for each in value)
    return True
