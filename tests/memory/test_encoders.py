"""Encoders, rerankers and Whisper: parameters as published, no cache or that of an encoder's positions."""

import pytest
from msgspec.structs import replace

from llminfra.catalog.models import ModelFacts, load_model
from llminfra.planning.memory import FitCase, fit_case, fit_line
from llminfra.planning.memory.shapes import Shards
from llminfra.planning.memory.weights.rank_weights import rank_weights

# Millions of parameters as model cards, papers or safetensors metadata on the Hub state them. BERT's pooler is in the
# count of its embedders, which engines do not load: width squared and a bias.
PUBLISHED = {
    "BAAI/bge-m3": (567.75, 1.05),
    "Snowflake/snowflake-arctic-embed-l-v2.0": (567.75, 1.05),
    "BAAI/bge-reranker-v2-m3": (567.76, 0),
    "BAAI/bge-reranker-base": (278.04, 0),
    "BAAI/bge-large-en-v1.5": (335.14, 1.05),
    "BAAI/bge-base-en-v1.5": (109.48, 0.59),
    "BAAI/bge-small-en-v1.5": (33.36, 0.15),
    "intfloat/multilingual-e5-large": (559.89, 1.05),
    "intfloat/multilingual-e5-base": (278.04, 0.59),
    "sentence-transformers/all-MiniLM-L6-v2": (22.71, 0.15),
    "cross-encoder/ms-marco-MiniLM-L6-v2": (22.71, 0),
    "nomic-ai/nomic-embed-text-v1.5": (136.73, 0),
    "Alibaba-NLP/gte-large-en-v1.5": (434.14, 0),
    "Alibaba-NLP/gte-multilingual-base": (305.37, 0),
    "Alibaba-NLP/gte-modernbert-base": (149.01, 0),
    "google/embeddinggemma-300m": (302.86, 0),
    "jinaai/jina-reranker-v2-base-multilingual": (278.4, 0),
    "openai/whisper-large-v3": (1543.49, 0),
    "openai/whisper-large-v3-turbo": (808.88, 0),
    "openai/whisper-small": (241.73, 0),
    "Qwen/Qwen3-Embedding-0.6B": (595.78, 0),
}


@pytest.mark.parametrize(("model_id", "millions"), PUBLISHED.items())
def test_shapes_add_up_to_the_published_count(model_id, millions):
    facts = replace(load_model(model_id), rope_tables=())
    held = rank_weights(replace(facts, head_fp32=0), None, Shards(), dtype="bfloat16")[0].total / 2
    stated, left_out = millions
    assert (held + facts.head_fp32) / 1e6 == pytest.approx(stated - left_out, rel=0.004)


@pytest.mark.parametrize(
    ("model_id", "task", "encoder", "longest"),
    [
        ("BAAI/bge-m3", "embed", True, 8192),
        ("intfloat/multilingual-e5-large", "embed", True, 512),
        ("sentence-transformers/all-MiniLM-L6-v2", "embed", True, 256),
        ("nomic-ai/nomic-embed-text-v1.5", "embed", True, 2048),
        ("google/embeddinggemma-300m", "embed", True, 2048),
        ("BAAI/bge-reranker-v2-m3", "rerank", True, 8192),
        ("Qwen/Qwen3-Embedding-8B", "embed", False, 40960),
        ("Qwen/Qwen3-Reranker-0.6B", "rerank", False, 40960),
        ("openai/whisper-large-v3-turbo", "transcribe", False, 448),
        ("Qwen/Qwen3-8B", "generate", False, 40960),
    ],
)
def test_the_task_and_the_longest_input(model_id, task, encoder, longest):
    facts = load_model(model_id)
    assert (facts.task, facts.encoder_only, facts.max_position_embeddings) == (task, encoder, longest)


def test_a_decoder_that_is_not_causal_is_an_encoder():
    config = {
        "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "is_causal": False, "hidden_size": 1536,
        "intermediate_size": 8960, "num_attention_heads": 12, "num_hidden_layers": 28, "num_key_value_heads": 2,
        "max_position_embeddings": 131072, "vocab_size": 151646, "tie_word_embeddings": False,
    }  # fmt: skip
    facts = ModelFacts.from_hf_config(config, model_id="Alibaba-NLP/gte-Qwen2-1.5B-instruct")
    assert facts.encoder_only
    assert facts.task == "embed"


@pytest.mark.parametrize("version", ["0.8.5", "0.10.2", "0.15.1", "0.27.1", "0.33.0"])
def test_an_encoder_keeps_no_cache_and_leaves_the_rest_free(version):
    found = fit_case(FitCase(model="BAAI/bge-m3", gpu="l4-24gb", engine_version=version))
    assert found.fits is True
    assert found.kv_cache_tokens is None
    assert found.kv_cache_memory_gib == 0
    assert found.weights_gib_per_gpu == pytest.approx(1.06, abs=0.01)
    taken = sum(
        part or 0
        for part in (
            found.weights_gib_per_gpu, found.activation_peak_gib, found.non_torch_gib, found.cuda_graph_gib
        )
    )  # fmt: skip
    assert 1.5 < taken < 3
    assert "stay free" in found.reason


def test_a_decoder_that_embeds_keeps_its_cache_since_it_runs_on_v1():
    new = fit_case(FitCase(model="Qwen/Qwen3-Embedding-0.6B", gpu="l4-24gb", engine_version="0.10.2"))
    old = fit_case(FitCase(model="Qwen/Qwen3-Embedding-0.6B", gpu="l4-24gb", engine_version="0.9.1"))
    assert new.kv_cache_tokens > 100_000
    assert new.kv_bytes_per_token_per_gpu == 28 * 2 * 8 * 128 * 2
    assert old.kv_cache_tokens is None
    assert old.fits


