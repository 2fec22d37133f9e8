"""The profiling run of each release, from tensor shapes; figures are those of published start-up logs."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from llminfra.catalog.models import load_model
from llminfra.planning.memory import FitCase, fit_case
from llminfra.planning.memory.peak.activation import activation_peak
from llminfra.planning.memory.peak.forward_peak import Batch, forward_peak, held_by_all_reduce
from llminfra.planning.memory.releases.engine_profile import drops_gate_up, vllm_profile
from llminfra.planning.memory.releases.model_runner import runner_rules

GIB = 2**30
LLAMA_7B = load_model("meta-llama/Llama-2-7b-hf")
LLAMA_8B = load_model("meta-llama/Llama-3.1-8B-Instruct")


def batch(**changes):
    return Batch(**({"tokens": 2048, "sequences": 256, "length": 2048} | changes))


def test_line_by_line_models_keep_three_streams_and_older_ones_four():
    long = batch(tokens=29000, eager=True)
    newer, older = (forward_peak(LLAMA_8B, long, vllm_profile(version)) for version in ((0, 6, 6), (0, 6, 3)))
    assert newer / GIB == pytest.approx(2.99, abs=0.01)
    assert older > newer + 29000 * 4096 * 2 - 1
    compiled = forward_peak(LLAMA_8B, batch(tokens=29000), vllm_profile((0, 10, 2)))
    assert newer - compiled == 29000 * 4096 * 2


@pytest.mark.parametrize(
    ("version", "bytes_a_logit"),
    [((0, 1, 7), 68), ((0, 2, 5), 58), ((0, 2, 6), 38), ((0, 16, 0), 38), ((0, 17, 0), 14), ((0, 33, 0), 14)],
)
def test_sampler_of_the_release(version, bytes_a_logit):
    peak = activation_peak(LLAMA_7B, batch(tokens=2048), vllm_profile(version))
    assert peak.sampler == 2048 * 4096 * 2 + 256 * 32000 * bytes_a_logit


def test_sampler_before_the_reserve_counted_is_as_measured():
    # Pull request 2031: 7449 blocks on an A100 with 79.15 GiB, 12.55 GiB of weights.
    peak = activation_peak(LLAMA_7B, batch(tokens=4096, eager=True), vllm_profile((0, 2, 3)))
    assert peak.total / GIB == pytest.approx(79.15 * 0.9 - 12.55 - 7449 * 16 * 524288 / GIB, abs=0.05)


def test_all_reduced_tensors_stay_in_two_releases_only():
    case = {"model": "meta-llama/Llama-2-70b-hf", "gpu": "A100-80GB", "tensor_parallel": 4}
    held = {version: fit_case(FitCase(**case, engine_version=version)) for version in ("0.2.3", "0.2.5", "0.2.6")}
    assert held["0.2.5"].activation_peak_gib > held["0.2.6"].activation_peak_gib + 9
    assert any("all-reduced tensors" in line for line in held["0.2.5"].explain)
    assert not any("all-reduced tensors" in line for line in held["0.2.3"].explain)


def test_one_rank_holds_nothing():
    assert held_by_all_reduce(LLAMA_7B, batch(), 1) == 0


def test_awq_buffer_of_old_releases():
    dense = load_model("meta-llama/Llama-2-7b-hf")
    old = forward_peak(dense, batch(tokens=4096, eager=True, awq=True), vllm_profile((0, 2, 7)))
    plain = forward_peak(dense, batch(tokens=4096, eager=True), vllm_profile((0, 2, 7)))
    later = forward_peak(dense, batch(tokens=4096, eager=True, awq=True), vllm_profile((0, 3, 0)))
    assert old - plain == 4096 * 2 * (2 * 9 - 3) * 11008
    # 0.3.0 expands the matrix instead of splitting the product.
    assert later == plain + 2 * 11008 * 4096 * 2


def test_default_batch_of_the_first_releases():
    assert fit_case(FitCase(model="meta-llama/Llama-2-7b-hf", engine_version="0.1.7")).max_num_batched_tokens == 2560
    assert fit_case(FitCase(model="meta-llama/Llama-2-7b-hf", engine_version="0.2.0")).max_num_batched_tokens == 4096


def test_default_batch_of_embedding_and_multimodal_models_in_v0():
    embed = fit_case(FitCase(model="intfloat/e5-mistral-7b-instruct", config_ref="Qwen/Qwen3-Embedding-8B",
                             engine_version="0.6.6", max_model_len=4096))  # fmt: skip
    assert embed.max_num_batched_tokens == 32768
    image = fit_case(FitCase(model="llava-hf/llava-1.5-7b-hf", engine_version="0.6.6"))
    assert image.max_num_batched_tokens == 5120


def test_v0_samples_no_more_sequences_than_images_fit():
    image = load_model("llava-hf/llava-1.5-7b-hf")
    largest = max(item.max_tokens for item in image.encoders)
    peak = activation_peak(image, batch(tokens=4096, eager=True), vllm_profile((0, 5, 5)))
    assert peak.sampler == 4096 * image.hidden_size * 2 + (4096 // largest) * image.vocab_size * 38


def test_rope_tables_in_every_layer_until_shared():
    case = {"model": "meta-llama/Llama-2-70b-hf", "tensor_parallel": 8}
    old, new = (fit_case(FitCase(**case, engine_version=version)).weights_gib_per_gpu for version in ("0.2.2", "0.2.3"))
    assert old - new == pytest.approx(79 * 4096 * 128 * 2 / GIB, abs=2e-4)


@settings(deadline=None)
@given(
    tokens=st.integers(256, 65536),
    more=st.integers(0, 65536),
    tp=st.sampled_from([1, 2, 4, 8]),
    version=st.sampled_from([(0, 1, 2), (0, 2, 5), (0, 4, 1), (0, 6, 3), (0, 7, 3), (0, 10, 2), (0, 33, 0)]),
)
def test_peak_grows_with_the_batch_and_falls_with_the_ranks(tokens, more, tp, version):
    profile = vllm_profile(version)
    small = activation_peak(LLAMA_8B, batch(tokens=tokens, tp=tp), profile)
    assert activation_peak(LLAMA_8B, batch(tokens=tokens + more, tp=tp), profile).total >= small.total
    assert activation_peak(LLAMA_8B, batch(tokens=tokens, tp=2 * tp), profile).total <= small.total


def peak_gib(model: str, *, version: tuple[int, ...], **given: int | bool) -> float:
    facts = load_model(model)
    assert facts is not None
    return activation_peak(facts, batch(**given), vllm_profile(version)).total / 2**30


@pytest.mark.parametrize(
    ("model", "version", "given", "measured"),
    [
        # Start-up logs that print the peak: T4, Qwen2.5 1.5B; 72B AWQ on two ranks; image and video of Qwen2.5-VL 7B.
        ("Qwen/Qwen2.5-1.5B-Instruct", (0, 7, 3), {"tokens": 32768, "sequences": 256}, 2.02),
        ("Qwen/Qwen2.5-72B-Instruct", (0, 7, 3), {"tokens": 32768, "sequences": 256, "tp": 2, "awq": True}, 5.66),
        ("Qwen/Qwen2.5-VL-7B-Instruct", (0, 7, 3), {"tokens": 5120, "sequences": 1}, 4.93),
        # The decoder of a 32B holds the merged embeddings and what the tower made.
        ("Qwen/Qwen2.5-VL-32B-Instruct", (0, 7, 3), {"tokens": 32768, "sequences": 256, "length": 32768}, 6.90),
    ],
)
def test_peaks_that_logs_print(model, version, given, measured):
    assert peak_gib(model, version=version, eager=True, **given) == pytest.approx(measured, rel=0.01)


def test_who_holds_the_first_product():
    assert drops_gate_up("LlamaForCausalLM")
    assert not drops_gate_up("Qwen2ForCausalLM")
    assert not drops_gate_up("Qwen3ForCausalLM")


def test_sum_of_ranks_is_a_new_tensor():
    model, given = "Qwen/Qwen2.5-72B-Instruct", {"tokens": 32768, "sequences": 1, "tp": 2, "eager": True}
    before, after = (peak_gib(model, version=version, **given) for version in ((0, 6, 4), (0, 6, 6)))
    assert after - before == pytest.approx(32768 * 8192 * 2 / 2**30)


@pytest.mark.parametrize(
    ("images", "ranks", "measured"),
    [
        (128, 1, 36.63),  # vllm-project/vllm#12126, one H100
        (256, 4, 70.6),  # vllm-project/vllm#8903: what was allocated beside the weights, and what was tried
    ],
)
def test_tiled_tower_stacks_its_layers_whole_on_every_rank(images, ranks, measured):
    case = {"model": "meta-llama/Llama-3.2-11B-Vision-Instruct", "gpu": "H200", "engine_version": "0.6.4"}
    found = fit_case(
        FitCase(**case, max_num_seqs=images, tensor_parallel=ranks, max_model_len=4096, enforce_eager=True)
    )
    assert found.activation_peak_gib == pytest.approx(measured, rel=0.03)


@pytest.mark.parametrize(("version", "context"), [("0.20.0", 1024 * 3776), ("0.28.0", 18 * 3776)])
def test_a_page_of_latent_context_for_every_sequence(version, context):
    # The engine raises the page of Kimi Linear to 3776 tokens of fp8 so that it holds a recurrent state; until 0.27 the
    # profiling run expands one for each of 1024 sequences ("Tried to allocate 59.00 GiB" on an H200).
    case = FitCase(
        model="moonshotai/Kimi-Linear-48B-A3B-Instruct",
        gpu="H200",
        engine_version=version,
        kv_cache_dtype="fp8",
        quantization="fp8",
        max_num_seqs=1024,
        max_model_len=524288,
        enforce_eager=True,
    )
    result = fit_case(case)
    assert result.block_size == 3776
    expanded = context * 32 * (128 + 128) * 2 / GIB
    assert expanded <= result.activation_peak_gib <= expanded + 2
    gathered = context * (512 + 64) * 2 / GIB
    assert f"context of latent attention {gathered:.2f} GiB, outside the budget" in result.explain


@pytest.mark.parametrize(("version", "items"), [((0, 24, 0), 1), ((0, 28, 0), 1), ((0, 29, 0), 0)])
def test_first_runner_holds_the_patches_that_it_gave_the_tower(version, items):
    # An image of 16,384 tokens has four times as many patches, of two frames of 16 by 16 pixels in three colours.
    facts = load_model("Qwen/Qwen3-VL-30B-A3B-Instruct")
    without = replace(facts, encoders=tuple(replace(item, patch_values=0) for item in facts.encoders))
    profile = runner_rules(facts, vllm_profile(version), quantized=False)
    given_to = batch(tokens=8192, length=32768)
    held, bare = (activation_peak(item, given_to, profile) for item in (facts, without))
    pixels = items * 65536 * 2 * 3 * 16 * 16 * 2
    assert held.sampler - bare.sampler == held.forward - bare.forward == pixels
    assert held.encoder == bare.encoder, "the tower's own count has room for them"
