"""The error of the estimate against published figures: measured by the benchmark, bounded here, shown on the page."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from llminfra.planning.performance.factors import factors

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "benchmarks/performance/run.py"
PAGE = ROOT / "docs/performance.md"


@cache
def benchmark() -> ModuleType:
    place = importlib.util.spec_from_file_location("performance_benchmark", SCRIPT)
    assert place is not None
    assert place.loader is not None
    module = importlib.util.module_from_spec(place)
    sys.modules[place.name] = module
    place.loader.exec_module(module)
    return module


@cache
def figures() -> list[object]:
    return list(benchmark().figures())


def unseen(field: str | None = None) -> list[object]:
    return [item for item in benchmark().unseen(figures()) if field in {None, item.field}]


def test_throughput_is_within_half_for_most_figures_that_nothing_was_fitted_to() -> None:
    found = benchmark().summary(unseen("output_tokens_per_s"))
    assert found["figures"] > 100
    assert found["within_1.5"] > 0.75
    assert found["within_2"] > 0.95
    assert 0.8 < found["median_ratio"] < 1.25


@pytest.mark.parametrize("field", ["ttft_ms", "tpot_ms", "output_tokens_per_s"])
def test_figures_that_nobody_looked_at_are_within_twice_too(field: str) -> None:
    """Scored before and after the model of several callers was made, and not looked at meanwhile."""
    rows = [item for item in unseen(field) if item.series.get("held_out")]  # type: ignore[attr-defined]  # rows of a table
    assert len(rows) >= 50
    assert benchmark().summary(rows)["within_2"] > 0.8


def test_first_tokens_of_a_busy_server_are_not_systematically_low() -> None:
    """A queue of prompts instead of steps had half of them below a half."""
    rows = [item for item in unseen("ttft_ms") if int(item.shape.split(" x ")[1]) >= 16]  # type: ignore[attr-defined]  # as above
    found = benchmark().summary(rows)
    assert found["figures"] > 50
    assert found["median_ratio"] > 0.7
    assert found["within_2"] > 0.8


def test_what_is_set_aside_says_why_and_is_shown() -> None:
    aside = {item.series["source"]: item.series["set_aside"] for item in figures() if item.series.get("set_aside")}  # type: ignore[attr-defined]  # rows of a table
    assert aside, "else the word is of no use"
    for source, why in aside.items():
        assert len(why.split()) > 10
        assert re.search(rf"\| {source}: .* \(A\) \|", PAGE.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("field", "name"),
    [("ttft_ms", "spread_ttft"), ("tpot_ms", "spread_tpot"), ("output_tokens_per_s", "spread_throughput")],
)
def test_each_kind_of_figure_has_the_spread_that_was_measured_for_it(field: str, name: str) -> None:
    stated, rows = getattr(factors(), name), unseen(field)
    assert stated == pytest.approx(benchmark().spreads(figures())[name], abs=0.051), "run.py --page stores it"
    inside = sum(item.factor <= stated for item in rows)  # type: ignore[attr-defined]  # rows of a table
    assert inside >= 0.8 * len(rows)


def test_the_spread_of_all_figures_is_measured_too() -> None:
    assert factors().spread == pytest.approx(benchmark().spreads(figures())["spread"], abs=0.051)


def test_the_first_token_is_not_called_as_certain_as_the_others() -> None:
    """Each kind has its own factor on the page, and the first token, which waits for others, the largest."""
    known, text = factors(), " ".join(PAGE.read_text(encoding="utf-8").split())
    assert max(known.spread_throughput, known.spread_tpot) < known.spread_ttft
    assert f"factor of {known.spread_throughput:g} for throughput, of {known.spread_tpot:g} for the time per" in text
    assert f"and of {known.spread_ttft:g} for the time to the first token" in text


def test_a_run_of_few_requests_counts_its_start() -> None:
    """All callers come at the same moment then; with as many requests as callers there is nothing but that."""
    (series,) = {
        id(item.series): item.series  # type: ignore[attr-defined]  # rows of a table
        for item in figures()
        if item.series["source"] == "vultr-b200" and item.series["tensor"] == 2  # type: ignore[attr-defined]  # as above
    }.values()
    first = {
        requests: next(
            item.estimated
            for item in benchmark()._series({**series, "requests": requests})
            if item.field == "ttft_ms" and item.shape.endswith("x 256")
        )
        for requests in (256, 400, 100_000)
    }
    assert first[256] > first[400] > first[100_000]


def test_time_per_output_token_is_within_twice() -> None:
    assert benchmark().summary(unseen("tpot_ms"))["within_2"] >= 0.9


def test_every_series_has_a_source_with_address_and_date() -> None:
    data = json.loads((ROOT / "benchmarks/performance/data/published.json").read_text())
    assert {series["source"] for series in data["series"]} == set(data["sources"])
    for source in data["sources"].values():
        assert source["source"].startswith(("https://", "github.com/"))
        assert source["date"]
    devices = {series["gpu"] for series in data["series"]}
    assert len(devices) >= 7
    assert sum("calibration" not in series for series in data["series"]) > len(data["series"]) / 2


def test_the_page_shows_what_the_benchmark_prints() -> None:
    """Up to what a change of the memory model moves; ``run.py --page`` writes it anew."""
    (shown,) = re.findall(r"<!-- benchmark -->\n(.*?)<!-- end -->", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    printed = benchmark().tables(figures())
    for stated, found in zip(_rows(shown), _rows(printed), strict=True):
        assert stated[:2] == found[:2], "the same series with as many figures"
        assert float(stated[2]) == pytest.approx(float(found[2]), rel=0.15), stated[0]


def _rows(text: str) -> list[list[str]]:
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return [line for line in lines if line[1] != "figures"]


def test_every_factor_of_the_page_is_the_data_files() -> None:
    rows = json.loads((ROOT / "llminfra/planning/performance/data/efficiency.json").read_text())
    text = PAGE.read_text(encoding="utf-8")
    for name, row in rows.items():
        if not name.startswith("_"):
            assert row["_source"]
            assert f"| `{name}` | {row['value']:g} |" in text, name


@pytest.mark.slow
def test_the_command_prints_the_error() -> None:
    done = subprocess.run([sys.executable, str(SCRIPT), "--json"], capture_output=True, text=True, check=True, cwd=ROOT)
    assert json.loads(done.stdout)["all"]["figures"] == len(figures())
