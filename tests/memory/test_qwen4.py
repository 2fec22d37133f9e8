"""Qwen3.8-Flash-Next: parameters as published, pages and concurrency as measured, its table of n-grams."""

import copy

import pytest
from msgspec.structs import replace

from llminfra.catalog.models import ModelConfigError, ModelFacts, NgramMemory, catalog_config, load_model
from llminfra.planning.memory import FitCase, fit_case
from llminfra.planning.memory.cache.kv_specs import CacheKind, cache_specs
from llminfra.planning.memory.cache.packed_states import pack_states
from llminfra.planning.memory.shapes import Shards
from llminfra.planning.memory.weights.rank_weights import rank_weights

MODEL = "Qwen/Qwen3.8-Flash-Next"


def weights(facts, **options):
    (stage,) = rank_weights(replace(facts, rope_tables=()), None, Shards(), dtype="bfloat16", **options)
    return stage.total


def test_parameters_are_those_of_the_model_card():
    facts = load_model(MODEL)
    tower = sum(item.sharded_params + item.replicated_params for item in facts.encoders)
    # "125B parameters, 51B n-gram embedding, 4B MTP", of which the embedding and head are shared.
    assert (weights(facts) / 2 - tower) / 1e9 == pytest.approx(125.7, abs=0.1)
    drafting = weights(facts, with_mtp=True) - weights(facts)
    assert (drafting / 2 + 2 * facts.vocab_size * facts.hidden_size) / 1e9 == pytest.approx(4, rel=0.04)
    # 128 shards of 2,500,012 rows and 160 columns (huggingface.co/petergilani/Qwen3.8-Flash-Next-bf16-ngram).
    assert facts.lookup_params == pytest.approx(128 * 2_500_012 * 160, rel=1e-5)


def test_layers_are_those_of_the_config():
    layers = load_model(MODEL).layers
    full = [layer.mixer for layer in layers if hasattr(layer.mixer, "kv_heads")]
    assert (len(layers), len(full)) == (48, 12)
    assert full[0].indexer.pool == 4
    assert full[0].gate_dim == 24 * 256
    assert [index for index, layer in enumerate(layers) if isinstance(layer.second_mixer, NgramMemory)] == [1]
    assert all(layer.moe.experts == 512 and layer.moe.shared_gate and layer.streams == 4 for layer in layers)


def test_caches_of_a_layer():
    specs = cache_specs(load_model(MODEL), tp=4, kv_bytes=2, state_bytes=2)
    kinds = {(spec.kind, spec.token_bytes) for spec in specs}
    # Keys and values of one head; a pooled key for every four tokens; four raw ones with their positions; delta
    # networks; nine tokens of all streams that the n-grams' convolution looks back to, which every rank holds.
    assert kinds == {
        (CacheKind.FULL, 1024),
        (CacheKind.FULL, 64),
        (CacheKind.RING, 4 * 280),
        (CacheKind.STATE, (10240 * 3 * 2 + 48 * 128 * 128 * 4) // 4),
        (CacheKind.STATE, 10240 * 9 * 2),
    }
    # As a cache service counted them: 36 delta networks, 12 of each of three caches, one of n-grams
    # (github.com/LMCache/LMCache/pull/5042).
    assert len(specs) == 73


@pytest.mark.parametrize(("tp", "tokens", "pages"), [(4, 0, 784), (1, 2, 1600)])
def test_pages_are_as_measured(tp, tokens, pages):
    # LMCache/LMCache#5042; vllm-project/vllm#54458, which pads states by 0.88 %.
    found = fit_case(FitCase(model=MODEL, tensor_parallel=tp, speculative_tokens=tokens, engine_version="0.29.0"))
    assert found.block_size == pages


@pytest.mark.parametrize(
    ("length", "dtype", "blocks"), [(8192, "auto", 730), (262144, "auto", 744), (262144, "fp8", 707)]
)
def test_concurrency_is_as_measured(length, dtype, blocks):
    # vllm-project/vllm#54458, one device, two drafted tokens: 31.74, 4.11 and 7.07 requests, of whole pools.
    found = fit_case(FitCase(model=MODEL, speculative_tokens=2, enable_prefix_caching=True, kv_cache_dtype=dtype,
                             max_model_len=length, engine_version="0.29.0"))  # fmt: skip
    layers = 13 * found.block_size * ((1 if dtype == "fp8" else 2) * 1024 + 64)
    requests = blocks * layers / 2**30 / found.kv_needed_gib
    assert requests == pytest.approx({8192: 31.74, 262144: 4.11}[length] if dtype == "auto" else 7.07, rel=0.002)


def test_states_are_dealt_out_without_widening_a_block():
    specs = cache_specs(load_model(MODEL), tp=1, kv_bytes=2, state_bytes=2)
    padded = [replace(spec, padded_page=1568 * 2048) if spec.kind is CacheKind.STATE else spec for spec in specs]
    packing = pack_states(padded, [0] * len(padded), 1, 1568)
    assert packing.stage_bytes == (12 * 1568 * (2048 + 64),)
    assert sorted(number for _, number in packing.groups) == [1, 12, 12, 12, 12, 24]


@pytest.mark.parametrize(
    ("version", "host", "on_device"),
    [("0.29.0", None, True), ("0.30.0", None, False), ("0.33.0", False, True)],
)
def test_where_the_table_of_ngrams_is(version, host, on_device):
    case = {"model": MODEL, "tensor_parallel": 8, "engine_version": version, "ngrams_on_host": host}
    table = 51.2e9 * 2 / 8 / 2**30
    held = fit_case(FitCase(**case)).weights_gib_per_gpu
    plain = fit_case(FitCase(**case | {"engine_version": "0.33.0", "ngrams_on_host": True})).weights_gib_per_gpu
    assert held - plain == pytest.approx(table if on_device else 0, abs=0.01)


def test_a_smaller_table_is_smaller():
    config = copy.deepcopy(catalog_config(MODEL))
    config["text_config"]["ple_embedding_dtype"] = "nvfp4"
    facts = ModelFacts.from_hf_config(config, model_id="x")
    assert facts.lookup_bytes == 0.5625


def test_pipelines_are_refused():
    found = fit_case(FitCase(model=MODEL, tensor_parallel=2, pipeline_parallel=2, engine_version="0.33.0"))
    assert found.fits is False
    assert "pipeline_parallel_size=1" in found.engine_error


def test_the_name_before_the_class_was_renamed():
    config = copy.deepcopy(catalog_config(MODEL))
    config["model_type"] = "qwen3_8_flash_next"
    config["text_config"]["model_type"] = "qwen3_8_flash_next_text"
    assert ModelFacts.from_hf_config(config, model_id="x").layers == load_model(MODEL).layers


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("layer_types", ["linear_attention"] * 47 + ["mamba"]),
        ("layer_types", None),
        ("hc_lowrank", None),
        ("indexer_kv_heads", 2),
        ("ngram_vocab_size_base", 10**12),
        ("ple_embedding_dtype", "int3"),
        ("ple_conv_kernel_size", None),
    ],
)
def test_what_cannot_be_known_is_refused(key, value):
    config = copy.deepcopy(catalog_config(MODEL))
    config["text_config"][key] = value
    with pytest.raises(ModelConfigError, match=key):
        ModelFacts.from_hf_config(config, model_id="x")
