"""Sizes of Lustre file systems: FSx has steps, and larger ones with EFA."""

from typing import Any

import pytest

from llminfra import Lustre, Network, Platform
from llminfra.diagnostics import Diagnostic
from llminfra.planning.findings import Findings
from llminfra.planning.network.vpc import plan_network
from llminfra.planning.storage.places import plan_lustre


def _found(**fields: Any) -> list[Diagnostic]:
    findings = Findings()
    platform = Platform(name="p", region="us-east-1", network=Network(), storage=[Lustre(name="w", **fields)])
    plan_lustre(platform, plan_network(platform, Findings()), (), findings)
    return list(findings.items)


@pytest.mark.parametrize(("rate", "step"), [(125, 38_400), (250, 19_200), (500, 9_600), (1000, 4_800)], ids=str)
def test_steps_with_efa_follow_the_rate(rate: int, step: int) -> None:
    assert _found(capacity_gib=2 * step, throughput_mbps_per_tib=rate, efa=True) == []
    (found,) = _found(capacity_gib=step + 2400, throughput_mbps_per_tib=rate, efa=True)
    assert (found.code, found.path) == ("LLM_STO_20", "storage.w.capacity_gib")
    assert found.fix == f"use {step} or {2 * step}, or leave efa=True out"
    assert found.expected == f"a multiple of {step} GiB"


def test_a_file_system_with_efa_has_at_least_one_step() -> None:
    (found,) = _found(efa=True)
    assert found.fix == "use 9600, or leave efa=True out"
    assert _found() == []


def test_steps_without_efa() -> None:
    assert _found(capacity_gib=1200) == []
    (found,) = _found(capacity_gib=3000)
    assert found.fix == "use 2400 or 4800"
