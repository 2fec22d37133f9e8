"""The reference of declared types in Markdown, for ``docs/spec``: a page by subject, and the table of all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from llminfra.reference.types import FieldPage, TypePage, type_pages

# Title of each page, and the modules of `llminfra.spec` whose types it has.
_PAGES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "platform": (
        "Platforms, their state, keys and exceptions",
        ("platform", "state", "encryption", "secret", "waiver"),
    ),
    "network": ("Network, cluster and images", ("network", "cluster", "existing_cluster", "shared_with", "images")),
    "pools": ("GPU pools", ("gpu_pool", "capacity", "gpu_sharing", "image_snapshot")),
    "storage": ("Where weights lie", ("storage",)),
    "models": ("Models and adapters", ("model", "lora")),
    "endpoints": ("Endpoints", ("endpoint", "working_hours")),
    "engines": ("Engines", ("engines",)),
    "targets": ("Targets outside the cluster", ("ec2", "sagemaker")),
    "gateways": ("Gateways", ("gateway",)),
    "work": ("Queues, batch jobs and Bedrock", ("async_endpoint", "batch", "bedrock")),
    "observability": ("Observability", ("observability", "existing_prometheus", "alert_receiver")),
}


def reference_pages() -> dict[str, str]:
    """Text of every file of ``docs/spec`` by its name."""
    return {"README.md": _index(), **{f"{name}.md": _page(name) for name in _PAGES}}


@cache
def types_of(name: str) -> tuple[TypePage, ...]:
    """The types of a page: the one that the others are part of first."""
    modules = _PAGES[name][1]
    found = [page for page in type_pages() if _subject(page) in modules]
    return tuple(sorted(found, key=lambda page: (modules.index(_subject(page)), _depth(page, found), page.name)))


def _subject(page: TypePage) -> str:
    """The module that declares a type; all engines are one subject."""
    room, _, module = page.module.removeprefix("llminfra.spec.").rpartition(".")
    return room if room == "engines" else module


def _depth(page: TypePage, among: list[TypePage]) -> int:
    """How many types of the same page are around this one."""
    owners = {field.partition(".")[0] for field in page.used_in}
    outer = [other for other in among if other.name in owners and other.name != page.name]
    return 1 + max((_depth(other, among) for other in outer), default=-1)


def _index() -> str:
    lines = [
        "# What may be declared",
        "",
        "Every type and field, read from the declared types themselves. `llminfra explain TYPE` or `TYPE.FIELD`",
        "prints the same on a terminal; `llminfra schema` is for editors of YAML specs. Fields have the same names in",
        "Python and YAML. Where a field takes an object, YAML has the name of an item of that object's section, a",
        "mapping with its `kind`, or, where it has neither, a mapping of its fields.",
        "",
        "| type | what it is | YAML |",
        "|---|---|---|",
    ]
    for name, (title, _) in _PAGES.items():
        lines.append(f"| **[{title}]({name}.md)** | | |")
        lines += [
            f"| [{page.name}]({name}.md#{page.name.lower()}) | {_cell(page.summary)} | {page.yaml} |"
            for page in types_of(name)
        ]
    return "\n".join([*lines, ""])


def _page(name: str) -> str:
    lines = [f"# {_PAGES[name][0]}", ""]
    for page in types_of(name):
        lines += _type(page)
    return "\n".join(lines)


def _type(page: TypePage) -> list[str]:
    lines = [f"## {page.name}", "", _code(page.summary), ""]
    for paragraph in page.text:
        lines += [_code(paragraph), ""]
    places = [f"In YAML {page.yaml}."] if page.yaml else []
    places += [f"Used in {', '.join(_link(field) for field in page.used_in)}."] if page.used_in else []
    if places:
        lines += [" ".join(places), ""]
    if page.fields:
        lines += ["| field | takes | default | what it is |", "|---|---|---|---|", *map(_row, page.fields), ""]
    return lines


def _row(field: FieldPage) -> str:
    default = field.default if field.default == "required" else f"`{field.default}`"
    return f"| `{field.name}` | {_cell(_links(field.takes))} | {_cell(default)} | {_cell(field.meaning)} |"


def _links(takes: str) -> str:
    """Names of types as links to them."""
    return re.sub(r"\b([A-Z]\w+)\(…\)", lambda found: f"[{found[1]}]({_address(found[1])})", takes)


def _address(name: str) -> str:
    place = next((place for place in _PAGES if any(page.name == name for page in types_of(place))), None)
    if place is None:
        msg = f"{name} is on no page: add its module to _PAGES"
        raise LookupError(msg)
    return f"{place}.md#{name.lower()}"


def _link(field: str) -> str:
    """``Endpoint.engine`` as a link to the type that has it."""
    return f"[`{field}`]({_address(field.partition('.')[0])})"


def _code(text: str) -> str:
    return text.replace("``", "`")


def _cell(text: str) -> str:
    return _code(text).replace("|", "\\|")
