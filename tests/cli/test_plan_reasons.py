"""Every number of the printed plan can be traced: by the line it stands in, or by ``--why``."""

from __future__ import annotations

import re

import pytest

from llminfra.cli.main import main
from llminfra.cli.plan_page.reasons import cost_reasons, network_reasons, pool_reasons
from llminfra.cli.plan_page.why import memory_sum, reasons
from llminfra.cli.terminal.words import vpc_endpoints
from llminfra.planning.memory import FitCase, fit_case
from tests.rules.platforms import ROOT, prod_plan

PROD = str(ROOT / "stacks" / "prod.py")


def page(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    assert main(["plan", PROD, *options]) == 0
    return " ".join(capsys.readouterr().out.split())


def test_latency_names_its_load_and_the_price_its_callers(capsys: pytest.CaptureFixture[str]) -> None:
    text = page(capsys)
    assert "≈ first token 101 ms, then 17.5 ms each, with 1 caller, 1,024 tokens in, 256 out" in text
    assert re.search(r"when full [\d,]+ output tokens/s with 210 callers · \$[\d.]+ per million output tokens", text)


def test_the_price_of_tokens_is_a_quotient() -> None:
    item = prod_plan().endpoints[0]
    (line,) = [line for about, line in reasons(item, "") if about == "price"]
    found = re.fullmatch(r"\$([\d.]+) an hour / \(([\d,]+) × 3,600 output tokens\) = \$([\d.]+) per million .*", line)
    assert found is not None, line
    usd, rate, price = (float(text.replace(",", "")) for text in found.groups())
    assert usd / rate / 3600 * 1e6 == pytest.approx(price, abs=0.005)
    assert item.usd_per_million_tokens == pytest.approx(price, abs=0.005)


def test_callers_at_once_follow_from_the_cache() -> None:
    item = prod_plan().endpoints[0]
    text = "\n".join(line for _, line in reasons(item, ""))
    assert "210 callers run at once: the cache of 242,592 tokens holds requests of 1,152 tokens" in text
    assert 242_592 // 1_152 == 210


def test_the_prefill_adds_up_to_its_time() -> None:
    item = prod_plan().endpoints[0]
    line = next(line for _, line in reasons(item, "") if line.startswith("prefill of 1,024 tokens"))
    total, arithmetic, attention, wires, overhead = (
        float(re.search(rf"{word} (\d+)", line)[1])  # type: ignore[index]  # there, or the test fails
        for word in ("1,024 tokens", "arithmetic", "attention", "wires", "overhead")
    )
    assert arithmetic + attention + wires + overhead == pytest.approx(total, abs=2)


def test_interface_and_gateway_endpoints_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    """Eighteen beside seventeen in costs and quotas: one is a gateway, which has no interface and no price."""
    plan = prod_plan()
    network = plan.network
    told = vpc_endpoints(len(network.interface_endpoints), len(network.gateway_endpoints))
    assert told == "17 interface and 1 gateway VPC endpoints"
    text = page(capsys, "--why")
    assert "17 interface and 1 gateway VPC endpoints" in text
    assert "gateway endpoints, routes that cost nothing: s3" in text
    assert "m7i.xlarge × 2…4: Cluster(system_nodes=" in "\n".join(network_reasons(plan))


def test_the_size_at_rest_stands_beside_the_range(capsys: pytest.CaptureFixture[str]) -> None:
    plan = prod_plan()
    text = page(capsys)
    assert "p5.48xlarge × 0…2, 2 at rest" in text
    assert "× 0…8, 1 at rest" in text
    block, elastic = ("\n".join(pool_reasons(pool, plan)) for pool in plan.pools)
    assert "2 nodes at rest: all of the capacity block" in block
    assert "1 node at rest: for the fewest replicas (assistant 1 × 2 GPUs) on nodes of 4" in elastic
    assert "100 GiB root: the system alone" in block


def test_costs_are_products() -> None:
    plan = prod_plan()
    lines = list(cost_reasons(plan))
    told = {path for path, _ in lines}
    single = {"cluster", *(line.spec_path for line in plan.costs if line.what.startswith(("KMS", "S3")))}
    assert told >= {line.spec_path for line in plan.costs} - single, (
        "a control plane and a key are one thing at a price"
    )
    assert sum(path == "network" for path, _ in lines) == 1, "the key of the network is none of its interfaces"
    (parts,) = [text for path, text in lines if path == "volumes" and "+" in text]
    sums = [0, 0]
    for least, most, gib in re.findall(r"(\d+)(?:…(\d+))? [a-z ]+[\w ]*× (\d+) GiB", parts):
        sums[0] += int(least) * int(gib)
        sums[1] += int(most or least) * int(gib)
    assert sums == [600, 1500]
    assert any(text.startswith("at most 1,500 GiB × $0.08 a month") for _, text in lines)


def test_speeds_of_places_that_were_not_taken_are_told() -> None:
    text = "\n".join(line for about, line in reasons(prod_plan().endpoints[0], "") if about == "instead")
    assert "streaming from S3 46 s: 141 GB at 3,070 MB/s" in text
    assert "snapshot, filled at 300 MiB/s 65 s: 19 GiB at the 300 MiB/s" in text
    assert "kept in a bucket 24 s: 80 layers at 0.22 s, and 6 s of warm-up" in text


def test_the_probe_is_explained() -> None:
    text = "\n".join(line for about, line in reasons(prod_plan().endpoints[1], "") if about == "start")
    assert "budget 600 s: 2 times the 138 s from the start of the container, and 205 s for the longest warm-up" in text
    assert "that was measured, in whole minutes (540 s), and at least 600 s" in text


@pytest.mark.parametrize("version", ["0.11.0", "0.19.0", "0.27.1", "0.33.0"])
@pytest.mark.parametrize("gpu", ["H100", "H200"])
def test_the_cache_of_pipeline_stages_is_a_sum_of_the_stage_that_counts(version: str, gpu: str) -> None:
    """The stage with the fewest pages need not be the one with the most weights, which the estimate states."""
    asked = FitCase(
        model="deepseek-ai/DeepSeek-R1-0528",
        gpu=gpu,
        engine_version=version,
        tensor_parallel=8,
        pipeline_parallel=2,
        max_model_len=8192,
    )
    text = memory_sum(fit_case(asked))
    found = re.fullmatch(r".* = ([\d.]+) GiB, less (.*) = cache ([\d.]+)(, .*)", text)
    assert found is not None, text
    parts = [float(size) for size in re.findall(r"[a-z]+ ([\d.]+)", found[2])]
    assert float(found[1]) == pytest.approx(sum(parts) + float(found[3]), abs=0.3)
