"""Text Generation Inference: what each release takes in its warm-up and gives to the cache.

Places are those of huggingface/text-generation-inference at the tag that is named.
"""

import pytest

from llminfra.catalog.gpus import find_gpu
from llminfra.catalog.models import load_model
from llminfra.planning.memory import FitCase, fit_case
from llminfra.planning.memory.releases.tgi_profile import tgi_profile, tgi_release, tgi_step

LLAMA = "meta-llama/Llama-3.1-8B-Instruct"
MISTRAL = "mistralai/Mistral-7B-Instruct-v0.3"
GEMMA = "google/gemma-3-27b-it"
GIB = 2**30


def fit(version="3.3.7", **case):
    return fit_case(FitCase(engine="tgi", engine_version=version, **{"gpu": "A10G", "model": LLAMA, **case}))


def step(version, model=LLAMA, gpu="L4", tp=1, **case):
    rules = tgi_profile(tgi_release(version), find_gpu(gpu))
    asked = FitCase(model=model, engine="tgi", **case)
    return tgi_step(load_model(model), asked, rules, find_gpu(gpu), tp, find_gpu(gpu).memory_gib)


@pytest.mark.parametrize(
    ("version", "share", "of_device"),
    [
        ("1.4.0", 1.0, False),
        ("1.4.1", 0.95, False),
        ("2.3.1", 0.95, False),
        ("2.4.0", 0.90, False),
        ("3.0.2", 0.95, True),
        ("3.2.3", 0.93, True),
        ("3.3.0", 0.90, True),
    ],
)
def test_the_share_of_the_cache_is_a_rule_of_the_release(version, share, of_device):
    """`warmup` of flash_causal_lm.py, TGI_WIGGLE_ROOM of models/globals.py."""
    rules = tgi_profile(tgi_release(version), None)
    assert (rules.share, rules.of_device) == (share, of_device)


def test_until_2_4_a_share_of_what_is_free_and_the_batch_itself():
    result = fit("2.2.0", gpu="L40S", max_model_len=4096)
    held = result.weights_gib_per_gpu + result.non_torch_gib + result.activation_peak_gib
    batch = 2 * 4096 * 131072 / GIB  # 4,145 tokens are a prompt of 4,095 and one of 50, each with room for 4,096
    free = result.budget_gib - held - batch
    assert result.kv_cache_memory_gib == pytest.approx(0.95 * free + batch, abs=0.01)


def test_since_3_0_a_part_of_the_device_stays_free():
    result = fit("3.3.7", gpu="L40S", max_model_len=4096)
    held = result.weights_gib_per_gpu + result.non_torch_gib + result.activation_peak_gib
    assert result.kv_cache_memory_gib == pytest.approx(0.9 * result.budget_gib - held, abs=0.01)


def test_prompts_have_logits_until_3_0():
    """`generate_token`, 2.4.1: `torch.log_softmax(out, -1)` of every token; REQUEST_LOGPROBS since 3.0.0."""
    before, since = (fit(item, max_model_len=4096, max_num_batched_tokens=8000) for item in ("2.4.1", "3.0.0"))
    logits = 2 * 8000 * load_model(LLAMA).vocab_size * 2 / GIB
    assert before.activation_peak_gib - since.activation_peak_gib == pytest.approx(logits, abs=0.001)
    assert any("log probabilities" in line for line in before.explain)
    assert not any("log probabilities" in line for line in since.explain)


def test_ranks_gather_whole_logits_beside_their_part():
    """`TensorParallelHead.forward` of layers/tensor_parallel.py, 2.2.0."""
    one, four = (
        fit("2.2.0", max_model_len=4096, max_num_batched_tokens=8000, tensor_parallel=tp, gpu="L40S") for tp in (1, 4)
    )
    line = next(item for item in four.explain if item.startswith("warm-up"))
    assert f"{2.25 * 8000 * 128256 * 2 / GIB:.2f}" in line
    assert four.activation_peak_gib > one.activation_peak_gib / 2


def test_a_tied_head_is_loaded_again():
    """`SpeculativeHead.load(prefix=embed_tokens)` beside `TensorParallelEmbedding`, which pads its own copy."""
    model = "google/gemma-2b-it"
    facts = load_model(model)
    plain = fit_case(FitCase(model=model, gpu="L4", engine_version="0.11.0"))
    more = fit("2.0.4", model=model, gpu="L4").weights_gib_per_gpu - plain.weights_gib_per_gpu
    assert more == pytest.approx(facts.vocab_size * facts.hidden_size * 2 / GIB, rel=0.01)


@pytest.mark.parametrize(
    ("name", "bits"), [("bitsandbytes", 8), ("eetq", 8), ("bitsandbytes-nf4", 4), ("bitsandbytes-fp4", 4)]
)
def test_names_of_quantize_are_those_of_its_launcher(name, bits):
    """`Quantization` of launcher/src/main.rs: bitsandbytes is the one of 8 bits, and so is eetq."""
    result = fit("2.4.0", model=MISTRAL, gpu="L40S", quantization=name)
    whole = fit("2.4.0", model=MISTRAL, gpu="L40S").weights_gib_per_gpu
    assert result.weights_gib_per_gpu == pytest.approx(whole * bits / 16, rel=0.16)
    assert result.findings == ()


