"""What releases keep of latent attention beside its matrices, and how they pad what they cache."""

import pytest

from llminfra.catalog.models import load_model
from llminfra.planning.memory import FitCase, fit_case
from llminfra.planning.memory.peak.overhead import GIB
from llminfra.planning.memory.shapes import Shards
from llminfra.planning.memory.weights.absorbed import ABSORBED, COPIED, VIEWED, latent_bytes

R1 = "deepseek-ai/DeepSeek-R1"
LITE = "deepseek-ai/DeepSeek-Coder-V2-Lite-Instruct"
HALVES = 16 * 512 * (128 + 128) * 2
"""Of one layer on one of eight ranks: heads x latent x (keys + values) in 16 bit."""


def layer(model):
    facts = load_model(model)
    return facts.layers[0].mixer, facts.hidden_size, facts.quantization


def started(model=R1, **changes):
    given = {"model": model, "engine_version": "0.7.3", "gpu": "H200-141GB", "tensor_parallel": 8} | changes
    return fit_case(FitCase.model_validate(given))


def test_products_are_in_the_format_of_the_checkpoint():
    mixer, hidden, quant = layer(R1)
    held = latent_bytes(mixer, hidden, quant, Shards(tp=8, latent=ABSORBED), 2)
    queries, outputs, rotary = 1536 * 16 * 512, 16 * 512 * 7168, 1536 * 16 * 64 * 2
    scales = 4 * (queries + outputs) / 128**2
    assert held == pytest.approx(HALVES + queries + outputs + rotary + scales, rel=0.002)
    plain = latent_bytes(mixer, hidden, None, Shards(tp=8, latent=ABSORBED), 2)
    assert plain == pytest.approx(2 * (queries + outputs) + rotary, rel=0.002)


def test_halves_of_a_plain_matrix_are_views_of_it_but_for_sglang():
    mixer, hidden, quant = layer(R1)
    assert latent_bytes(mixer, hidden, quant, Shards(tp=8, latent=VIEWED), 2) == HALVES
    assert latent_bytes(mixer, hidden, None, Shards(tp=8, latent=VIEWED), 2) == 0
    assert latent_bytes(mixer, hidden, None, Shards(tp=8, latent=COPIED), 2) == HALVES
    assert latent_bytes(mixer, hidden, quant, Shards(tp=8, latent=""), 2) == 0


def test_releases_keep_products_from_0_7_1_to_0_7_3():
    held = {
        version: started(engine_version=version).weights_gib_per_gpu for version in ("0.7.0", "0.7.1", "0.7.3", "0.8.0")
    }
    products = 61 * (1536 * 16 * 512 + 16 * 512 * 7168 + 1536 * 16 * 64 * 2) / GIB
    assert held["0.7.1"] == held["0.7.3"]
    assert held["0.7.3"] - held["0.8.0"] == pytest.approx(products, rel=0.01)
    assert held["0.8.0"] - held["0.7.0"] == pytest.approx(61 * HALVES / GIB, rel=0.01)
    assert started(engine_version="0.8.5", use_v1=False).weights_gib_per_gpu == held["0.8.0"]


def test_latents_are_padded_in_two_releases_alone():
    taken = {version: started(engine_version=version).kv_bytes_per_token_per_gpu for version in ("0.7.1", "0.7.2")}
    assert taken == {"0.7.1": 61 * 576 * 2, "0.7.2": 61 * 640 * 2}
    assert started(engine_version="0.8.0", use_v1=False).kv_bytes_per_token_per_gpu == 61 * 576 * 2


def test_other_quantizations_cache_every_head_until_0_7_3():
    case = {"model": LITE, "tensor_parallel": 1, "quantization": "awq", "gpu": "A100-80GB"}
    every_head = 27 * 16 * 2 * 256 * 2
    assert started(**case, engine_version="0.7.2").kv_bytes_per_token_per_gpu == every_head
    assert started(**case, engine_version="0.7.3").kv_bytes_per_token_per_gpu == 27 * 640 * 2
