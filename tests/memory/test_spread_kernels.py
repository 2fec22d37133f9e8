"""Quantized weights that no kernel takes in the parts that a spread makes of them."""

from __future__ import annotations

import pytest

from llminfra.catalog.models import load_model
from llminfra.planning.memory import FitCase, divisibility_findings
from llminfra.planning.memory.judged import judge
from llminfra.planning.selection.ways_out import ways_out

BNB = "unsloth/Llama-3.3-70B-Instruct-bnb-4bit"


def spread_codes(model: str, tp: int, pp: int = 1, **settings: object) -> list[str]:
    facts = load_model(model)
    assert facts is not None
    found = divisibility_findings(facts, tp, pp, **settings)  # type: ignore[arg-type]  # fields by name
    return [item.code for item in found if item.fatal]


def test_what_bitsandbytes_stored_is_not_cut() -> None:
    assert spread_codes(BNB, 2, version="0.19.1") == ["LLM_FIT_60"]
    assert spread_codes(BNB, 1, 2, version="0.19.1") == []
    assert spread_codes(BNB, 2, engine="sglang") == []
    case = FitCase(model=BNB, gpu="L40S", tensor_parallel=2, max_model_len=8192, engine_version="0.19.1")
    result = judge(case)
    assert result.fits is False
    assert (result.engine_error or "").startswith("ValueError: Prequant BitsAndBytes models with tensor parallelism")
    assert [way.options for way in ways_out(case, result)] == ["--tp 1 --pp 2"]


def test_what_bitsandbytes_makes_while_loading_is_cut() -> None:
    case = FitCase(
        model="meta-llama/Llama-3.3-70B-Instruct",
        quantization="bitsandbytes",
        gpu="L40S",
        tensor_parallel=2,
        max_model_len=8192,
        engine_version="0.19.1",
    )
    assert judge(case).fits is True


@pytest.mark.parametrize(
    ("tp", "version", "capability", "works"),
    [
        # 768 / 4 = 192 is a multiple of 64 and of the group of 32: Marlin; 768 / 8 = 96 is not: Triton.
        (4, "0.13.0", 75, False),
        (8, "0.13.0", 75, True),
        (4, "0.14.0", 75, True),
        (4, "0.13.0", 80, True),
        (4, "0.13.0", None, True),
        (4, "0.19.1", 70, False),
    ],
)
def test_int4_experts_of_widths_that_marlin_takes(tp: int, version: str, capability: int | None, works: bool) -> None:
    model = "cpatonn/Qwen3-30B-A3B-Instruct-2507-AWQ-4bit"
    assert ("LLM_FIT_60" not in spread_codes(model, tp, version=version, capability=capability)) is works