def test_limits_that_nobody_set():
    """launcher/src/main.rs at each tag."""
    old, capped = step("1.4.0"), step("2.2.0")
    assert (old.tokens, old.length, old.longest_input, old.requests) == (4096, 2048, 1024, 4)
    assert (capped.tokens, capped.length, capped.longest_input) == (4145, 4096, 4095)
    # compute_optimal: 121 teraflops of an L4 over those of a token; a device that is not listed has 4,096.
    token = 32 * (2 * 4096 * (3 * 4096 + 2 * 1024) + 6 * 4096 * 14336)
    assert step("3.3.7").tokens == 121 * 10**12 // token
    assert step("3.3.7", tp=4).tokens == 4 * 121 * 10**12 // token
    assert step("3.3.7", gpu="A10").tokens == 4096
    assert step("3.3.7", model=GEMMA, gpu="H100").tokens == 8000
    assert step("3.0.0", model=GEMMA, gpu="H100").tokens == 4096


def test_a_prompt_that_is_shorter_makes_more_requests():
    """`warmup` of router/client/src: requests are made until they have the tokens of a step."""
    whole = step("2.2.0", max_model_len=32768, max_num_batched_tokens=16434)
    half = step("2.2.0", max_model_len=32768, max_num_batched_tokens=16434, max_input_tokens=16384)
    assert (whole.requests, half.requests) == (1, 2)


def test_since_3_0_the_cache_decides_the_length():
    """`warmup` of flash_causal_lm.py, 3.0.0: `max_total_tokens = min(num_blocks * BLOCK_SIZE, …)`."""
    result = fit("3.3.7")
    assert result.fits is True
    assert result.max_model_len == result.kv_cache_tokens < 131_072
    assert not any(item.startswith("LLM_FIT_12") for item in result.findings)


def test_a_warm_up_that_does_not_fit_says_so():
    weights = fit("3.3.7", model=LLAMA, gpu="T4")
    assert (weights.fits, weights.reason[:9]) == (False, "LLM_MEM_2")
    batch = fit("2.4.1", max_model_len=65536, max_num_batched_tokens=4096)
    assert (batch.fits, batch.reason[:9]) == (False, "LLM_MEM_3")
    assert "max-batch-prefill-tokens" in batch.engine_error
    assert 0 < batch.estimated_max_len < 65536
    shorter = fit("2.4.1", max_model_len=batch.estimated_max_len, max_num_batched_tokens=4096)
    assert shorter.fits is True


def test_gemma_3_attends_by_whole_matrices_in_3_2():
    """flash_gemma3_modeling.py 3.2.1: SDPA with a mask and grouped heads; FlashInfer takes the mask since 3.3.0."""
    case = {"model": GEMMA, "gpu": "A100-80GB", "tensor_parallel": 4, "max_model_len": 32000}
    assert fit("3.2.1", max_num_batched_tokens=31000, max_input_tokens=30000, **case).fits is False
    assert fit("3.3.0", max_num_batched_tokens=31000, max_input_tokens=30000, **case).fits is True


def test_graphs_come_after_the_cache():
    """`warmup`: the driver's own error while a graph is captured ends the start; old drivers take more for each."""
    case = {
        "model": "meta-llama/Llama-3.1-405B-Instruct-FP8",
        "gpu": "H100",
        "tensor_parallel": 8,
        "max_model_len": 13107,
        "max_num_batched_tokens": 550,
        "max_input_tokens": 500,
    }
    refused = fit("2.2.0", driver="535.154.05", **case)
    assert (refused.fits, refused.reason[:9]) == (False, "LLM_MEM_5")
    assert fit("2.2.0", driver="535.154.05", enforce_eager=True, **case).fits is True
    assert fit("2.2.0", driver="550.54", **case).fits is True


@pytest.mark.parametrize(
    ("text", "release"),
    [("2024-11", (2, 4, 0)), ("2023-08", (1, 0, 0)), ("3.3", (3, 3, 0)), ("latest", None), (None, None)],
)
def test_a_month_stands_for_the_line_that_was_new(text, release):
    assert tgi_release(text) == release


def test_without_a_release_the_tightest_line_is_answered():
    unnamed = fit(None, gpu="L40S", max_model_len=8192)
    named = [fit(item, gpu="L40S", max_model_len=8192) for item in ("2.4.1", "3.3.7")]
    assert unnamed.kv_cache_tokens == min(item.kv_cache_tokens for item in named)


def test_flags_of_the_launcher_are_read():
    line = FitCase(model=LLAMA, engine="tgi", max_input_tokens="30k")
    assert line.max_input_tokens == 30_000


def test_the_cache_decides_the_length_since_2_4_1() -> None:
    """launcher/src/main.rs and `warmup`, 2.4.1: a step of 4096 and no length; 2.4.0 caps both by 4096."""
    before, since = step("2.4.0"), step("2.4.1")
    assert (before.tokens, before.length, before.decided_later) == (4145, 4096, False)
    assert (since.tokens, since.decided_later) == (4096, True)
    # "Not enough memory to handle 4096 prefill tokens" of Phi 3.5 mini on 2.4.1 (github-text:10491657727).
    assert step("2.4.1", model="microsoft/Phi-3.5-mini-instruct").tokens == 4096
    asked = step("2.4.1", max_model_len=32768, max_input_tokens=30000)
    assert (asked.tokens, asked.length, asked.longest_input) == (4096, 32768, 30000)
    found = fit("2.4.1")
    assert found.max_model_len == found.kv_cache_tokens
