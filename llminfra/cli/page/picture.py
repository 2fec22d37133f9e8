"""Draws the architecture as SVG, with its content as text for those who do not see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.cli.page.html import Element, el, number
from llminfra.cli.page.layout import BOX_HEAD, LINE, PAD, PlacedBox, PlacedFrame, lay_out

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from llminfra.cli.page.drawn import Architecture, Box, EdgeKind
    from llminfra.cli.page.layout import Layout

# Width of a letter of a sans-serif face, as a share of its size; a little more than the mean, so that text fits.
_LETTER = 0.545
_SQUARE, _SQUARE_GAP, _SQUARES = 9.0, 3.0, 8
_CHIP, _CHIP_GAP = 18.0, 4.0
_EDGES: tuple[tuple[EdgeKind, str], ...] = (
    ("requests", "requests"),
    ("cache", "KV cache"),
    ("weights", "weights"),
    ("results", "results"),
)


def picture(content: Architecture, anchor: str) -> Element:
    """The drawing with its legend."""
    layout = lay_out(content)
    zones = [zone for zone, _ in content.zones]
    used = [(kind, label) for kind, label in _EDGES if any(edge.kind == kind for edge in layout.edges)]
    title, text = f"{anchor}-picture-title", f"{anchor}-picture-text"
    drawing = el(
        "svg",
        el("title", f"Architecture in {content.region}", id=title),
        el("desc", described(content), id=text),
        el("defs", (_arrow(kind, anchor) for kind, _ in used)),
        (_frame(item, content.region, zones) for item in layout.frames),
        _zone_strip(layout, content),
        (line for edge in layout.edges for line in _edge(layout, edge.start, edge.end, edge.kind, anchor)),
        (_box(item, content.region, zones) for item in layout.boxes.values()),
        viewbox=f"0 0 {number(layout.width)} {number(layout.height)}",
        width=layout.width,
        class_="architecture",
        role="img",
        aria_labelledby=f"{title} {text}",
    )
    legend = [
        el("li", el("svg", el("line", x1=0, y1=6, x2=30, y2=6, class_=f"edge {kind}"), width=30, height=12,
                    aria_hidden="true"), f" {label}")
        for kind, label in used
    ]  # fmt: skip
    if any(box.gpus for box in _boxes(content)):
        squares = el("svg", _squares(0, 1.5, 2, 4), width=45, height=12, aria_hidden="true")
        legend.append(el("li", squares, " GPUs of one replica, among those of its machines"))
    return el("figure", el("div", drawing, class_="scroll"), el("figcaption", el("ul", legend, class_="legend")))


def described(content: Architecture) -> str:
    """The picture in sentences."""
    names = {box.id: box.title for box in _boxes(content)}
    flows = [
        f"{label}: " + ", ".join(f"{names[edge.start]} to {names[edge.end]}" for edge in edges)
        for kind, label in _EDGES
        if (edges := [edge for edge in content.edges if edge.kind == kind and {edge.start, edge.end} <= set(names)])
    ]
    stands = [
        f"{frame.title}: {', '.join(box.title for box in frame.boxes)}"
        for top in (*content.inside, *content.managed)
        for frame in (top, *top.frames)
        if frame.boxes
    ]
    return ". ".join([content.network, *stands, *flows]) + "."


def _boxes(content: Architecture) -> Iterator[Box]:
    yield from (*content.callers, *content.queues, *content.gateways, *content.file_systems, *content.services)
    for frame in (*content.inside, *content.managed):
        yield from frame.boxes
        for inner in frame.frames:
            yield from inner.boxes


def fitted(text: str, width: float, size: float) -> str:
    """The text as far as it fits into a width, with an ellipsis where it does not."""
    most = int(width / (size * _LETTER))
    return text if len(text) <= most else text[: max(1, most - 1)].rstrip(" ·,") + "…"


def _arrow(kind: str, anchor: str) -> Element:
    tip = el("path", d="M0,0.8 L7,4 L0,7.2 z", class_=f"tip {kind}")
    return el("marker", tip, id=f"{anchor}-tip-{kind}", markerwidth=8, markerheight=8, refx=7, refy=4, orient="auto",
              markerunits="userSpaceOnUse")  # fmt: skip


def _frame(item: PlacedFrame, region: str, zones: Sequence[str]) -> Element:
    chips = len(zones) * (_CHIP + _CHIP_GAP) if item.zones else 0.0
    room = item.width - 2 * PAD - chips
    parts: list[Element] = [
        el("rect", x=item.x, y=item.y, width=item.width, height=item.height, rx=10, class_=f"frame {item.kind}"),
    ]
    if item.note:
        parts += [
            el("text", fitted(item.title, room, 13), el("title", item.title), x=item.x + PAD, y=item.y + 19,
               class_="heading"),
            el("text", fitted(item.note, item.width - 2 * PAD, 11.5), el("title", item.note), x=item.x + PAD,
               y=item.y + 35, class_="note"),
        ]  # fmt: skip
    else:
        parts.append(
            el("text", fitted(item.title, room, 13), el("title", item.title), x=item.x + PAD, y=item.y + 26,
               class_="heading")
        )  # fmt: skip
    if item.zones:
        parts.append(_chips(item.x + item.width - PAD - chips + _CHIP_GAP, item.y + 8, item.zones, region, zones))
    return el("g", parts)


def _short(zone: str, region: str) -> str:
    return zone.removeprefix(region).removeprefix("-")[-3:]


def _chips(x: float, y: float, inside: Sequence[str], region: str, zones: Sequence[str]) -> Element:
    """A mark for each zone of the network, filled where the thing may stand."""
    parts = []
    for index, zone in enumerate(zones):
        left = x + index * (_CHIP + _CHIP_GAP)
        state = "in" if zone in inside else "out"
        parts += [
            el("rect", x=left, y=y, width=_CHIP, height=15, rx=4, class_=f"chip {state}"),
            el("text", _short(zone, region), x=left + _CHIP / 2, y=y + 11, class_=f"chip-text {state}"),
        ]
    return el("g", el("title", f"zones {', '.join(inside)}"), parts)


def _zone_strip(layout: Layout, content: Architecture) -> Element:
    x, y, width = layout.zone_strip
    each = (width - 8 * (len(content.zones) - 1)) / max(1, len(content.zones))
    parts = []
    for index, (zone, block) in enumerate(content.zones):
        left = x + index * (each + 8)
        parts += [
            el("rect", x=left, y=y, width=each, height=34, rx=6, class_="zone"),
            el("text", fitted(zone, each - 12, 11.5), x=left + 10, y=y + 14, class_="zone-name"),
            el("text", fitted(f"private {block}" if block else "existing subnet", each - 12, 11), x=left + 10, y=y + 28,
               class_="note"),
        ]  # fmt: skip
    return el("g", parts)


def _box(item: PlacedBox, region: str, zones: Sequence[str]) -> Element:
    box = item.box
    per_row = min(box.gpus, _SQUARES)
    squares = per_row * (_SQUARE + _SQUARE_GAP) if box.gpus else 0.0
    room = item.width - 26
    parts: list[Element] = [
        el("title", " · ".join((box.title, *box.lines))),
        el("rect", x=item.x, y=item.y, width=item.width, height=item.height, rx=7, class_=f"box {box.kind}"),
        el("rect", x=item.x, y=item.y + 7, width=3.5, height=item.height - 14, class_=f"edge-of-box {box.kind}"),
        el("text", fitted(box.title, room - squares, 13), x=item.x + 14, y=item.y + 20, class_="box-title"),
    ]
    for index, line in enumerate(box.lines):
        parts.append(
            el("text", fitted(line, room, 11.5), x=item.x + 14, y=item.y + BOX_HEAD + 11 + index * LINE, class_="note")
        )
    if box.gpus:
        parts.append(_squares(item.x + item.width - squares - 8, item.y + 11, box.used, box.gpus))
    if box.zones:
        inside = [zone for zone in zones if zone in box.zones]
        parts.append(_chips(item.x + item.width - 10 - _CHIP, item.y + 8, inside, region, inside))
    group = el("g", parts)
    return el("a", group, href=box.href) if box.href else group


def _squares(x: float, y: float, used: int, total: int) -> Element:
    """GPUs of the machines of one replica, those of the replica filled."""
    shown = min(total, 2 * _SQUARES)
    step = _SQUARE + _SQUARE_GAP
    return el(
        "g",
        el("title", f"{used} of {total} GPUs"),
        (
            el(
                "rect",
                x=x + index % _SQUARES * step,
                y=y + index // _SQUARES * step,
                width=_SQUARE,
                height=_SQUARE,
                rx=2,
                class_="gpu used" if index < used else "gpu",
            )
            for index in range(shown)
        ),
    )


def _edge(layout: Layout, start: str, end: str, kind: EdgeKind, anchor: str) -> Iterator[Element]:
    """A curve from side to side: to the right where the end stands further right, else to the left."""
    first, last = layout.boxes[start], layout.boxes[end]
    port = 11.0 if kind == "results" else 0.0  # so that what comes and what goes do not lie on one another
    y1, y2 = first.middle + port, last.middle + port
    right = last.x >= first.x + first.width
    if not right and last.x + last.width > first.x:  # one above the other: around their right side
        x1, x2 = first.x + first.width, last.x + last.width
        bend = max(x1, x2) + 34
        path = f"M{number(x1)},{number(y1)} C{number(bend)},{number(y1)} "
        path += f"{number(bend)},{number(y2)} {number(x2 + 2)},{number(y2)}"
    else:
        x1 = first.x + first.width if right else first.x
        x2 = last.x - 2 if right else last.x + last.width + 2
        half = (x2 - x1) / 2
        path = f"M{number(x1)},{number(y1)} C{number(x1 + half)},{number(y1)} "
        path += f"{number(x2 - half)},{number(y2)} {number(x2)},{number(y2)}"
    yield el("path", d=path, class_=f"edge {kind}", marker_end=f"url(#{anchor}-tip-{kind})")
