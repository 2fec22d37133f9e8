"""The plan page tells what each storage would mean for a cold start, how GPUs are shared, and the adapters."""

import datetime as dt
import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from llminfra.cli.plan_page.plain_data import plan_json
from llminfra.cli.plan_page.view import plan_view
from llminfra.cli.terminal.words import duration
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


def row(text: str, name: str) -> str:
    """One row of the choices; pages are wide here, so that none is folded."""
    (line,) = (line for line in text.splitlines() if line.split()[:1] == [name] and "(planned)" in line)
    return line


def test_every_storage_has_its_time_and_one_is_planned() -> None:
    plan = planned("lora")
    line = row(page(plan, 300), "weights")
    for words in (
        "the Hub",
        "S3 by streaming",
        "Lustre",
        "an EBS snapshot",
        "NVMe, first pod of a node",
        "NVMe, later",
    ):
        assert words in line
    assert line.count("(planned)") == 1
    assert line.count(" · ") == len(plan.endpoints[0].startup.choices) - 1


def test_image_and_kernels_have_their_choices() -> None:
    text = page(planned("nvme-cache"), 300)
    images, kernels = (
        [line for line in text.splitlines() if line.split()[:1] == [name] and "(planned)" in line]
        for name in ("image", "kernels")
    )
    assert ["snapshot, filled at 300 MiB/s 1 min 5 s (planned)" in line for line in images] == [True, False]
    assert ["snapshot with fast restore 5 s (planned)" in line for line in images] == [False, True]
    assert all("kept in a bucket" in line.partition("(planned)")[0] for line in kernels)
    assert len(kernels) == 2


def test_the_planned_choices_are_the_phases_of_the_plan() -> None:
    (endpoint,) = planned("lora").endpoints
    text = page(planned("lora"), 300)
    seconds = {phase.name: phase.seconds for phase in endpoint.startup.phases}
    assert f"S3 by streaming {duration(seconds['weights'])} (planned)" in row(text, "weights")
    assert f"parallel pull {duration(seconds['image'])} (planned)" in row(text, "image")
    assert f"compiled by each pod {duration(seconds['compile'] + seconds['warmup'])} (planned)" in row(text, "kernels")
    warm = duration(endpoint.startup.container_s)
    assert f"cold start {duration(endpoint.startup.estimate_s)}, on a node that is warm {warm};" in text


def test_the_choices_are_in_the_json() -> None:
    startup = plan_json(planned("nvme-cache"))["endpoints"][0]["startup"]
    assert {item["kind"] for item in startup["choices"]} >= {"bucket", "lustre", "nvme", "nvme-warm", "ebs"}
    for name in ("choices", "images", "kernels"):
        assert [item["chosen"] for item in startup[name]].count(True) == 1
    before = {"node", "image", "copy"}
    later = sum(phase["seconds"] for phase in startup["phases"] if phase["name"] not in before)
    assert startup["warm_node_s"] == pytest.approx(later)


def test_adapters_are_named() -> None:
    text = page(planned("lora"))
    assert "adapter sql  s3://acme-lora-weights/adapters/sql/v3\n" in re.sub(" *\n", "\n", text)
    assert "adapter support  s3://" in text


def test_where_weights_lie_and_who_is_called_are_told() -> None:
    text = page(planned("vllm-lustre"))
    assert re.search(r"weights s3://acme-lustre-weights/models/Qwen/Qwen3-32B/[0-9a-f]{40} through weights", text)
    assert "called at http://chat.llm-serving.svc.cluster.local:8000/v1" in text
    assert "Qwen/Qwen3-32B comes from the Hub by a Job of the stack serving" in text
    assert "called at http://" not in page(planned("gateway")), "the gateway is, and tells its address"


def test_a_batch_tells_how_long_all_jobs_take_together() -> None:
    plan = planned("batch-inference")
    item = plan.batches[0]
    full = item.serving.performance.full  # type: ignore[union-attr]  # the example has figures
    assert full is not None
    at_once = min(item.spec.jobs, item.spec.on.max_instances)
    seconds = 1e6 * 256 / full.output_tokens_per_s / at_once
    text = page(plan)
    assert f"≈ a million requests (1,024 tokens in, 256 out) in {duration(seconds)} on {at_once} full instances" in text
    assert ("tip concurrency is" in text) is any(
        each.spec.concurrency < each.serving.performance.full.load.concurrency  # type: ignore[union-attr]  # as above
        for each in plan.batches
    )


def test_shared_gpus_are_told_with_their_tenants() -> None:
    text = page(planned("gpu-sharing"))
    assert "2 slices 3g.40gb of 1 × H100-80GB for search, support" in text
    assert "2 turns of 1 × L4 for labs" in text


@pytest.mark.parametrize("name", ["gpu-sharing", "lora", "nvme-cache"])
def test_no_line_is_wider_than_eighty_columns(name: str) -> None:
    assert max(len(line) for line in page(planned(name), 80).splitlines()) <= 80
