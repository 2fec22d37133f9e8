"""What a user gave an engine beside the spec's fields, as options: flag, value, and where it stands."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from llminfra.diagnostics import entry_path
from llminfra.engines.decided import flag_name, flag_of_variable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llminfra.catalog.engines import EngineRelease


class Given(Struct, frozen=True, kw_only=True):
    """One option.

    Attributes:
        flag: As the engine lists it.
        key: What stands behind a dot: one key of a JSON option.
        value: Its text; empty for a switch.
        path: Field of the engine, such as ``extra_args[2]`` or ``env.NAME``.
        off: Whether a switch is turned off: ``--no-enable-lora``, or a variable that is ``false``.
    """

    flag: str
    key: str = ""
    value: str = ""
    path: str
    off: bool = False

    @property
    def number(self) -> int | None:
        """The value as a count, ``None`` where it is none."""
        return int(self.value) if self.value.isdigit() else None


def given_options(
    engine: str, arguments: Sequence[str], env: Mapping[str, str], release: EngineRelease | None
) -> tuple[Given, ...]:
    """Options among ``arguments`` and variables that stand for one, in their order; the last of equal ones counts."""
    found = []
    for index, argument in enumerate(arguments):
        flag = flag_name(engine, argument, release)
        if flag is None:
            continue
        name, equals, value = argument.partition("=")
        if not equals and index + 1 < len(arguments) and not arguments[index + 1].startswith("-"):
            value = arguments[index + 1]
        key = name.partition(".")[2].replace("-", "_") if engine == "vllm" else ""
        off = name.startswith(("--no-", "--no_")) and not flag.startswith("--no-")
        found.append(Given(flag=flag, key=key, value=value.strip(), path=entry_path("extra_args", index), off=off))
    for name, value in env.items():
        option = flag_of_variable(engine, name)
        if option is not None:
            off = value.strip().lower() == "false"
            found.append(Given(flag=option, value=value.strip(), path=f"env.{name}", off=off))
    return tuple(found)


def last(options: Sequence[Given], *flags: str) -> Given | None:
    """The option that counts of those that set one of ``flags``."""
    return next((item for item in reversed(options) if item.flag in flags), None)


def switched_on(options: Sequence[Given], flag: str) -> Given | None:
    """The option that turns a switch on; ``None`` where nothing does, or the last one turns it off."""
    found = last(options, flag)
    return None if found is None or found.off else found


def json_value(options: Sequence[Given], *flags: str) -> dict[str, Any] | None:
    """The object that a JSON option and its dotted keys make together; ``None`` where it cannot be read."""
    found: dict[str, Any] = {}
    for item in options:
        if item.flag not in flags:
            continue
        if item.key:
            found[item.key] = _read(item.value)
            continue
        value = _read(item.value)
        if not isinstance(value, dict):
            return None
        found |= value
    return found


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
