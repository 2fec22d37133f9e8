"""What guesses tokens beside the model: weights, cache and buffers by hand and as measured; what is refused."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llminfra.catalog.models import ModelConfigError, load_model
from llminfra.catalog.models.drafts import draft_from_hf_config, known_drafts, load_draft, suggest_drafts
from llminfra.planning.memory import FitCase, FitResult, estimate, fit_case, fit_line

GIB = 2**30
ROUNDED = 1e-4 * GIB
LLAMA, QWEN, DEEPSEEK = "meta-llama/Llama-3.1-8B-Instruct", "Qwen/Qwen3-4B", "deepseek-ai/DeepSeek-R1"
EAGLE, EAGLE3 = "yuhuili/EAGLE-LLaMA3-Instruct-8B", "yuhuili/EAGLE3-LLaMA3.1-Instruct-8B"
DFLASH = "z-lab/Qwen3-4B-DFlash-b16"
MEDUSA = {"architectures": ["MedusaModel"], "hidden_size": 4096, "vocab_size": 128_256, "medusa_num_heads": 3}
NESTED = {
    "speculators_model_type": "eagle3",
    "draft_vocab_size": 32_000,
    "transformer_layer_config": {
        "model_type": "llama",
        "hidden_size": 4096,
        "intermediate_size": 14_336,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "num_hidden_layers": 1,
        "vocab_size": 128_256,
        "max_position_embeddings": 2048,
    },
}
LAYER = 4096 * (4096 + 2 * 1024) + 4096 * 4096 + 3 * 4096 * 14_336
"""Matrices of one layer of Llama 3 8B."""


def fit(model: str, **fields: object) -> FitResult:
    case = {"gpu": "H100-80GB", "max_model_len": 8192, "engine_version": "0.24.0", **fields}
    return fit_case(FitCase(model=model, **case))


def taken(model: str, **fields: object) -> float:
    found = fit(model, **fields)
    assert found.error is None
    assert found.draft_gib is not None
    return found.draft_gib * GIB


def test_eagle_by_hand() -> None:
    # One layer, and the product of the embedding and the last state; embedding and head are the target's.
    joined = 2 * 4096 * 4096
    norms_and_table = 3 * 4096 + 4096 * 128
    assert taken(LLAMA, draft_model=EAGLE) == pytest.approx(2 * (LAYER + joined + norms_and_table), abs=ROUNDED)


def test_eagle3_by_hand() -> None:
    # Queries, keys and values see the embedding, too; three states are joined; the head has 32,000 words of its own.
    wider, joined, head = 4096 * (4096 + 2 * 1024), 3 * 4096 * 4096, 32_000 * 4096
    norms_and_table = 3 * 4096 + 2048 * 128
    values = LAYER + wider + joined + head + norms_and_table
    assert taken(LLAMA, draft_model=EAGLE3) == pytest.approx(2 * values + 8 * 32_000, abs=ROUNDED)
    assert taken(LLAMA, draft_config=NESTED) == pytest.approx(2 * values + 8 * 32_000, abs=ROUNDED)


def test_a_head_of_the_first_engine_has_its_own_embedding_and_words() -> None:
    old, new = (taken(LLAMA, draft_model=EAGLE, engine_version=release) for release in ("0.7.3", "0.10.2"))
    assert old - new == pytest.approx(2 * 2 * 128_256 * 4096, rel=0.01)


def test_dflash_by_hand() -> None:
    keys_values = 2 * 8 * 128 * 2560
    layer = 2560 * 4096 + keys_values + 4096 * 2560 + 3 * 2560 * 9728
    # Keys and values of all layers lie there once more, as one product.
    values = 5 * (layer + keys_values) + 5 * 2560 * 2560
    # Tensors of 20 MiB and more keep their whole segments, which is the rest.
    small = 5 * (2 * 2560 + 2 * 128) + 2560 + 40_960 * 128
    assert taken(QWEN, draft_model=DFLASH) == pytest.approx(2 * (values + small), rel=0.01)


def test_a_draft_with_words_of_its_own_has_a_head_for_them() -> None:
    states = 5 * 4096 * 4096
    keys_values = 2 * 8 * 128 * 4096
    layer = 4096 * 4096 + keys_values + 4096 * 4096 + 3 * 4096 * 12_288
    small = 5 * (2 * 4096 + 2 * 128) + 4096 + 40_960 * 128
    values = 5 * (layer + keys_values) + states + 32_000 * 4096 + small
    found = taken("Qwen/Qwen3-8B", draft_model="RedHatAI/Qwen3-8B-speculator.dflash")
    assert found == pytest.approx(2 * values + 8 * 32_000, rel=0.01)
    draft = load_draft("RedHatAI/Qwen3-8B-speculator.dflash")
    assert draft is not None
    assert (draft.tokens, draft.states, draft.vocabulary) == (7, 5, 32_000)
    stated = {**NESTED, "speculators_config": {"proposal_methods": [{"speculative_tokens": 3}]}}
    assert draft_from_hf_config(stated, model_id="acme/x").tokens == 3


def test_medusa_by_hand() -> None:
    heads = 3 * (4096 * 4096 + 4096) + 3 * 128_256 * 4096
    assert taken(LLAMA, draft_config=MEDUSA) == pytest.approx(2 * heads, abs=ROUNDED)
    shared = 3 * (4096 * 4096 + 4096) + 128_256 * 4096
    config = {**MEDUSA, "original_lm_head": True}
    assert taken(LLAMA, draft_config=config) == pytest.approx(2 * shared, abs=ROUNDED)


@pytest.mark.parametrize(
    ("model", "draft", "loaded", "tokens"),
    [
        ("meta-llama/Meta-Llama-3-8B-Instruct", EAGLE, 15.43, 371_536),
        (LLAMA, EAGLE3, 15.80, 399_360),
    ],
)
def test_drafts_are_as_measured(model: str, draft: str, loaded: float, tokens: int) -> None:
    # Logs of manojarulmurugan/SpecDecoding-Study-vLLM-SGLang, vLLM 0.24.0 on an A100 of 80 GB.
    first = draft == EAGLE
    found = fit(
        model,
        gpu="A100-80GB",
        dtype="float16",
        gpu_memory_utilization=0.8 if first else 0.85,
        max_model_len=4096 if first else 8192,
        enable_prefix_caching=False,
        draft_model=draft,
        speculative_tokens=5,
    )
    assert (found.weights_gib_per_gpu or 0) + (found.draft_gib or 0) == pytest.approx(loaded, abs=0.025)
    assert found.kv_cache_tokens == pytest.approx(tokens, rel=0.01)
    assert found.kv_bytes_per_token_per_gpu == 33 * 2 * 8 * 128 * 2


def test_a_small_model_is_loaded_whole_and_has_a_cache() -> None:
    plain, found = fit("Qwen/Qwen3-8B"), fit("Qwen/Qwen3-8B", draft_model="Qwen/Qwen3-0.6B", speculative_tokens=4)
    alone = fit("Qwen/Qwen3-0.6B")
    assert found.draft_gib == alone.weights_gib_per_gpu
    bytes_of = [item.kv_bytes_per_token_per_gpu or 0 for item in (plain, alone, found)]
    assert bytes_of[2] == bytes_of[0] + bytes_of[1]
    two = fit("Qwen/Qwen3-8B", draft_model="Qwen/Qwen3-0.6B", tensor_parallel=2)
    assert (two.draft_gib or 0) < 0.6 * (found.draft_gib or 0)
    whole = fit("Qwen/Qwen3-8B", draft_model="Qwen/Qwen3-0.6B", tensor_parallel=2, draft_tensor_parallel=1)
    assert whole.draft_gib == found.draft_gib


def test_layers_of_the_model_s_own_are_among_its_weights() -> None:
    common = {"gpu": "H200-141GB", "tensor_parallel": 8, "max_model_len": 8192}
    plain = fit(DEEPSEEK, **common)
    said = fit(DEEPSEEK, speculative_method="deepseek_mtp", **common)
    counted = fit(DEEPSEEK, speculative_tokens=1, **common)
    assert (said.weights_gib_per_gpu or 0) > (plain.weights_gib_per_gpu or 0)
    assert said.weights_gib_per_gpu == counted.weights_gib_per_gpu
    assert said.draft_gib is None
    ngram = fit(DEEPSEEK, speculative_method="ngram", speculative_tokens=4, **common)
    assert ngram.weights_gib_per_gpu == plain.weights_gib_per_gpu
    assert ngram.kv_bytes_per_token_per_gpu == plain.kv_bytes_per_token_per_gpu


def test_a_draft_is_told_and_what_is_not_named_is_told_too() -> None:
    found = fit(LLAMA, draft_model=EAGLE3, speculative_tokens=3)
    assert any(line.startswith(f"draft {EAGLE3} by eagle3 0.79 GiB over 1 rank: ") for line in found.explain)
    unnamed = fit(LLAMA, speculative_tokens=3)
    assert "draft: 3 tokens are guessed by what is not named, and not counted" in unnamed.explain
    assert unnamed.kv_cache_tokens == fit(LLAMA).kv_cache_tokens
    large = fit(LLAMA, gpu="L4", draft_model="meta-llama/Llama-3.1-8B-Instruct")
    assert large.fits is False
    assert "the draft takes 1" in large.reason


def test_sglang_loads_a_draft_as_a_model_of_its_own() -> None:
    common = {"engine": "sglang", "engine_version": "0.5.23", "gpu": "H100-80GB"}
    plain, found = fit(LLAMA, **common), fit(LLAMA, draft_model=EAGLE3, speculative_tokens=3, **common)
    assert found.draft_gib == pytest.approx(fit(LLAMA, draft_model=EAGLE3).draft_gib, abs=0.001)
    assert (found.kv_cache_tokens or 0) < (plain.kv_cache_tokens or 0)


@settings(max_examples=40, deadline=None)
@given(
    version=st.sampled_from(["0.8.5", "0.10.2", "0.13.0", "0.20.0", "0.24.0", "0.29.0", "0.33.0"]),
    draft=st.sampled_from([EAGLE, EAGLE3, "Qwen/Qwen3-0.6B", "Qwen/Qwen2.5-0.5B-Instruct"]),
    tokens=st.integers(1, 8),
)
def test_a_draft_never_adds_tokens(version: str, draft: str, tokens: int) -> None:
    facts = load_model(LLAMA)
    assert facts is not None
    case = FitCase(model=LLAMA, gpu="H100-80GB", max_model_len=8192, engine_version=version)
    plain = estimate(facts, case)
    guessing = estimate(facts, case.model_copy(update={"draft_model": draft, "speculative_tokens": tokens}))
    assert (guessing.kv_cache_tokens or 0) < (plain.kv_cache_tokens or 0)
    more = estimate(facts, case.model_copy(update={"draft_model": draft, "speculative_tokens": tokens + 1}))
    assert (more.kv_cache_tokens or 0) <= (guessing.kv_cache_tokens or 0)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"draft_model": "yuhuili/EAGLE3-LLaMA3.1"}, f"name a draft or a model of the catalog (close: {EAGLE3}"),
        ({"draft_model": "yuhuili/EAGLE3-LLaMA3.3-Instruct-70B"}, "it is the draft of another model"),
        ({"draft_model": EAGLE3, "speculative_method": "eagle"}, "is a draft by eagle3"),
        ({"draft_model": EAGLE3, "speculative_method": "ngram"}, "takes no draft"),
        ({"speculative_method": "mtp"}, "has no layers that guess tokens"),
        ({"speculative_method": "eagle3"}, "needs a draft"),
        ({"speculative_method": "telepathy"}, "speculative_method \"telepathy\": expected 'mtp'"),
        ({"speculative_tokens": -1}, "speculative_tokens"),
        ({"draft_config": {"hidden_size": 0, "architectures": ["LlamaForCausalLMEagle3"]}}, "draft config.json"),
        ({"draft_config": {"architectures": ["MedusaModel"]}}, "states no `hidden_size`"),
        ({"draft_config": []}, "draft_config []: expected an object"),
        ({"drafter": EAGLE3}, "unknown key `drafter`: did you mean `draft_model`?"),
        ({"draft_model": EAGLE3, "engine": "tgi"}, "drafts are counted for vllm and sglang alone"),
    ],
)  # fmt: skip
def test_bad_input_is_named(fields: dict[str, object], words: str) -> None:
    found = fit_line(json.dumps({"model": LLAMA, "gpu": "H100-80GB", **fields}))
    assert found.error is not None
    assert words in found.error


@pytest.mark.parametrize(
    "fields",
    [
        {"speculative_model": EAGLE3, "num_speculative_tokens": 5},
        {"speculative_draft_model_path": EAGLE3, "speculative_tokens": 5},
        {"draft_model": EAGLE3.lower(), "speculative_tokens": 5, "speculative_method": "EAGLE3"},
    ],
)
def test_flags_of_engines_are_inputs(fields: dict[str, object]) -> None:
    common = {"model": LLAMA, "gpu": "H100-80GB", "max_model_len": 8192, "engine_version": "0.24.0"}
    found = fit_line(json.dumps({**common, **fields}))
    assert found.kv_cache_tokens == fit(LLAMA, draft_model=EAGLE3, speculative_tokens=5).kv_cache_tokens


def test_every_listed_draft_can_be_read_and_names_its_source() -> None:
    for name in known_drafts():
        draft = load_draft(name.upper())
        assert draft is not None
        assert draft.source
        assert draft.layers.num_layers == (5 if draft.kind == "dflash" else 1)
        assert name in suggest_drafts(name[:-1])


def test_the_kind_of_a_draft_is_read_as_the_engine_reads_it() -> None:
    plain = NESTED["transformer_layer_config"]
    assert isinstance(plain, dict)
    for config, name, kind in (
        (plain, "acme/EAGLE-thing", "eagle"),
        (plain, "acme/thing_eagle3", "eagle3"),
        ({**plain, "draft_vocab_size": 1024}, "acme/thing", "eagle3"),
        ({**plain, "dflash_config": {"target_layer_ids": [1, 2]}}, "acme/thing", "dflash"),
        ({**plain, "architectures": ["LlamaForCausalLM"]}, "acme/thing", "draft_model"),
    ):
        draft = draft_from_hf_config(config, model_id=name)
        assert (draft.kind, draft.model_id) == (kind, name)
    with pytest.raises(ModelConfigError):
        draft_from_hf_config({"model_type": "llama"}, model_id="acme/EAGLE-empty")


@pytest.mark.parametrize("written", [str, dict])
def test_vllm_s_own_object_is_read(written: type) -> None:
    said = {"method": "eagle3", "model": EAGLE3, "num_speculative_tokens": 5, "draft_tensor_parallel_size": 1}
    case = {"model": LLAMA, "gpu": "H100-80GB", "max_model_len": 8192, "engine_version": "0.24.0"}
    found = fit_line(json.dumps({**case, "speculative_config": json.dumps(said) if written is str else said}))
    plain = fit(LLAMA, draft_model=EAGLE3, speculative_tokens=5, draft_tensor_parallel=1)
    assert found.kv_cache_tokens == plain.kv_cache_tokens
    assert found.draft_gib == plain.draft_gib
    for wrong in ("mtp", [1], {"method": "guess"}):
        assert fit_line(json.dumps({**case, "speculative_config": wrong})).error is not None
    two = fit_line(json.dumps({**case, "speculative_config": said, "speculative_tokens": 4}))
    assert "one of them is meant" in (two.error or "")


@pytest.mark.parametrize(("draft", "states"), [("yuhuili/EAGLE-LLaMA3.1-Instruct-8B", 1), (None, 7)])
def test_states_that_a_draft_is_given_are_there_while_it_is_compiled(draft: str | None, states: int) -> None:
    named = draft or next(name for name in known_drafts() if "EAGLE3-LLaMA3.1" in name)
    fields = {"draft_model": named, "speculative_tokens": 3, "engine_version": "0.24.0", "gpu": "A100-80GB"}
    small, large = (
        fit("meta-llama/Llama-3.1-8B-Instruct", **fields, max_num_batched_tokens=tokens) for tokens in (2048, 8192)
    )
    grown = (large.activation_peak_gib or 0) - (small.activation_peak_gib or 0)
    # Beside them one state is kept for the draft, and two streams are those of the compiler's kernel.
    assert grown == pytest.approx((states + 3) * 6144 * 4096 * 2 / 2**30, abs=0.001)
