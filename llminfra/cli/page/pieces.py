"""Pieces that several sections use: bars, tables, lists of facts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from llminfra.cli.page.html import Child, Element, el, number


class Part(Struct, frozen=True, kw_only=True):
    """A part of a bar: what it is called, how large it is, its text, and the class that colours it."""

    name: str
    size: float
    text: str
    class_: str


def bar(parts: Sequence[Part], label: str, *, total: float | None = None, marks: Sequence[Part] = ()) -> Element:
    """A bar of parts, in percent of the total, with names where there is room for them.

    Args:
        parts: From left to right.
        label: The whole bar in words.
        total: What the width stands for; ``None``: the sum of the parts.
        marks: Points on the bar; ``size`` is the place.
    """
    whole = max(total if total is not None else sum(part.size for part in parts), 1e-9)
    shapes: list[Element] = []
    left = 0.0
    for part in parts:
        width = part.size / whole * 100
        if width <= 0:
            continue
        shapes.append(
            el(
                "rect",
                el("title", f"{part.name} {part.text}"),
                x=f"{number(left)}%",
                y=0,
                width=f"{number(width)}%",
                height="100%",
                class_=f"part {part.class_}",
            )
        )
        # A letter takes about 0.75 % of a bar of 900 px; on narrow screens the text is cut off at the part's edge.
        if width >= 0.85 * len(part.name) + 1.5:
            shapes.append(
                el("text", part.name, x=f"{number(left + width / 2)}%", y="50%", dy="0.35em",
                   class_=f"part-text {part.class_}")
            )  # fmt: skip
        left += width
    shapes += [
        el("line", el("title", f"{mark.name} {mark.text}"), x1=f"{number(mark.size / whole * 100)}%", y1=0,
           x2=f"{number(mark.size / whole * 100)}%", y2="100%", class_=f"mark {mark.class_}")
        for mark in marks
    ]  # fmt: skip
    return el("svg", shapes, class_="bar", role="img", aria_label=label, width="100%", height=26)


def key(parts: Iterable[Part]) -> Element:
    """The parts of a bar with their sizes."""
    return el(
        "ul",
        (
            el("li", el("svg", el("rect", width=11, height=11, rx=2, class_=f"part {part.class_}"), width=11, height=11,
                        aria_hidden="true"), f" {part.name} ", el("b", part.text))
            for part in parts
        ),
        class_="key",
    )  # fmt: skip


def facts(rows: Iterable[tuple[str, Child]]) -> Element:
    """Names and what they are; empty ones are left out."""
    return el(
        "dl",
        (el("div", el("dt", name), el("dd", value)) for name, value in rows if value not in (None, "")),
        class_="facts",
    )


def table(
    caption: str, heads: Sequence[str], rows: Iterable[Sequence[Child]], *, numeric: Iterable[int] = ()
) -> Element:
    """A table; ``numeric`` are the columns that are set to the right."""
    right = frozenset(numeric)

    def row(cells: Sequence[Child], name: str) -> Element:
        return el(
            "tr",
            (
                el(
                    "th" if name == "th" or index == 0 else "td",
                    cell,
                    class_="num" if index in right else None,
                    scope="col" if name == "th" else "row" if index == 0 else None,
                )
                for index, cell in enumerate(cells)
            ),
        )

    return el(
        "div",
        el(
            "table",
            el("caption", caption, class_="hidden"),
            el("thead", row(heads, "th")),
            el("tbody", (row(cells, "td") for cells in rows)),
        ),
        class_="scroll",
    )


def code(text: str) -> Element:
    """Something that is typed."""
    return el("code", text)


def section(anchor: str, title: str, *children: Child) -> Element:
    """A part of the page with its heading."""
    return el("section", el("h2", title, id=f"{anchor}-title"), *children, id=anchor, aria_labelledby=f"{anchor}-title")
