"""The plan page tells what each storage would mean for a cold start, how GPUs are shared, and the adapters."""

import datetime as dt
import io
from pathlib import Path

import pytest
from rich.console import Console

from llminfra.cli.plan_view import plan_view
from llminfra.loading.load import load
from llminfra.planning import plan_platform
from llminfra.planning.plan import Plan

EXAMPLES = Path(__file__).parents[2] / "examples"


def planned(name: str) -> Plan:
    (platform,) = load(EXAMPLES / name / "spec.py").platforms
    return plan_platform(platform, today=dt.date(2026, 11, 23))


def page(plan: Plan, width: int = 200) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    with console.capture() as capture:
        console.print(plan_view(plan, width))
    return capture.get()


def test_every_storage_has_its_cold_start_and_one_is_planned() -> None:
    plan = planned("lora")
    (line,) = (line for line in page(plan).splitlines() if "with weights from" in line)
    for words in ("the Hub", "S3 by streaming", "Lustre", "an EBS snapshot", "NVMe of a warm node"):
        assert words in line
    assert line.count("(planned)") == 1
    assert line.count(" min ") == len(plan.endpoints[0].startup.choices)


def test_the_planned_storage_has_the_estimate_of_the_plan() -> None:
    text = page(planned("lora"))
    (start,) = (
        line.partition("cold start ")[2].partition(";")[0] for line in text.splitlines() if "cold start" in line
    )
    assert f"S3 by streaming {start} (planned)" in text


def test_adapters_are_named() -> None:
    assert "adapter sql · adapter support · adapter legal" in page(planned("lora"))


def test_shared_gpus_are_told_with_their_tenants() -> None:
    text = page(planned("gpu-sharing"))
    assert "16 slices 3g.40gb of 8 × H100-80GB for search, support" in text
    assert "2 turns of 1 × L4 for labs" in text


@pytest.mark.parametrize("name", ["gpu-sharing", "lora"])
def test_no_line_is_wider_than_eighty_columns(name: str) -> None:
    assert max(len(line) for line in page(planned(name), 80).splitlines()) <= 80
