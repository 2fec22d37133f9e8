"""DeepSeek V4.1: parameters and checkpoint as published; weights and cache bytes as measured."""

import copy

import pytest
from msgspec.structs import replace

from llminfra.catalog.models import ModelConfigError, ModelFacts, NgramMemory, catalog_config, load_model
from llminfra.planning.memory import FitCase, fit_case
from llminfra.planning.memory.cache.kv_specs import CacheKind, cache_specs, layer_specs
from llminfra.planning.memory.shapes import Shards
from llminfra.planning.memory.weights.rank_weights import ngram_bytes, rank_weights

MODEL = "deepseek-ai/DeepSeek-V4.1-Flash"
GIB = 2**30


def test_the_checkpoint_is_as_large_as_published():
    # 475.25 GiB, 188.8 of them tables of n-grams (the model's recipe for vLLM, as a start that read it repeats them;
    # benchmarks/memory/data: n-repo-b300x8-dsv41flash-dp8-u078).
    facts = replace(load_model(MODEL), rope_tables=())
    tables = ngram_bytes(facts, Shards(), 2)
    assert tables / GIB == pytest.approx(188.8, abs=0.1)
    held = rank_weights(facts, facts.quantization, Shards(), dtype="bfloat16", with_mtp=True)[0].total
    assert (held + tables) / GIB == pytest.approx(475.25, rel=0.003)


def test_layers_are_those_of_the_config():
    layers = load_model(MODEL).layers
    mixers = [layer.mixer.compression for layer in layers]
    assert {index: item.states for index, item in enumerate(mixers) if item.states} == {2: 2, 8: 2, 14: 2, 20: 1}
    assert [index for index, item in enumerate(mixers) if item.indexer] == [2, 8, 14, 20, 24, 28, 32, 36]
    assert [item.ratio for item in mixers] == [1, 1, *[2] * 18, *[1] * 20]
    assert [index for index, layer in enumerate(layers) if isinstance(layer.second_mixer, NgramMemory)] == [1, 14]
    assert not load_model(MODEL).is_hybrid
    drafting = load_model(MODEL).mtp_layers
    assert [(layer.moe.experts, layer.moe.top_k) for layer in drafting] == [(128, 3)] * 3


def test_caches_of_a_layer():
    specs = cache_specs(load_model(MODEL), tp=8, kv_bytes=1, state_bytes=2)
    kinds = {(spec.kind, spec.block, spec.padded_page) for spec in specs if spec.kind is not CacheKind.RING}
    # Windows of 32 rows, states of two tokens and of one, and their keys: 584 and 132 bytes, rounded up to 576.
    assert kinds == {
        (CacheKind.WINDOW, 32, 19008),
        (CacheKind.FULL, 128, 37440),
        (CacheKind.FULL, 128, 74880),
        (CacheKind.FULL, 128, 8640),
        (CacheKind.FULL, 128, 17280),
    }
    assert [spec.token_bytes for spec in specs if spec.kind is CacheKind.RING] == [8 * 4096] * 3
    assert len(specs) == 40 + 2 * 4 + 3
    own = layer_specs(load_model(MODEL), tp=8, kv_bytes=1, state_bytes=2, blackwell="any", full_block=128)
    assert {spec.padded_page for layer in own for spec in layer if spec.kind is CacheKind.WINDOW} == {32 * 528}


def test_a_start_as_measured():
    # benchmarks/memory/data: n-repo-b300x8-dsv41flash-dp8-u078, an image from before the release.
    found = fit_case(
        FitCase(model=MODEL, data_parallel=8, expert_parallel=True, tensor_parallel=1, gpu="B300-288GB",
                block_size=128, max_model_len=1048576, max_num_batched_tokens=16384, engine_version="2026-09")
    )  # fmt: skip
    assert found.block_size == 128
    assert found.kv_bytes_per_token_per_gpu == pytest.approx(129.87 * GIB / 51558777, rel=0.0003)
    # What is missing are rows of n-grams that wait for a batch, 0.4 GiB, and candidates of the indexer, 0.1.
    assert found.weights_gib_per_gpu == pytest.approx(45.11, rel=0.02)


def test_groups_on_hopper_are_as_documented():
    # Nine groups of caches on H200 (github.com/LMCache/LMCache/pull/5242).
    found = fit_case(FitCase(model=MODEL, tensor_parallel=8, gpu="H200-141GB", engine_version="0.30.0"))
    assert found.block_size == 64
    assert any("9 group(s) of layers" in line for line in found.explain)


def test_records_of_released_engines_are_smaller_on_blackwell():
    case = {"model": MODEL, "tensor_parallel": 8, "max_model_len": 131072, "max_num_batched_tokens": 2048,
            "engine_version": "0.33.0"}  # fmt: skip
    own, other = (fit_case(FitCase(**case, gpu=gpu)) for gpu in ("B200-180GB", "H200-141GB"))
    assert own.kv_bytes_per_token_per_gpu < 0.95 * other.kv_bytes_per_token_per_gpu


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("compress_ratios", [0, 4] * 20),
        ("compress_ratios", None),
        ("kv_source_layer_ids", None),
        ("index_source_layer_ids", "all"),
        ("engram_num_embeddings", [384006168]),
        ("o_lora_rank", None),
    ],
)
def test_what_cannot_be_known_is_refused(key, value):
    config = copy.deepcopy(catalog_config(MODEL))
    config["text_config"][key] = value
    with pytest.raises(ModelConfigError, match=key):
        ModelFacts.from_hf_config(config, model_id="x")
