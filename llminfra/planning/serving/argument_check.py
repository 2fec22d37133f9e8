"""Every argument of a container against the argument parser of its engine's release: what it knows, what it takes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from llminfra.catalog.argument_values import kind_of, misfit
from llminfra.catalog.container_env import is_secret_flag
from llminfra.catalog.engines import engine_info
from llminfra.diagnostics import entry_path
from llminfra.engines.decided import field_of_flag, flag_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from llminfra.catalog.engine_facts import EngineName
    from llminfra.catalog.engines import EngineRelease
    from llminfra.engines.invocation import Invocation
    from llminfra.planning.findings import Findings
    from llminfra.spec.endpoint import Endpoint

_NEGATIVE = re.compile(r"-\d")


class Refused(Struct, frozen=True, kw_only=True):
    """An argument that the engine's parser turns down.

    Attributes:
        argument: As it stands on the command line, with its first value; what the kubelet fills in is not looked at.
        flag: Its flag, as the engine lists it.
        why: What the parser has against it.
        expected: What it takes.
    """

    argument: str
    flag: str
    why: str
    expected: str


def refused_arguments(release: EngineRelease, arguments: Sequence[str]) -> tuple[Refused, ...]:
    """Arguments that the parser of the release does not know, or not with these values; secrets are left out."""
    found: list[Refused] = []
    for argument, values in _options(arguments) if release.flags() else ():
        if is_secret_flag(argument):
            continue
        flag = flag_name(release.engine, argument, release) or argument
        if not release.knows_flag(argument):
            found.append(Refused(argument=argument, flag=flag, why="it does not know the flag", expected=f"no {flag}"))
            continue
        kind = _kind(release, flag, argument)
        why = None if kind is None or any(item.startswith("$(") for item in values) else misfit(kind, values)
        if kind is not None and why is not None:
            shown = f"{argument}={values[0]}" if values else argument
            found.append(Refused(argument=shown, flag=flag, why=f"{flag} {why}", expected=kind.replace("|", ", ")))
    return tuple(found)


def check_arguments(
    endpoint: Endpoint, release: EngineRelease | None, invocation: Invocation, findings: Findings
) -> None:
    """Report what the engine would end with before it loads anything, at the field that says it."""
    if release is None:
        return
    engine = endpoint.engine
    base, given = f"endpoints.{endpoint.name}.engine", tuple(getattr(engine, "extra_args", ()))
    everything = (*refused_arguments(release, invocation.args), *refused_arguments(release, invocation.worker_args))
    for item in dict.fromkeys(everything):
        index = next((at for at, own in enumerate(given) if flag_name(engine.kind, own, release) == item.flag), None)
        if index is not None and not release.knows_flag(given[index]):
            continue  # reported as unknown before anything was planned
        field = field_of_flag(engine.kind, item.flag) or ""
        findings.error(
            "LLM_FIT_7",
            endpoint,
            base if index is None else entry_path(f"{base}.extra_args", index),
            f"{release.engine} {release.version} refuses {item.argument}: {item.why}",
            found=item.argument,
            expected=item.expected,
            fix=_fix(release.engine, field, given=index is not None),
            runtime_message=f"error: argument {item.flag}",
        )


def _fix(kind: EngineName, field: str, *, given: bool) -> str:
    if given:
        return "correct it, or remove it"
    pinned = f"use version {engine_info(kind).default_version}"
    return f"change {field.rstrip('=')}, or {pinned}" if field else pinned


def _options(arguments: Iterable[str]) -> list[tuple[str, list[str]]]:
    """Each option with its values; what stands before the first is the model."""
    found: list[tuple[str, list[str]]] = []
    for text in arguments:
        if text.startswith("-") and not _NEGATIVE.match(text):
            name, equals, value = text.partition("=")
            found.append((name, [value] if equals else []))
        elif found:
            found[-1][1].append(text)
    return found


def _kind(release: EngineRelease, flag: str, argument: str) -> str | None:
    """``None`` where nobody knows: keys of a JSON option have types of their own, and ``-O3`` is not the parser's."""
    if "." in argument or flag not in release.flags():
        return None
    off = argument.startswith("--no-") and not flag.startswith("--no-")
    return "switch" if off else kind_of(release, flag)
