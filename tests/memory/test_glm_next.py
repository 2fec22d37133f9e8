"""GLM-5.3-Flash: parameters as published; weights, pages and cache bytes as measured."""

import copy

import pytest
from msgspec.structs import replace

from llminfra.catalog.models import KimiDelta, Mla, ModelConfigError, ModelFacts, catalog_config, load_model
from llminfra.planning.memory import FitCase, fit_case
from llminfra.planning.memory.cache.kv_specs import CacheKind, cache_specs, layer_specs
from llminfra.planning.memory.shapes import Shards
from llminfra.planning.memory.weights.rank_weights import rank_weights

MODEL = "zai-org/GLM-5.3-Flash"


def test_layers_are_those_of_the_config():
    layers = load_model(MODEL).layers
    latent = [index for index, layer in enumerate(layers) if isinstance(layer.mixer, Mla)]
    assert latent == list(range(3, 45, 4))
    assert sum(isinstance(layer.mixer, KimiDelta) for layer in layers) == 34
    assert [layer.mlp is not None for layer in layers] == [True] * 3 + [False] * 42
    assert {(layer.streams, layer.extra_fp32) for layer in layers} == {(4, 2 * (24 * 4 * 4096 + 24 + 3))}
    (body,) = load_model(MODEL).mtp_layers
    # The drafting layer has one residual stream and attends as the latent layers do.
    assert (body.streams, body.extra_fp32, isinstance(body.mixer, Mla)) == (1, 0, True)


def test_parameters_are_those_of_the_checkpoint():
    # 321.3 billion with the drafting layer (github.com/unslothai/llama.cpp/pull/116).
    facts = replace(load_model(MODEL), rope_tables=())
    held = [rank_weights(facts, None, Shards(), dtype="bfloat16", with_mtp=mtp)[0].total for mtp in (False, True)]
    drafting = (held[1] - held[0]) / 2e9
    assert 313.9 + drafting == pytest.approx(321.3, abs=0.1)


def test_tower_is_that_of_the_checkpoint():
    # huggingface.co/immanuelpeter/GLM-5.3-Flash-Vision lists its matrices.
    (tower,) = load_model(MODEL).encoders
    blocks = 24 * (4 * 1024**2 + 4 * 1024 + 3 * 1024 * 4096 + 2 * 4096 + 1024 + 2 * 1024 + 2 * 64)
    merger = 4096**2 + 3 * 4096 * 10240 + 2 * 4096 + 4 * 1024 * 4096 + 4096
    assert tower.sharded_params + tower.replicated_params == blocks + merger + (3 * 2 * 14**2 + 1) * 1024 + 1024


def test_caches_of_a_layer():
    specs = cache_specs(load_model(MODEL), tp=8, kv_bytes=2, state_bytes=2)
    assert {(spec.kind, spec.token_bytes) for spec in specs} == {
        (CacheKind.FULL, 1024),  # a latent without rotary part
        (CacheKind.FULL, 33),  # 128 fp8 values and a scale for every four tokens
        (CacheKind.RING, 4 * 512),
        (CacheKind.STATE, 3 * 8 * 128 * 3 * 2 + 8 * 128 * 128 * 4),
    }
    # As a cache service counted them (github.com/LMCache/LMCache/pull/5042).
    assert len(specs) == 67
    (ring,) = {spec.token_bytes for spec in cache_specs_drafting(7) if spec.kind is CacheKind.RING}
    assert ring == 16 * 512


def cache_specs_drafting(tokens):
    return [
        spec
        for layer in layer_specs(load_model(MODEL), tp=8, kv_bytes=2, state_bytes=2, drafted=tokens)
        for spec in layer
    ]


def test_a_start_as_measured():
    # benchmarks/memory/data: n-repo-h200x8-glm53flash-tp8.
    found = fit_case(
        FitCase(model=MODEL, tensor_parallel=8, gpu="H200-141GB", gpu_memory_utilization=0.9, max_model_len=131072,
                max_num_seqs=512, max_num_batched_tokens=8192, engine_version="0.28.1rc1.dev580+g385dce36b")
    )  # fmt: skip
    assert found.fits
    assert found.block_size == 640
    assert found.weights_gib_per_gpu == pytest.approx(38.24, rel=0.005)
    assert found.kv_bytes_per_token_per_gpu == pytest.approx(12149, rel=0.0001)
    assert found.kv_cache_tokens == pytest.approx(7228559, rel=0.01)


def test_pages_on_four_ranks_are_as_measured():
    # github.com/LMCache/LMCache/pull/5042
    assert fit_case(FitCase(model=MODEL, tensor_parallel=4, engine_version="0.30.0")).block_size == 1152


@pytest.mark.parametrize(("version", "gpu", "states"), [("0.31.0", "H200", 2), ("0.32.0", "H200", 3),
                                                        ("0.33.0", "A100-80GB", 2)])  # fmt: skip
def test_states_written_out_in_prompts_since_032(version, gpu, states):
    found = fit_case(FitCase(model=MODEL, tensor_parallel=8, gpu=gpu, max_model_len=131072, engine_version=version))
    # 205 pages of latents, four groups of states and the ring.
    block = 11 * 640 * (1024 + 33)
    assert found.kv_needed_gib * 2**30 == pytest.approx((205 + 4 * states + 1) * block, rel=0.001)


def test_matrices_of_attention_stay_in_16_bit():
    facts = replace(load_model(MODEL), rope_tables=())
    plain, stored = (
        rank_weights(facts, quant, Shards(), dtype="bfloat16")[0].by_kind["attention"]
        for quant in (None, facts.quantization)
    )
    assert plain == stored


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("layer_types", ["linear_attention"] * 44 + ["mamba"]),
        ("layer_types", None),
        ("linear_attn_config", None),
        ("hc_mult", None),
        ("kv_lora_rank", None),
    ],
)
def test_what_cannot_be_known_is_refused(key, value):
    config = copy.deepcopy(catalog_config(MODEL))
    config["text_config"][key] = value
    with pytest.raises(ModelConfigError):
        ModelFacts.from_hf_config(config, model_id="x")
