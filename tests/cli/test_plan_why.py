"""Figures of the plan page that are explained: the cache as a sum, prices as shares, every line with ``--why``."""

import pytest

from llminfra.cli.main import main
from llminfra.cli.plan_page.why import memory_sum, price_share, reasons
from llminfra.planning.memory import FitCase, fit_case
from tests.rules.platforms import ROOT, prod_plan

LLAMA = {"model": "meta-llama/Llama-3.1-8B-Instruct", "gpu": "L40S", "max_model_len": 8192}


def test_the_cache_is_what_the_others_leave():
    inside = memory_sum(fit_case(FitCase(**LLAMA, engine_version="0.33.0")))
    assert inside.startswith("44.4 \u00d7 0.92 = 40.8 GiB, less weights 15.0")
    assert "graphs 0.5 = cache" in inside
    assert inside.endswith("131,072 bytes a token")
    beside = memory_sum(fit_case(FitCase(**LLAMA, engine_version="0.11.0")))
    assert beside.endswith("; graphs 0.7 beside")
    second_runner = memory_sum(fit_case(FitCase(**LLAMA, engine_version="0.27.1")))
    assert second_runner.endswith("; graphs 0.5 beside")


@pytest.mark.parametrize("version", ["0.7.3", "0.11.0", "0.19.0", "0.20.0", "0.33.0"])
def test_the_sum_is_right(version):
    fit = fit_case(FitCase(**LLAMA, engine_version=version))
    graphs = (fit.cuda_graph_gib or 0) if "beside" not in memory_sum(fit) else 0
    taken = (fit.weights_gib_per_gpu or 0) + (fit.activation_peak_gib or 0) + (fit.non_torch_gib or 0) + graphs
    assert fit.budget_gib == pytest.approx(taken + (fit.kv_cache_memory_gib or 0), abs=0.01)


def test_other_engines_are_explained_in_their_own_terms():
    fit = fit_case(FitCase(**LLAMA, engine="sglang", engine_version="0.5.5"))
    text = memory_sum(fit)
    assert text.startswith("44.4 \u00d7 0.")
    assert f"less weights {fit.weights_gib_per_gpu:.1f}, libraries {fit.non_torch_gib:.1f} = cache" in text
    assert f"; activations {fit.activation_peak_gib:.1f}, graphs {fit.cuda_graph_gib:.1f} beside" in text
    assert memory_sum(fit_case(FitCase(model=LLAMA["model"]))) == ""


def test_a_replica_costs_its_share_of_the_node():
    plan = prod_plan()
    text = price_share(plan.endpoints[0].parallelism.gpus, plan.pool("h100"))
    assert text == "2 of 8 GPUs of $55.04 an hour for p5.48xlarge"
    assert {about for about, _ in reasons(plan.endpoints[0], text)} == {
        "price",
        "memory",
        "speed",
        "start",
        "instead",
    }


def test_the_page_tells_more_when_asked(capsys: pytest.CaptureFixture[str]):
    path = str(ROOT / "stacks" / "prod.py")
    assert main(["plan", path]) == 0
    short = capsys.readouterr().out
    assert main(["plan", path, "--why"]) == 0
    full = capsys.readouterr().out
    assert "memory: activation peak" in full
    assert "memory: activation peak" not in short
    for words in (
        "stack cluster",
        "endpoint chat, its share of h100",
        "budget $200,000 a month",
        "is the cheapest of 2",
    ):
        assert words in short
