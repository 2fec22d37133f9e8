"""Where everything in the picture stands: five columns, boxes below one another, frames around them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llminfra.cli.page.drawn import Architecture, Box, Edge, Frame, FrameKind

GAP = 14.0
PAD = 14.0
HEAD = 44.0
BOX_HEAD, LINE, BOX_FOOT = 25.0, 15.0, 9.0
COLUMN_GAP = 58.0
CALLER, QUEUE, GATEWAY, COMPUTE, FILES, SERVICE = 184.0, 200.0, 168.0, 440.0, 150.0, 216.0
ZONE_STRIP = 40.0
BELOW = 62.0


class PlacedBox(Struct, frozen=True, kw_only=True):
    """A box with its place."""

    box: Box
    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        """Half its height."""
        return self.y + self.height / 2


class PlacedFrame(Struct, frozen=True, kw_only=True):
    """A frame with its place."""

    kind: FrameKind
    title: str
    note: str
    zones: tuple[str, ...]
    x: float
    y: float
    width: float
    height: float


class Layout(Struct, frozen=True, kw_only=True):
    """The picture: frames from the outside in, then boxes; edges name boxes."""

    width: float
    height: float
    frames: tuple[PlacedFrame, ...]
    boxes: Mapping[str, PlacedBox]
    edges: tuple[Edge, ...]
    zone_strip: tuple[float, float, float]
    """Left, top and width of the strip of zones."""


def box_height(box: Box) -> float:
    """Room for the title and the lines."""
    return BOX_HEAD + LINE * len(box.lines) + BOX_FOOT


def lay_out(picture: Architecture) -> Layout:
    """Give everything its place; the same picture always gets the same."""
    left = PAD
    callers_x = left
    if picture.callers:
        left += CALLER + COLUMN_GAP
    region_x = left
    left += PAD
    queues_x = left
    if picture.queues:
        left += QUEUE + COLUMN_GAP
    network_x = left
    gateways_x = left + PAD
    compute_x = gateways_x + (GATEWAY + COLUMN_GAP if picture.gateways else 0.0)
    files_x = compute_x + COMPUTE + COLUMN_GAP
    network_right = (files_x + FILES if picture.file_systems else compute_x + COMPUTE) + PAD
    services_x = network_right + COLUMN_GAP
    right = services_x + SERVICE if picture.services else network_right
    region_right = right + PAD

    frames: list[PlacedFrame] = []
    boxes: dict[str, PlacedBox] = {}
    top = PAD + HEAD
    strip = (gateways_x, top + HEAD, network_right - network_x - 2 * PAD)
    inside_y = top + HEAD + ZONE_STRIP + GAP if picture.zones else top - GAP  # without a VPC nothing is in it
    y = _stack(picture.inside, compute_x, inside_y, COMPUTE, frames, boxes)
    for column in (picture.file_systems, picture.gateways):
        y = max(y, inside_y + sum(box_height(item) + GAP for item in column))
    network_bottom = y
    y = _stack(picture.managed, compute_x, network_bottom + GAP, COMPUTE, frames, boxes)

    _column(picture.file_systems, files_x, FILES, inside_y, network_bottom - GAP, boxes, picture.edges)
    _column(picture.gateways, gateways_x, GATEWAY, inside_y, network_bottom - GAP, boxes, picture.edges)
    low = top if picture.managed else inside_y
    bottoms = [y, network_bottom + GAP]
    bottoms.append(_column(picture.services, services_x, SERVICE, low, y, boxes, picture.edges))
    # Below what they lead to, so that lines of other callers pass above them.
    bottoms.append(_column(picture.queues, queues_x, QUEUE, low, y, boxes, picture.edges, BELOW))
    bottoms.append(_column(picture.callers, callers_x, CALLER, low, y, boxes, picture.edges))
    bottom = max(bottoms)
    region = PlacedFrame(
        kind="region", title=f"AWS {picture.region}", note="", zones=(), x=region_x, y=PAD,
        width=region_right - region_x, height=bottom - GAP,
    )  # fmt: skip
    network = PlacedFrame(
        kind="network", title=picture.network, note="", zones=(), x=network_x, y=top,
        width=network_right - network_x, height=network_bottom - top,
    )  # fmt: skip
    return Layout(
        width=region_right + PAD,
        height=bottom - GAP + 2 * PAD,
        frames=(region, *([network] if picture.zones else []), *frames),
        boxes=boxes,
        edges=tuple(edge for edge in picture.edges if edge.start in boxes and edge.end in boxes),
        zone_strip=strip,
    )


def _stack(
    frames: Sequence[Frame], x: float, y: float, width: float, placed: list[PlacedFrame], boxes: dict[str, PlacedBox]
) -> float:
    """Frames below one another; returns where the next would stand."""
    for frame in frames:
        at = len(placed)
        inner = y + HEAD
        for box in frame.boxes:
            height = box_height(box)
            boxes[box.id] = PlacedBox(box=box, x=x + PAD, y=inner, width=width - 2 * PAD, height=height)
            inner += height + GAP
        inner = _stack(frame.frames, x + PAD, inner, width - 2 * PAD, placed, boxes)
        placed.insert(
            at,
            PlacedFrame(
                kind=frame.kind, title=frame.title, note=frame.note, zones=frame.zones, x=x, y=y, width=width,
                height=inner - y,
            ),
        )  # fmt: skip
        y = inner + GAP
    return y


def _column(
    column: Sequence[Box],
    x: float,
    width: float,
    low: float,
    high: float,
    boxes: dict[str, PlacedBox],
    edges: Sequence[Edge],
    below: float = 0.0,
) -> float:
    """Boxes as near as can be to what they are joined with, in that order; returns the lower end."""
    if not column:
        return low
    wanted = []
    for order, box in enumerate(column):
        near = [boxes[other].middle for edge in edges for other in _other(edge, box.id) if other in boxes]
        wanted.append((sum(near) / len(near) + below if near else (low + high) / 2, order, box))
    wanted.sort(key=lambda item: item[:2])
    y, places = low, []
    for middle, _, box in wanted:
        height = box_height(box)
        y = max(y, middle - height / 2)
        places.append((box, y, height))
        y += height + GAP
    over = max(0.0, y - GAP - high)
    bottom = y - GAP
    for index in reversed(range(len(places))):  # what stands too low moves up, as far as there is room
        box, at, height = places[index]
        limit = (places[index + 1][1] - GAP if index + 1 < len(places) else bottom - over) - height
        at = max(min(at, limit), low)
        places[index] = (box, at, height)
    for index in range(1, len(places)):  # and nothing overlaps, even where there is too little room
        above, (box, at, height) = places[index - 1], places[index]
        places[index] = (box, max(at, above[1] + above[2] + GAP), height)
    for box, at, height in places:
        boxes[box.id] = PlacedBox(box=box, x=x, y=at, width=width, height=height)
    last = places[-1]
    return last[1] + last[2] + GAP


def _other(edge: Edge, box: str) -> tuple[str, ...]:
    return (edge.end,) if edge.start == box else (edge.start,) if edge.end == box else ()
