"""Elements of HTML and SVG as values: text and attributes are escaped when they are written, never before.

There is no way to put markup in as text: a document is a tree of ``Element``, and what comes from a spec is a string in
it. Names of elements and attributes are checked, so that a mistake in the code is an error and not a broken page.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from msgspec import Struct, field

_NAME = re.compile(r"^[a-zA-Z][a-zA-Z0-9-]*$")
# Elements whose content is not escaped text, or that load or run something. The style sheet has its own way in.
_REFUSED = frozenset({"script", "style", "iframe", "object", "embed", "base", "form", "link", "foreignObject"})
_VOID = frozenset({"meta", "br", "hr", "img", "col", "wbr"})
_CAMEL = {"viewbox": "viewBox", "preserveaspectratio": "preserveAspectRatio"}
_CAMEL |= {
    "markerunits": "markerUnits",
    "markerwidth": "markerWidth",
    "markerheight": "markerHeight",
    "refx": "refX",
    "refy": "refY",
}
_LINK = re.compile(r"^(https?://|#)")
# Characters that a parser replaces, drops or stops at: they are shown as the replacement character instead.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
# Marks that turn the direction of the text after them, by which one name can be made to look like another.
_DIRECTION = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")

Node: TypeAlias = "Element | str"
Child: TypeAlias = "Element | str | Iterable[Child] | None"


class Element(Struct, frozen=True):
    """An element with its attributes and children."""

    name: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    children: tuple[Node, ...] = ()


def el(name: str, *children: Child, **attributes: str | float | None) -> Element:
    """An element.

    Args:
        name: Element name.
        children: Elements and texts, single or in iterables of any depth; ``None`` is left out.
        attributes: Attributes; ``class_`` is written ``class``, ``aria_label`` ``aria-label``; ``None`` is left out,
            numbers are written with at most two decimals.

    Raises:
        ValueError: A name is malformed or not allowed, or a link is not to http(s) or into the page.
    """
    if not _NAME.match(name) or name in _REFUSED:
        msg = f"no element {name!r}"
        raise ValueError(msg)
    given = {_attribute(key): _value(value) for key, value in attributes.items() if value is not None}
    if "href" in given and not _LINK.match(given["href"]):
        msg = f"a link must be to http, https or a place in the page, not {given['href']!r}"
        raise ValueError(msg)
    return Element(name, given, tuple(_flat(children)))


def _attribute(key: str) -> str:
    name = key.rstrip("_").replace("_", "-")
    name = _CAMEL.get(name, name)
    if not _NAME.match(name) or name.lower().startswith("on") or name == "style":
        msg = f"no attribute {name!r}"
        raise ValueError(msg)
    return name


def _value(value: str | float) -> str:
    return value if isinstance(value, str) else number(value)


def number(value: float) -> str:
    """A coordinate: at most two decimals, no trailing zeros, the same on every machine."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _flat(children: Iterable[Child]) -> Iterator[Node]:
    for child in children:
        if isinstance(child, Element | str):
            yield child
        elif child is not None:
            yield from _flat(child)


def safe_text(text: str) -> str:
    """Text without characters that HTML cannot carry or that turn the direction of what follows."""
    return _DIRECTION.sub("", _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text))


def write(node: Node) -> str:
    """The markup of a tree."""
    return "".join(_pieces(node))


def _pieces(node: Node) -> Iterator[str]:
    if isinstance(node, str):
        yield html.escape(safe_text(node), quote=False)
        return
    yield f"<{node.name}"
    for key, value in node.attributes.items():
        yield f' {key}="{html.escape(safe_text(value))}"'
    yield ">"
    if node.name in _VOID:
        return
    for child in node.children:
        yield from _pieces(child)
    yield f"</{node.name}>"


def document(title: str, style_sheet: str, style_hash: str, body: Iterable[Node]) -> str:
    """A whole page that can load and run nothing.

    Args:
        title: Title of the page.
        style_sheet: CSS, from a file of llminfra's own.
        style_hash: SHA-256 of it in Base64: the only style that the page's own policy lets in.
        body: What stands in the page.

    Raises:
        ValueError: The style sheet could end its element.
    """
    if "</" in style_sheet or "<!--" in style_sheet:
        msg = "the style sheet must not contain markup"
        raise ValueError(msg)
    rule = f"default-src 'none'; style-src 'sha256-{style_hash}'; base-uri 'none'; form-action 'none'"
    head = [
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=rule),
        el("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name_="color-scheme", content="light dark"),
        el("meta", name_="generator", content="llminfra"),
        el("title", title),
    ]
    lines = ["<!DOCTYPE html>", '<html lang="en">', "<head>", *(write(item) for item in head)]
    lines += [f"<style>{style_sheet}</style>", "</head>", "<body>", *(write(item) for item in body), "</body>"]
    return "\n".join([*lines, "</html>", ""])
