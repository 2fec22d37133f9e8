"""The Terraform stacks in the order of their apply, with what each hands on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from llminfra.cli.page.html import Element, el
from llminfra.cli.page.pieces import code, section
from llminfra.cli.terminal.words import count


class StackView(Struct, frozen=True, kw_only=True):
    """One stack as it was synthesized.

    Attributes:
        name: Its name.
        needs: Stacks that are applied before it.
        resources: Number of Terraform resources.
        types: Resource types with their number, the most frequent first.
        outputs: Names of its outputs.
        releases: Helm releases.
    """

    name: str
    needs: tuple[str, ...]
    resources: int
    types: tuple[tuple[str, int], ...]
    outputs: tuple[str, ...]
    releases: tuple[str, ...]


def read_stacks(folder: Path) -> tuple[StackView, ...]:
    """The stacks of a synthesized folder, in the order of its manifest."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return tuple(
        _read(name, entry["dependencies"], folder / entry["synthesizedStackPath"])
        for name, entry in manifest["stacks"].items()
    )


def _read(name: str, needs: Sequence[str], file: Path) -> StackView:
    content = json.loads(file.read_text(encoding="utf-8"))
    resources = content.get("resource", {})
    numbers = sorted(((kind, len(items)) for kind, items in resources.items()), key=lambda item: (-item[1], item[0]))
    releases = resources.get("helm_release", {})
    return StackView(
        name=name,
        needs=tuple(needs),
        resources=sum(number for _, number in numbers),
        types=tuple(numbers),
        outputs=tuple(sorted(content.get("output", {}))),
        releases=tuple(str(item.get("name", key)) for key, item in releases.items()),
    )


def stacks_section(stacks: Sequence[StackView], platform: str, anchor: str) -> Element:
    """Cards in the order of apply."""
    return section(
        f"{anchor}-stacks",
        "Terraform stacks",
        el(
            "p",
            "Each is a state of its own; they are applied in this order and destroyed in the reverse.",
            class_="quiet",
        ),
        el("ol", (_card(item, platform) for item in stacks), class_="stacks"),
    )


def _card(item: StackView, platform: str) -> Element:
    short = [name.removeprefix(f"{platform}-") for name in item.needs]
    kinds = ", ".join(f"{kind} × {number}" if number > 1 else kind for kind, number in item.types[:6])
    more = len(item.types) - 6
    return el(
        "li",
        el("h3", item.name),
        el("p", count(item.resources, "resource"), f", after {', '.join(short)}" if short else ", first"),
        el("p", kinds, f" and {count(more, 'other type')}" if more > 0 else None, class_="quiet"),
        el("p", el("span", "releases "), ", ".join(item.releases)) if item.releases else None,
        el("p", el("span", "outputs "), _codes(item.outputs)) if item.outputs else None,
    )


def _codes(names: Sequence[str]) -> list[Element | str]:
    parts: list[Element | str] = []
    for index, name in enumerate(names):
        parts += [", ", code(name)] if index else [code(name)]
    return parts
