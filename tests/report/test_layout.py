"""The picture: nothing overlaps, everything stands in its frame, every line leads somewhere."""

from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llminfra.cli.page.architecture import architecture
from llminfra.cli.page.drawn import Architecture, Box, Edge, Frame
from llminfra.cli.page.layout import Layout, PlacedBox, lay_out
from llminfra.cli.page.picture import described, fitted
from llminfra.cli.page.served import served
from tests.helpers.example_plans import plans_of
from tests.report.test_report_page import EXAMPLES


def sound(layout: Layout) -> None:
    boxes = list(layout.boxes.values())
    assert not [(a.box.id, b.box.id) for a, b in combinations(boxes, 2) if overlap(a, b)]
    for item in (*boxes, *layout.frames):
        assert item.x >= 0
        assert item.y >= 0
        assert item.x + item.width <= layout.width
        assert item.y + item.height <= layout.height
    for edge in layout.edges:
        assert {edge.start, edge.end} <= set(layout.boxes)


def overlap(a: PlacedBox, b: PlacedBox) -> bool:
    return a.x < b.x + b.width and b.x < a.x + a.width and a.y < b.y + b.height and b.y < a.y + a.height


@pytest.mark.parametrize("spec", EXAMPLES, ids=lambda spec: f"{spec.parent.name}-{spec.stem}")
def test_the_picture_of_every_example_is_sound(spec: Path) -> None:
    for plan in plans_of(spec):
        content = architecture(plan, served(plan), "p")
        layout = lay_out(content)
        sound(layout)
        assert len(layout.edges) == len(content.edges), "an edge leads to a box that is not there"
        text = described(content)
        for name in (item.name for item in served(plan)):
            assert f"model:{name}" in layout.boxes
            assert name in text
            assert [edge for edge in layout.edges if edge.end == f"model:{name}" and edge.kind == "weights"]
            assert [edge for edge in layout.edges if edge.end == f"model:{name}" and edge.kind == "requests"]


def box(index: int, lines: int) -> Box:
    return Box(id=f"b{index}", kind="model", title=f"b{index}", lines=("line",) * lines, gpus=index % 20, used=1)


@given(
    numbers=st.tuples(*[st.lists(st.integers(0, 6), max_size=6)] * 7),
    joins=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=30),
)
def test_any_picture_is_sound(numbers: tuple[list[int], ...], joins: list[tuple[int, int]]) -> None:
    count = iter(range(1000))
    groups = [tuple(box(next(count), lines) for lines in given) for given in numbers]
    edges = tuple(dict.fromkeys(Edge(start=f"b{a}", end=f"b{b}", kind="requests") for a, b in joins if a != b))
    pools = (Frame(kind="pool", title="p", note="n", boxes=groups[0]), Frame(kind="pool", title="q"))
    content = Architecture(
        region="us-east-1",
        network="VPC",
        zones=(("us-east-1a", "10.0.0.0/18"),),
        callers=groups[1],
        queues=groups[2],
        gateways=groups[6],
        inside=(Frame(kind="cluster", title="c", frames=pools),),
        managed=(Frame(kind="managed", title="m", boxes=groups[3]),) if groups[3] else (),
        file_systems=groups[4],
        services=groups[5],
        edges=edges,
    )
    layout = lay_out(content)
    sound(layout)
    assert layout == lay_out(content)


@given(st.text(), st.floats(1, 500), st.floats(8, 20))
def test_text_is_cut_where_it_ends(text: str, width: float, size: float) -> None:
    shown = fitted(text, width, size)
    assert shown == text or shown.endswith("…")
    assert len(shown) <= max(len(text), 2)
