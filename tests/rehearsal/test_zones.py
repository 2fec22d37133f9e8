"""Zones of the account, asked by Terraform before anything is built in them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from llminfra import Cluster, Network, Platform
from llminfra.compiler import compile_platforms
from llminfra.planning import plan_platform
from llminfra.rehearsal import rehearse

pytestmark = pytest.mark.terraform
TODAY = dt.date(2026, 11, 23)


@pytest.mark.parametrize(
    ("zones", "cluster", "said"),
    [
        (["us-east-1a", "us-east-1e"], Cluster(), "EKS makes no control plane in us-east-1e of this account"),
        (["us-east-1a", "us-east-1b"], Cluster(), None),
    ],
    ids=["refused by EKS", "fine"],
)
def test_a_zone_without_control_planes_fails_before_the_network_stands(
    zones: list[str], cluster: Cluster, said: str | None, tmp_path: Path
) -> None:
    platform = Platform(name="p", region="us-east-1", network=Network(zones=zones), cluster=cluster)
    compile_platforms([plan_platform(platform, today=TODAY)], tmp_path / "out")
    report = rehearse(tmp_path / "out", only=["p-network"])
    assert report.ok is (said is None)
    if said is not None:
        (found,) = report.errors
        assert found.step == "plan"
        assert said in " ".join(f"{found.summary} {found.detail}".split())
