"""Writes the table of figures in ``docs/targets.md``: one model on every target, as the planner sees it.

Run it after a change of prices, rates or the planner; a test compares the page with what this makes.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

from llminfra import VLLM, Autoscaling, Ec2, Endpoint, GpuPool, Model, ModelBucket, Platform, SageMaker, SageMakerAsync
from llminfra.planning import plan_platform

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan
    from llminfra.planning.plan.serving import ServingPlan
    from llminfra.spec.compute.target import Target

PAGE = Path(__file__).parents[1] / "docs" / "targets.md"
START, END = "<!-- figures: scripts/targets_page.py -->", "<!-- end of figures -->"
_DAY = dt.date(2026, 11, 23)
_TYPE = "g6e.2xlarge"
_POOL = GpuPool(name="l40s", instance_types=[_TYPE], nodes=(0, 4))
_TARGETS: dict[str, tuple[Target, int]] = {
    "EKS (`GpuPool`)": (_POOL, 0),
    "EC2 (`Ec2`)": (
        Ec2(
            instance_type=_TYPE,
            domain_name="chat.llm.example.com",
            certificate_arn="arn:aws:acm:us-east-1:111122223333:certificate/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
        ),
        0,
    ),
    "SageMaker (`SageMaker`)": (SageMaker(instance_type=f"ml.{_TYPE}"), 1),
    "SageMaker async (`SageMakerAsync`)": (
        SageMakerAsync(instance_type=f"ml.{_TYPE}", output="s3://acme-answers/chat"),
        0,
    ),
}


def figures() -> str:
    """The table, in Markdown."""
    lines = [
        (
            "| target | fewest replicas | weights | start of the engine | new instance as well "
            "| $ an hour, one replica | $ an hour beside it, at rest | $ per million output tokens, full |"
        ),
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, (on, least) in _TARGETS.items():
        plan = _plan(on, least)
        cores: list[ServingPlan] = [*plan.endpoints]
        cores += [each.serving for each in plan.ec2]
        cores += [each.serving for each in plan.sagemaker]
        (core,) = cores
        cold = sum(phase.seconds for phase in core.startup.phases)
        before = sum(phase.seconds for phase in core.startup.phases if phase.name in {"node", "image"})
        how = {"bucket": "streamed from S3", "copied": "copied from S3, then read"}[core.weights.kind]
        around = [
            line.usd_per_hour_min or 0.0
            for line in plan.costs
            if not line.spec_path.startswith(("pools", "endpoints")) or "balancer" in line.what
        ]
        lines.append(
            f"| {name} | {least} | {how}, {core.weights.read_mb_per_s:,.0f} MB/s | {cold - before:,.0f} s | "
            f"{cold:,.0f} s | {_usd(core.usd_per_replica_hour)} | {_usd(sum(around))} | "
            f"{_usd(core.usd_per_million_tokens)} |"
        )
    return "\n".join(lines)


def _plan(on: Target, least: int) -> Plan:
    platform = Platform(
        name="acme",
        region="us-east-1",
        pools=[on] if isinstance(on, GpuPool) else [],
        storage=[ModelBucket(name="acme-weights")],
        endpoints=[
            Endpoint(
                name="chat",
                model=Model(id="Qwen/Qwen3-8B"),
                engine=VLLM(max_model_len=16_384),
                on=on,
                replicas=Autoscaling(min=least, max=4),
            )
        ],
    )
    return plan_platform(platform, today=_DAY)


def _usd(value: float | None) -> str:
    return "no source" if value is None else f"{value:,.2f}"


def page(text: str) -> str:
    """The page with a fresh table."""
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n{figures()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(figures())
