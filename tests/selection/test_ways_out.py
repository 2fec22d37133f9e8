"""What `fit` proposes where a configuration does not start: every proposal does, when it is called."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llminfra.cli.main import main
from llminfra.planning.memory import FitCase
from llminfra.planning.memory.judged import judge
from llminfra.planning.selection.ways_out import WayOut, ways_out

MODELS = ("Qwen/Qwen3-8B", "Qwen/Qwen3-32B", "google/gemma-3-27b-it", "meta-llama/Llama-3.3-70B-Instruct")


def proposals(**settings: object) -> tuple[WayOut, ...]:
    case = FitCase.model_validate({"engine_version": "0.27.1", **settings})
    return ways_out(case, judge(case))


def options(**settings: object) -> list[str]:
    return [way.options for way in proposals(**settings)]


def test_nothing_is_proposed_where_it_fits() -> None:
    assert proposals(model="Qwen/Qwen3-8B", gpu="H100-80GB", tensor_parallel=1) == ()


def test_nothing_is_proposed_where_no_gpu_is_named() -> None:
    assert proposals(model="Qwen/Qwen3-8B") == ()


def test_a_gpu_that_cannot_run_the_format_stays_one() -> None:
    assert proposals(model="openai/gpt-oss-120b", gpu="T4-16GB", tensor_parallel=1) == ()


def test_weights_that_are_too_large_need_more_gpus_or_fewer_bits() -> None:
    assert options(model="Qwen/Qwen3-Next-80B-A3B-Instruct", gpu="A100-80GB", tensor_parallel=2) == [
        "--tp 4",
        "--quantization fp8",
    ]


def test_a_context_that_is_too_long_may_be_shorter_or_have_a_smaller_cache() -> None:
    told = options(model="Qwen/Qwen3-8B", gpu="L4", tensor_parallel=1)
    assert "--kv-cache-dtype fp8" in told
    assert any(text.startswith("--max-model-len ") for text in told)


def test_a_checkpoint_that_is_quantized_is_not_quantized_again() -> None:
    told = options(model="Qwen/Qwen3-32B-AWQ", gpu="A10G-24GB", tensor_parallel=1, max_model_len=32768)
    assert told
    assert not any("--quantization" in text for text in told)


def test_an_instance_type_gives_no_more_gpus_than_it_has() -> None:
    model = "meta-llama/Llama-3.3-70B-Instruct"
    assert not any("--tp" in text for text in options(model=model, gpu="g6e.xlarge", tensor_parallel=1))
    told = options(model=model, gpu="g6e.12xlarge", tensor_parallel=1)
    assert told
    assert all(text.startswith("--tp 4 ") for text in told)


def test_a_shape_that_cannot_be_cut_is_cut_otherwise() -> None:
    told = options(model="meta-llama/Llama-3.3-70B-Instruct", gpu="H200-141GB", tensor_parallel=3)
    assert told == ["--tp 4"]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"gpu": "L40S", "max_model_len": 1_048_576}, "--max-model-len 40960"),
        ({"gpu": "L40S", "quantization": "awq"}, "--quantization fp8"),
        ({"gpu": "T4", "dtype": "bfloat16"}, "--tp 2 --dtype float16"),
    ],
)
def test_a_value_that_the_model_or_the_gpu_refuses_is_mended(asked: dict[str, object], told: str) -> None:
    assert told in options(model="Qwen/Qwen3-8B", tensor_parallel=1, **asked)


def test_a_model_larger_than_an_instance_goes_over_several() -> None:
    assert "--pp 2" in options(model="deepseek-ai/DeepSeek-V3", gpu="p5.48xlarge", tensor_parallel=8)


def test_no_longest_context_is_beyond_the_models() -> None:
    case = FitCase.model_validate({"model": "Qwen/Qwen3-8B", "gpu": "H100-80GB", "max_model_len": 4_194_304})
    assert judge(case).estimated_max_len == 40_960


def test_a_share_that_leaves_no_room_for_graphs_is_lowered() -> None:
    told = options(model="Qwen/Qwen3-8B", gpu="L4", tensor_parallel=1, max_model_len=8192, gpu_memory_utilization=0.99)
    shares = [float(text.split()[1]) for text in told if text.startswith("--gpu-memory-utilization")]
    assert shares
    assert shares[0] < 0.99


def test_an_engine_is_not_told_what_it_cannot_be_told() -> None:
    case = FitCase(model="Qwen/Qwen3-32B", gpu="L40S", tensor_parallel=1, engine="deepspeed")
    assert not {way.options.split()[0] for way in ways_out(case, judge(case))} & {
        "--max-num-seqs",
        "--kv-cache-dtype",
        "--gpu-memory-utilization",
        "--enforce-eager",
    }


@settings(max_examples=25)
@given(
    model=st.sampled_from(MODELS),
    gpu=st.sampled_from(("L4", "A10G-24GB", "L40S", "A100-40GB", "H100-80GB", "g6.12xlarge")),
    tensor_parallel=st.sampled_from((1, 2, 3, 4)),
    max_model_len=st.sampled_from((None, 4096, 32768)),
    gpu_memory_utilization=st.sampled_from((None, 0.5, 0.9, 0.99)),
    engine=st.sampled_from(("vllm", "sglang")),
)
def test_what_is_proposed_starts(
    model: str, gpu: str, tensor_parallel: int, max_model_len: int, gpu_memory_utilization: float, engine: str
) -> None:
    case = FitCase(
        model=model,
        gpu=gpu,
        tensor_parallel=tensor_parallel,
        max_model_len=max_model_len,
        gpu_memory_utilization=gpu_memory_utilization,
        engine=engine,
    )
    for way in ways_out(case, judge(case)):
        again = judge(case.model_copy(update=dict(way.changes)))
        assert again == way.result
        assert again.fits
        assert not (again.tight and judge(case).fits)
        assert len({name for name in way.changes if name != "gpus_total"}) == way.options.count("--")


@pytest.mark.parametrize("as_json", [False, True])
def test_the_command_tells_them(as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    call = ["fit", "Qwen/Qwen3-8B", "--gpu", "L4"]
    assert main([*call, "--json"] if as_json else call) == 1
    out = capsys.readouterr().out
    if as_json:
        ways = json.loads(out)["ways_out"]
        assert {"options", "changes", "kv_cache_tokens", "max_concurrency", "replica_concurrency", "tight"} == set(
            ways[0]
        )
        told = [way["options"] for way in ways]
    else:
        shown = out.partition("fits with one of\n")[2].partition("\n\n")[0]
        told = [line.split("  ")[1].strip() for line in shown.splitlines()]
    assert "--tp 2" in told
    for text in told:
        assert main([*call, *text.split()]) == 0, text


def test_where_nothing_helps_that_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "deepseek-ai/DeepSeek-R1", "--gpu", "L4", "--tp", "8"]) == 1
    assert "no change of one or two options helps" in capsys.readouterr().out


def test_a_server_of_ones_own_is_told_nothing() -> None:
    assert proposals(model="Qwen/Qwen3-32B", gpu="L40S", tensor_parallel=1, engine="custom") == ()