def test_a_model_that_is_served_to_embed_has_no_head_and_no_sampler():
    text = fit_case(FitCase(model="Qwen/Qwen3-8B", gpu="l4-24gb", max_model_len=4096))
    vectors = fit_case(FitCase(model="Qwen/Qwen3-8B", gpu="l4-24gb", max_model_len=4096, task="embed"))
    head = 151936 * 4096 * 2 / 2**30
    assert text.weights_gib_per_gpu - vectors.weights_gib_per_gpu == pytest.approx(head, abs=0.01)


def test_whisper_keeps_its_text_and_the_positions_of_the_sound():
    found = fit_case(FitCase(model="openai/whisper-large-v3-turbo", gpu="l4-24gb", engine_version="0.15.1"))
    page = 16 * 2 * 20 * 64 * 2 * 4  # tokens, keys and values, heads, width, bytes, layers
    assert found.kv_needed_gib * 2**30 == pytest.approx((28 + 94) * page, rel=1e-3)
    assert found.max_concurrency > 200


@pytest.mark.parametrize(("version", "tokens"), [("0.10.2", 512), ("0.11.2", 2048), ("0.27.1", 2048)])
def test_the_batch_of_inputs_that_are_not_cut(version, tokens):
    found = fit_case(FitCase(model="BAAI/bge-large-en-v1.5", gpu="l4-24gb", engine_version=version))
    assert found.max_num_batched_tokens == tokens
    longer = fit_case(FitCase(model="BAAI/bge-m3", gpu="l4-24gb", engine_version=version))
    assert longer.max_num_batched_tokens == 8192


def test_a_step_that_exceeds_the_device_is_refused():
    case = FitCase(model="BAAI/bge-m3", gpu="l4-24gb", max_num_batched_tokens=2_000_000, max_num_seqs=256)
    found = fit_case(case)
    assert found.fits is False
    assert found.reason.startswith("LLM_MEM_8")


def test_tensor_parallel_modernbert_is_refused_until_its_first_matrix_is_cut():
    case = FitCase(model="Alibaba-NLP/gte-modernbert-base", gpu="l4-24gb", tensor_parallel=2, engine_version="0.27.1")
    assert fit_case(case).reason.startswith("LLM_SHAPE_8")
    assert fit_case(case.model_copy(update={"engine_version": "0.29.0"})).fits


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('{"model": "BAAI/bge-m3", "task": "generate", "gpu": "L4"}', "LLM_TASK_2"),
        ('{"model": "BAAI/bge-m3", "task": "score", "gpu": "L4"}', "LLM_TASK_2"),
        ('{"model": "Qwen/Qwen3-8B", "task": "rerank", "gpu": "L4"}', "LLM_TASK_2"),
        ('{"model": "openai/whisper-small", "task": "embedding", "gpu": "L4"}', "LLM_TASK_2"),
        ('{"model": "BAAI/bge-m3", "engine": "tgi", "gpu": "L4"}', "LLM_TASK_1"),
        ('{"model": "BAAI/bge-m3", "engine": "sglang", "gpu": "L4"}', "LLM_TASK_1"),
    ],
)
def test_what_a_model_or_engine_does_not_do(line, code):
    assert fit_line(line).reason.startswith(code)


@pytest.mark.parametrize("model_id", ["google/gemma-4-31B-it", "google/gemma-4-26B-A4B-it", "google/gemma-3-27b-it"])
def test_decoders_that_see_ahead_in_images_alone_stay_causal(model_id):
    # Gemma 4 states "vision" where EmbeddingGemma states true.
    assert all(layer.mixer.causal for layer in load_model(model_id).layers)


@pytest.mark.parametrize(
    ("version", "measured"),
    [
        # apply_rotary_pos_emb_vision of dots_ocr.py until 0.12: one image of 14,400 tokens on an RTX 3090 takes 4.40
        # GiB (b-3090-dotsocr-8k-0120); ApplyRotaryEmb with a kernel since 0.13 has six widths less.
        ("0.12.0", 4.40),
        ("0.13.0", 3.35),
    ],
)
def test_the_tower_of_dots_ocr_turns_queries_and_keys_in_fp32(version, measured):
    case = {"gpu": "RTX 3090", "max_model_len": 8192, "max_num_batched_tokens": 16384, "max_num_seqs": 8}
    result = fit_case(FitCase(model="rednote-hilab/dots.ocr", engine_version=version, **case))
    assert result.activation_peak_gib == pytest.approx(measured, rel=0.03)


def test_muse_glimmer_is_tried_with_its_longest_video():
    """96 frames in pairs of 144 tokens each: an activation peak of 1.58 GiB (b-a100-muse-glimmer-30b-int4-33k-0280)."""
    (tower,) = load_model("meta-models/Muse-Glimmer-30B").encoders
    assert tower.max_tokens == 6912
    case = {"gpu": "A100-80GB", "max_model_len": 33000, "max_num_batched_tokens": 2048, "max_num_seqs": 16}
    result = fit_case(FitCase(model="meta-models/Muse-Glimmer-30B", engine_version="0.28.0", **case))
    assert result.activation_peak_gib == pytest.approx(1.58, abs=0.06)
