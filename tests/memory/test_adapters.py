"""Places for LoRA adapters: bytes by hand, as measured, by release; what is refused."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llminfra.catalog.models import known_models, load_model
from llminfra.planning.memory import FitCase, FitResult, estimate, fit_case, fit_line

MIB, GIB = 2**20, 2**30
QWEN, LLAMA, MIXTRAL = "Qwen/Qwen3-4B", "meta-llama/Llama-3.1-8B-Instruct", "mistralai/Mixtral-8x7B-Instruct-v0.1"
MODELS = st.sampled_from(known_models())
RELEASES = st.sampled_from(["0.6.6", "0.8.5", "0.10.2", "0.11.0", "0.13.0", "0.17.1", "0.22.0", "0.27.1", "0.33.0"])
FEW = {"max_num_batched_tokens": 2048, "max_num_seqs": 256}
ROUNDED = 1e-4 * GIB
INDICES = 2048 * 56 + 256 * 24
"""Bytes that say which token belongs to which adapter."""


def fit(model: str, **fields: object) -> FitResult:
    case = {"gpu": "H100-80GB", "max_model_len": 8192, "engine_version": "0.27.1", **FEW, **fields}
    return fit_case(FitCase(model=model, **case))


def taken(model: str, **fields: object) -> float:
    found = fit(model, enable_lora=True, **fields).adapters_gib
    assert found is not None
    return found * GIB


def test_a_tied_model_by_hand() -> None:
    # Inputs and outputs of queries, keys, values; outputs; gate and values; down, of 36 layers.
    layer = (3 * 2560 + 4096 + 2 * 1024) + (4096 + 2560) + (2 * 2560 + 2 * 9728) + (9728 + 2560)
    # The embedding, the same module once more as the head, and the logits.
    ends = 3 * (151_936 + 2560)
    assert taken(QWEN, max_loras=1) == pytest.approx(16 * 2 * (36 * layer + ends) + INDICES, abs=ROUNDED)


def test_a_model_with_a_head_of_its_own_by_hand_over_two_ranks() -> None:
    # Column-parallel matrices cut the outputs, row-parallel ones the inputs; the other matrix of a pair is whole.
    layer = (3 * 4096 + 2048 + 2 * 512) + (2048 + 4096) + (2 * 4096 + 2 * 7168) + (7168 + 4096)
    ends = 2 * (128_256 + 4096)
    found = taken(LLAMA, max_loras=2, max_lora_rank=8, tensor_parallel=2)
    assert found == pytest.approx(2 * 8 * 2 * (32 * layer + ends) + 128_256 * 8 + INDICES, abs=ROUNDED)


def test_experts_by_hand() -> None:
    attention = (3 * 4096 + 4096 + 2 * 1024) + (4096 + 4096) + (4096 + 8)
    # Gate and values have a first matrix each; the router is adapted, too.
    experts = 8 * (2 * (4096 + 14_336) + (14_336 + 4096))
    ends = 2 * (32_000 + 4096)
    found = taken(MIXTRAL, max_lora_rank=8, tensor_parallel=1)
    assert found == pytest.approx(8 * 2 * (32 * (attention + experts) + ends) + INDICES, rel=2e-3)


def test_both_matrices_are_cut_where_that_is_asked() -> None:
    layer = (3 * 2048 + 2048 + 2 * 512) + (2048 + 2048) + (2 * 2048 + 2 * 7168) + (7168 + 2048)
    ends = 2 * (128_256 + 4096)
    found = taken(LLAMA, tensor_parallel=2, fully_sharded_loras=True)
    assert found == pytest.approx(16 * 2 * (32 * layer + ends) + 128_256 * 8 + INDICES, abs=ROUNDED)


@pytest.mark.parametrize(("slots", "measured"), [(1, 7.63), (16, 8.78), (64, 12.49)])
def test_what_loading_takes_is_as_measured(slots: int, measured: float) -> None:
    # github-text:70469032009, vLLM 0.27.1 on an RTX 4090: rows f-ft70469032009-* of the benchmark.
    found = fit(QWEN, gpu="RTX-4090-24GB", max_loras=slots, max_lora_rank=16)
    assert (found.weights_gib_per_gpu or 0) + (found.adapters_gib or 0) == pytest.approx(measured, abs=0.015)


def test_a_first_start_copies_the_places_of_the_embedding() -> None:
    # 0.80 and 1.09 GiB were measured with 1 and 64 places: the difference is 63 tables of 16 values a token.
    one, many = (fit(QWEN, gpu="RTX-4090-24GB", max_loras=slots).activation_peak_gib for slots in (1, 64))
    assert one is not None
    assert many is not None
    assert many - one == pytest.approx(63 * 151_936 * 16 * 2 / GIB, rel=0.01)
    again = fit(QWEN, gpu="RTX-4090-24GB", max_loras=64, compiled=True).activation_peak_gib
    assert again == fit(QWEN, gpu="RTX-4090-24GB", compiled=True).activation_peak_gib


def test_graphs_are_captured_with_adapters_and_without() -> None:
    plain, both, each = (
        fit(QWEN, gpu="L4", **fields).cuda_graph_gib
        for fields in ({}, {"max_loras": 64}, {"max_loras": 64, "specialize_active_lora": True})
    )
    assert plain is not None
    assert both == pytest.approx(2 * plain, rel=1e-3)
    # None, 1, 2, 4, 8, 16, 32, 64, and 65 that stands for a batch with and without.
    assert each == pytest.approx(9 * plain, rel=1e-3)
    assert fit(LLAMA, gpu="L4", engine_version="0.11.0").cuda_graph_gib == pytest.approx(
        fit(LLAMA, gpu="L4", engine_version="0.11.0", max_loras=2).cuda_graph_gib
    )


def test_the_release_decides_what_has_places() -> None:
    # Qwen3's embedding since 0.16, experts since 0.11.1; until then adapters may bring 256 words of their own.
    old, new = (taken(QWEN, engine_version=release) for release in ("0.15.1", "0.16.0"))
    assert new - old == pytest.approx(3 * (151_936 + 2560) * 16 * 2, rel=1e-3)
    old, new = (taken(MIXTRAL, engine_version=release) for release in ("0.11.0", "0.13.0"))
    assert new > 10 * old
    old, new = (taken(LLAMA, engine_version=release) for release in ("0.11.0", "0.13.0"))
    # Words in the embedding's places, in those of the logits, in the embedding itself, and the head padded to 256.
    words = 3 * 256 * 4096 + 2 * 256 * 16 + 256 * 4096
    assert old - new == pytest.approx(2 * words, rel=1e-2)


def test_modules_that_are_named_have_places_alone() -> None:
    found = taken(LLAMA, lora_target_modules="q_proj,v_proj")
    # Queries, keys and values are one product, which has places as a whole.
    assert found == pytest.approx(16 * 2 * 32 * (3 * 4096 + 4096 + 2 * 1024) + INDICES, abs=ROUNDED)
    whole = taken(LLAMA, lora_target_modules=["q_proj"], engine_version="0.18.1")
    assert whole == taken(LLAMA, max_loras=1, engine_version="0.18.1"), "the option came with 0.19"


def test_sglang_has_eight_places_and_leaves_the_ends_out() -> None:
    layer = (3 * 4096 + 4096 + 2 * 1024) + (4096 + 4096) + (2 * 4096 + 2 * 14_336) + (14_336 + 4096)
    common = {"engine": "sglang", "engine_version": "0.5.23", "max_lora_rank": 16}
    assert taken(LLAMA, **common) == pytest.approx(8 * 16 * 2 * 32 * layer, rel=0.01)
    assert taken(LLAMA, lora_target_modules=["all"], **common) > taken(LLAMA, **common) * 1.05
    assumed = fit(LLAMA, engine="sglang", engine_version="0.5.23", enable_lora=True)
    assert "max_lora_rank 16: assumed, the adapters decide" in assumed.explain


def test_places_lie_on_every_stage() -> None:
    whole = taken(LLAMA)
    assert whole / 2 < taken(LLAMA, pipeline_parallel=2) < whole


@settings(max_examples=60, deadline=None)
@given(model=MODELS, release=RELEASES, slots=st.integers(1, 40), rank=st.sampled_from([8, 16, 32, 64, 128]))
def test_more_or_larger_places_never_leave_more_cache(model: str, release: str, slots: int, rank: int) -> None:
    def with_places(slots: int, rank: int) -> FitResult:
        case = FitCase(
            model=model,
            gpu="H100-80GB",
            max_model_len=4096,
            engine_version=release,
            max_loras=slots,
            max_lora_rank=rank,
        )
        facts = load_model(model)
        assert facts is not None
        return estimate(facts, case)

    now, more, larger = with_places(slots, rank), with_places(slots + 1, rank), with_places(slots, 2 * rank)
    for other in (more, larger):
        assert (other.adapters_gib or 0) >= (now.adapters_gib or 0)
        assert (other.kv_cache_memory_gib or 0) <= (now.kv_cache_memory_gib or 0)
        assert (other.kv_cache_tokens or 0) <= (now.kv_cache_tokens or 0)


@settings(max_examples=40, deadline=None)
@given(model=MODELS, release=RELEASES)
def test_a_case_without_adapters_is_what_it_was(model: str, release: str) -> None:
    common = {"model": model, "gpu": "H100-80GB", "max_model_len": 4096, "engine_version": release}
    plain, off = (fit_line(json.dumps({**common, **fields})) for fields in ({}, {"enable_lora": False, "max_loras": 8}))
    assert plain == off
    assert plain.adapters_gib is None


def test_a_rank_without_kernels_is_refused_in_the_engine_s_words() -> None:
    found = fit(LLAMA, max_lora_rank=20)
    assert found.fits is False
    assert found.reason.startswith("LLM_FIT_35")
    assert "use 32" in found.reason
    assert found.engine_error == "max_lora_rank (20) must be one of (1, 8, 16, 32, 64, 128, 256, 320, 512)."
    assert fit(LLAMA, max_lora_rank=1).fits
    assert fit(LLAMA, max_lora_rank=1, engine_version="0.11.0").fits is False


def test_an_architecture_without_adapters_is_refused() -> None:
    found = fit("Qwen/Qwen3-30B-A3B", max_loras=1, engine_version="0.9.2", gpu="B200-192GB")
    assert found.fits is False
    assert found.engine_error == "ValueError: Qwen3MoeForCausalLM does not support LoRA yet."
    assert fit("Qwen/Qwen3-30B-A3B", max_loras=1, engine_version="0.10.2", gpu="B200-192GB").fits
    assert fit("tiiuae/falcon-7b-instruct", max_loras=1, max_model_len=2048).reason.startswith("LLM_FIT_35")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"max_loras": 0}, "max_loras 0: expected at least 1"),
        ({"max_loras": "many"}, "max_loras"),
        ({"max_lora_rank": -1}, "max_lora_rank"),
        ({"lora_target_modules": ["q_proj", "attn.qq"]}, "has no attn.qq; it has"),
        ({"lora_modules": ["q_proj"]}, "write adapters as name=path"),
        ({"lora_modules": "{not json"}, "write adapters as name=path"),
        ({"max_lora": 4}, "unknown key `max_lora`: did you mean `max_loras`?"),
        ({"lora_rank": 4}, "unknown key `lora_rank`: did you mean `max_lora_rank`?"),
        ({"max_loras": 4, "max_loras_per_batch": 8}, "one of them is meant"),
        ({"max_loras": 4, "engine": "tgi"}, "counted for vllm and sglang alone, and this is tgi"),
    ],
)
def test_bad_input_is_named(fields: dict[str, object], words: str) -> None:
    found = fit_line(json.dumps({"model": LLAMA, "gpu": "H100-80GB", **fields}))
    assert found.error is not None
    assert words in found.error


@pytest.mark.parametrize(
    "fields",
    [
        {"max_loras_per_batch": 1},
        {"enable_lora": True},
        {"lora_modules": "sql=/adapters/sql"},
        {"lora_modules": ["sql=/adapters/sql", "law=/adapters/law"]},
        {"lora_modules": '{"name": "sql", "path": "/adapters/sql"}'},
        {"lora_modules": [{"name": "sql", "path": "/adapters/sql"}]},
    ],
)
def test_whatever_turns_adapters_on_has_the_engine_s_own_places(fields: dict[str, object]) -> None:
    common = {"model": LLAMA, "gpu": "H100-80GB", "engine_version": "0.27.1", "max_model_len": 8192, **FEW}
    found = fit_line(json.dumps({**common, **fields}))
    assert found.error is None
    assert found.adapters_gib == fit(LLAMA, max_loras=1, max_lora_rank=16).adapters_gib
    assert any(line.startswith("adapters ") and "1 place of rank 16" in line for line in found.explain)
