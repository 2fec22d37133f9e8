"""Layers of GLM-5.2 that take over what the indexer of a layer below picked: which releases build one of their own."""

import pytest

from llminfra.catalog.gpus import find_gpu
from llminfra.catalog.models import Mla, ModelFacts, catalog_config, load_model
from llminfra.planning.memory import FitCase, fit_case
from llminfra.planning.memory.cache.kv_specs import cache_specs
from llminfra.planning.memory.shapes import Shards
from llminfra.planning.performance.rank_work import rank_work

MODEL = "zai-org/GLM-5.2-FP8"
WITH_INDEXER, LAYERS, LATENT, KEY = 21, 78, 656, 132


def borrowing(facts):
    return [index for index, layer in enumerate(facts.layers) if layer.mixer.indexer.borrowed]


def test_layers_are_those_of_the_config():
    types = catalog_config(MODEL)["indexer_types"]
    assert borrowing(load_model(MODEL)) == [index for index, item in enumerate(types) if item == "shared"]
    assert len(types) - types.count("shared") == WITH_INDEXER
    assert not borrowing(load_model("zai-org/GLM-5.1-FP8"))


@pytest.mark.parametrize(
    ("keys", "own"),
    [
        ({"index_topk_freq": 4}, [0, 1, 5, 9]),
        ({"index_topk_freq": 4, "index_skip_topk_offset": 3}, [0, 1, 2, 6, 10]),
        ({"index_topk_freq": 4, "index_topk_pattern": "FSSFSSFSSFSS"}, [0, 3, 6, 9]),
        ({"index_topk_freq": 1}, list(range(12))),
        ({}, list(range(12))),
    ],
)
def test_layers_without_a_list_go_by_the_step(keys, own):
    # vllm/model_executor/models/deepseek_v2.py 0.24.0, DeepseekV2MLAAttention.
    config = {key: value for key, value in catalog_config(MODEL).items() if not key.startswith("indexer_types")}
    config = {key: value for key, value in config.items() if key not in ("index_topk_freq", "mlp_layer_types")}
    facts = ModelFacts.from_hf_config(config | {"num_hidden_layers": 12} | keys, model_id="a-model")
    assert [index for index in range(12) if index not in borrowing(facts)] == own


def test_drafting_layer_has_an_indexer_of_its_own():
    (body,) = load_model(MODEL).mtp_layers
    assert isinstance(body.mixer, Mla)
    assert not body.mixer.indexer.borrowed


@pytest.mark.parametrize(
    ("engine", "version", "indexers"),
    [
        ("vllm", "0.23.0", LAYERS),
        ("vllm", "0.24.0", WITH_INDEXER),
        ("sglang", "0.5.17", LAYERS),
        ("sglang", "0.5.18", WITH_INDEXER),
    ],
)
def test_cache_of_a_token(engine, version, indexers):
    # Measured on eight H20: 61,471 bytes a token with vLLM of June 2026 and 53,947 with 0.26.0b2.dev1.
    result = fit_case(start_up(engine, version))
    assert result.kv_bytes_per_token_per_gpu == pytest.approx(LATENT * LAYERS + KEY * indexers, rel=1e-3)


@pytest.mark.parametrize(("engine", "older", "newer"), [("vllm", "0.23.0", "0.24.0"), ("sglang", "0.5.17", "0.5.18")])
def test_weights_are_less_where_none_is_built(engine, older, newer):
    before, after = (fit_case(start_up(engine, version)).weights_gib_per_gpu for version in (older, newer))
    one = 32 * 128 * 2048 + 128 * 6144 + 2 * 32 * 6144
    assert before - after == pytest.approx((LAYERS - WITH_INDEXER) * one / 2**30, rel=0.05)


def test_layers_that_borrow_score_nothing():
    facts = load_model(MODEL)
    assert sum(spec.token_bytes == KEY for spec in cache_specs(facts, tp=8, kv_bytes=1, state_bytes=2)) == WITH_INDEXER
    work = rank_work(facts, None, Shards(tp=8), find_gpu("H20-141GB"), dtype="bfloat16", kv_bytes=1)
    assert sum(kind.layers for kind in work.attention) == LAYERS + WITH_INDEXER


def start_up(engine, version):
    return FitCase(
        model=MODEL,
        engine=engine,
        engine_version=version,
        gpu="H20-141GB",
        tensor_parallel=8,
        kv_cache_dtype="fp8" if engine == "vllm" else "fp8_e4m3",
        max_model_len=131072,
    )
