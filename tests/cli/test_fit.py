"""``llminfra fit``: what is taken for what was asked, what is refused, and what a wrong call says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import llminfra
from llminfra.catalog.engines import engine_info
from tests.cli.run import Run
from tests.cli.specs import write

SMALL = "Qwen/Qwen3-8B"


def plain(text: str) -> str:
    """One line: the console wraps."""
    return " ".join(text.split())


@pytest.mark.parametrize(("gpu", "product"), [("p5.48xlarge", "H100"), ("g6e.12xlarge", "L40S")])
def test_an_instance_type_stands_for_its_gpu(gpu: str, product: str, run: Run) -> None:
    result = run("fit", SMALL, "--gpu", gpu)
    assert result.code == 0
    assert "no GPU is named" not in result.out
    assert product in result.out.splitlines()[1]
    assert f"{gpu} has " in result.out


@pytest.mark.parametrize(
    ("gpu", "words"),
    [
        ("NOPE", "h100-80gb"),
        ("H10O", "h100-80gb"),
        ("p5.49xlarge", "p5.48xlarge"),
        ("m7i.large", "has no GPU"),
    ],
)
def test_an_unknown_gpu_is_a_wrong_call(gpu: str, words: str, run: Run) -> None:
    result = run("fit", SMALL, "--gpu", gpu)
    assert (result.code, result.out) == (2, "")
    assert words in result.err


@pytest.mark.parametrize(("gpu", "taken"), [("A100", "A100 40GB, 39."), ("A100-80GB", "A100 80GB, 79.")])
def test_the_device_that_was_taken_is_told(gpu: str, taken: str, run: Run) -> None:
    assert taken in run("fit", SMALL, "--gpu", gpu).out


def test_a_device_of_a_stated_size_says_that_it_is_one(run: Run) -> None:
    assert "not in the catalog" in run("fit", SMALL, "--gpu", "RTX-A5000-24GB", "--max-model-len", "4096").out


@pytest.mark.parametrize("engine", ["vllm", "sglang", "tgi"])
def test_the_pinned_release_is_the_default(engine: str, run: Run) -> None:
    version = engine_info(engine).default_version
    result = run("fit", SMALL, "--gpu", "H100-80GB", "--engine", engine)
    assert f"{engine} {version} on 1 × NVIDIA H100" in result.out
    named = ("--engine", engine, "--engine-version", version, "--json")
    document = json.loads(run("fit", SMALL, "--gpu", "H100-80GB", *named).out)
    assert document == json.loads(run("fit", SMALL, "--gpu", "H100-80GB", "--engine", engine, "--json").out)
    assert document["engine_version"] == version


def test_fit_and_plan_agree(workdir: Path, run: Run) -> None:
    spec = """
from llminfra import *
pool = GpuPool(name="gpu", instance_types=["g6e.12xlarge"])
model, engine = Model(id="Qwen/Qwen3-32B"), VLLM(max_model_len=16384)
chat = Endpoint(name="chat", model=model, engine=engine, on=pool, parallelism=Parallelism(tensor=2))
Platform(name="p", region="us-east-1", pools=[pool], endpoints=[chat])
"""
    (plan,) = json.loads(run("plan", write(workdir, spec), "--json").out)["plans"]
    asked = ("Qwen/Qwen3-32B", "--gpu", "L40S", "--tp", "2", "--max-model-len", "16384", "--json")
    alone = json.loads(run("fit", *asked).out)
    planned = plan["endpoints"][0]["fit"]
    for figure in ("fits", "kv_cache_tokens", "kv_cache_memory_gib", "weights_gib_per_gpu", "engine_version"):
        assert planned[figure] == alone[figure]


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (("--quantization", "nope"), "known: auto_awq"),
        (("--quantization", "awqq"), "Known: auto_awq"),
        (("--dtype", "int4"), "bfloat16"),
        (("--kv-cache-dtype", "foo"), "fp8_e4m3"),
        (("--block-size", "7"), "1, 8, 16, 32"),
        (("--engine", "foo"), "vllm, sglang"),
        (("--engine-version", "9.9"), "0.33.0"),
        (("--engine-version", "0.10.5"), "0.10.2"),
        (("--engine-version", "main"), "has no such release"),
        (("--tp", "0"), "--tp 0: expected at least 1"),
        (("--gpu-memory-utilization", "1.5"), "--gpu-memory-utilization '1.5': expected a share"),
        (("--max-model-len", "-1"), "--max-model-len '-1': expected a number of tokens"),
        (("--limit-mm-per-prompt", '{"image": {"width": 512}}'), "the most items of a request by modality"),
        (("--engine", "sglang", "--language-model-only"), "--language-model-only is counted for vllm alone"),
        (("--engine", "tgi", "--limit-mm-per-prompt", "image=0"), "--limit-mm-per-prompt is counted for vllm alone"),
        (("--engine", "tgi", "--tp", "2", "--pp", "2"), "--pp: tgi cannot be told of it"),
        (("--engine", "mii", "--ep"), "--ep: mii cannot be told of it"),
        (("--quantization", "gguf"), "name the repository that they were made from"),
        (("--sort", "colour"), "--sort is one of instance, replica, tokens"),
        (("--region", "us-east-99"), "no region is called 'us-east-99'"),
    ],
)
@pytest.mark.parametrize("gpu", [(), ("--gpu", "L4")])
def test_nonsense_is_a_wrong_call(option: tuple[str, ...], words: str, gpu: tuple[str, ...], run: Run) -> None:
    result = run("fit", SMALL, *gpu, *option)
    assert (result.code, result.out) == (2, "")
    assert words in result.err
    assert "LLM_" not in result.err


@pytest.mark.parametrize("version", ["0.11.0", "v0.11.0", "0.11", "0.6.3", "0.11.1rc3.dev29+g3fa2c1218", "0.8.5.post1"])
def test_releases_that_exist_are_taken(version: str, run: Run) -> None:
    assert run("fit", SMALL, "--gpu", "H100-80GB", "--engine-version", version).code == 0


def test_an_unknown_model_is_a_wrong_call(run: Run) -> None:
    result = run("fit", "Qwen/Qwen3-8", "--gpu", "L4")
    assert result.code == 2
    assert "Qwen/Qwen3-8B" in result.err
    assert "--config" in result.err
    told = run("fit", "no/such", "--gpu", "L4", "--json")
    assert told.code == 2
    assert json.loads(told.out)["error"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("Qwen/Qwen3-32B", "--gpu", "H100-80GB", "--tp", "3"), "LLM_SHAPE_1"),
        ((SMALL, "--gpu", "H100-80GB", "--tp", "2", "--ep"), "LLM_SHAPE_5"),
        (("Qwen/Qwen3-235B-A22B-FP8", "--gpu", "H100-80GB", "--tp", "8"), "LLM_SHAPE_6"),
        ((SMALL, "--gpu", "L4", "--quantization", "awq"), "LLM_FIT_23"),
        ((SMALL, "--gpu", "L4", "--quantization", "awq_marlin"), "LLM_FIT_23"),
        ((SMALL, "--gpu", "H100", "--max-model-len", "99999999"), "LLM_FIT_4"),
        ((SMALL, "--gpu", "V100-32GB"), "LLM_FIT_27"),
        ((SMALL, "--gpu", "T4", "--dtype", "bfloat16"), "LLM_FIT_25"),
        ((SMALL, "--gpu", "L40S", "--max-num-seqs", "4096"), "LLM_FIT_43"),
        ((SMALL, "--gpu", "H100", "--max-num-seqs", "4096", "--max-num-batched-tokens", "2048"), "LLM_FIT_43"),
    ],
)
def test_what_the_engine_refuses_does_not_start(arguments: tuple[str, ...], code: str, run: Run) -> None:
    result = run("fit", *arguments)
    assert result.code == 1
    assert "does not start" in result.out
    assert code in result.out
    document = json.loads(run("fit", *arguments, "--json").out)
    assert document["fits"] is False
    assert document["reason"].startswith(code)


def test_the_engines_words_stand_below(run: Run) -> None:
    out = plain(run("fit", "Qwen/Qwen3-32B", "--gpu", "H100-80GB", "--tp", "3").out)
    assert "the engine would say: Total number of attention heads (64) must be divisible by" in out


def test_a_device_that_the_release_has_no_code_for_runs_an_older_one(run: Run) -> None:
    asked = ("fit", "Qwen/Qwen3-0.6B", "--gpu", "V100-32GB")
    assert "CUDA 13 has no code" in plain(run(*asked).out)
    assert run(*asked, "--engine-version", "0.8.5").code == 0


def test_an_engine_that_starts_without_room_for_one_request_says_so(run: Run) -> None:
    result = run("fit", "Qwen/Qwen3-32B", "--engine", "sglang", "--gpu", "H100")
    assert result.code == 0
    assert result.out.startswith("Qwen/Qwen3-32B: starts, but holds no request of full length")
    assert "no request of 40,960 tokens fits" in plain(result.out)


def test_an_engine_without_a_memory_model_says_whose_rules_are_taken(run: Run) -> None:
    out = run("fit", SMALL, "--engine", "deepspeed", "--gpu", "L4", "--max-model-len", "8192").out
    assert "the memory of deepspeed is not modelled" in plain(out)
    assert "not modelled" not in run("fit", SMALL, "--gpu", "L4", "--max-model-len", "8192").out


def test_numbers_are_written_alike(run: Run) -> None:
    out = run("fit", SMALL, "--gpu", "H100-80GB").out
    tokens = next(line.split()[-1] for line in out.splitlines() if line.startswith("KV cache tokens"))
    assert "," in tokens
    assert f"of cache, {tokens} tokens" in out
    assert "requests of 40,960 tokens at once" in out


def test_the_list_names_engine_and_length(run: Run) -> None:
    version = engine_info("vllm").default_version
    first = run("fit", SMALL, "--max-model-len", "16384").out.splitlines()[0]
    assert first == f"{SMALL} on vllm {version} in us-east-1, 1 request of 16,384 tokens at once"


def test_the_list_keeps_the_spread_that_is_asked_for(run: Run) -> None:
    rows = json.loads(run("fit", SMALL, "--tp", "2", "--pp", "2", "--json").out)
    shapes = {(row["parallelism"]["tensor"], row["parallelism"]["pipeline"]) for row in rows if row["fits"]}
    assert shapes == {(2, 2)}
    assert {row["reason"] for row in rows if row["gpus"] < 4} == {"4 GPUs are asked for"}
    experts = json.loads(run("fit", "Qwen/Qwen3-30B-A3B", "--tp", "4", "--ep", "--json").out)
    assert {row["parallelism"]["expert"] for row in experts if row["fits"]} == {True}
    copies = json.loads(run("fit", SMALL, "--dp", "2", "--json").out)
    assert {row["parallelism"]["data"] for row in copies if row["fits"]} == {2}


def test_the_list_refuses_a_context_beyond_the_models(run: Run) -> None:
    result = run("fit", SMALL, "--max-model-len", "99999999")
    assert result.code == 1
    assert "LLM_FIT_4" in result.out


@pytest.mark.parametrize("config", ['{"model_type": "llama"}', '{"hidden_size": -1, "model_type": "llama"}', "[]"])
@pytest.mark.parametrize("gpu", [(), ("--gpu", "L4")])
def test_a_config_of_nonsense_is_a_wrong_call(config: str, gpu: tuple[str, ...], workdir: Path, run: Run) -> None:
    result = run("fit", "acme/own", "--config", write(workdir, config, "config.json"), *gpu)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("llminfra: ")


LINES = (
    b'{"id": 5, "model": "Qwen/Qwen3-8B", "gpu": "L4"}',
    b'{"model": "Qwen/Qwen3-8B\xff"}',
    b"",
    b'{"id": "c", "model": "Qwen/Qwen3-8B", "gpus": 2}',
)


def told(out: str) -> list[str | None]:
    return [json.loads(line)["error"] for line in out.splitlines()]


def test_bad_bytes_in_a_file_are_errors_of_their_lines(workdir: Path, run: Run) -> None:
    (workdir / "cases.jsonl").write_bytes(b"\n".join(LINES))
    result = run("fit", "--jsonl", "cases.jsonl")
    assert (result.code, result.err) == (0, "")
    first, second, third = told(result.out)
    assert first is None
    assert (second or "").startswith("line 2: not UTF-8")
    assert third == "line 4: unknown key `gpus`: did you mean `gpus_total`?"


def test_bad_bytes_in_a_pipe_are_errors_of_their_lines() -> None:
    code = "import sys; from llminfra.cli.main import main; sys.exit(main())"
    root = Path(llminfra.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code, "fit", "--jsonl", "-"],
        input=b"\n".join(LINES), capture_output=True, check=True, timeout=60, cwd=root,
    )  # fmt: skip
    assert [bool(item) for item in told(done.stdout.decode())] == [False, True, True]
    assert done.stderr == b""


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (("--max-model-len", "32K"), ("--max-model-len", "32768")),
        (("--max-model-len", "32,768"), ("--max-model-len", "32768")),
        (("--max-model-len", "32k"), ("--max-model-len", "32000")),
        (("--gpu-memory-utilization", "85%"), ("--gpu-memory-utilization", "0.85")),
        (("--mem-fraction-static", "0.85"), ("--gpu-memory-utilization", "0.85")),
        (("--tensor-parallel-size", "2"), ("--tp", "2")),
        (("--pipeline-parallel-size", "2"), ("--pp", "2")),
        (("--data-parallel-size", "2"), ("--dp", "2")),
        (("--engine", "SGLang"), ("--engine", "sglang")),
    ],
)
def test_options_as_people_write_them(written: tuple[str, str], read: tuple[str, str], run: Run) -> None:
    asked = ("fit", SMALL, "--gpu", "H100", "--json")
    assert json.loads(run(*asked, *written).out) == json.loads(run(*asked, *read).out)


@pytest.mark.parametrize("name", ["w4a16", "int4", "fp8_e4m3"])
def test_formats_are_quantizations(name: str, run: Run) -> None:
    result = run("fit", SMALL, "--gpu", "L4", "--quantization", name, "--max-model-len", "8192")
    # Plain weights become fp8 while loading; four bits must come that way.
    assert result.code == (0 if name == "fp8_e4m3" else 1)
    assert ("LLM_FIT_23" in result.out) is (name != "fp8_e4m3")


def test_the_list_says_that_plain_weights_must_be_quantized_first(run: Run) -> None:
    assert "note: LLM_FIT_23: awq weights must come quantized" in plain(run("fit", SMALL, "--quantization", "awq").out)
    assert "LLM_FIT_23" not in run("fit", SMALL, "--quantization", "fp8").out
    assert "LLM_FIT_23" not in run("fit", "Qwen/Qwen3-32B-AWQ", "--quantization", "awq").out


@pytest.mark.parametrize(
    ("gpu", "words"),
    [
        ("MI300X", "is not an NVIDIA device"),
        ("inf2.xlarge", "AWS Inferentia, not NVIDIA GPUs"),
        ("g4ad.xlarge", "AMD Radeon, not NVIDIA GPUs"),
        ("RTX 3080 Ti", "is neither a GPU"),
    ],
)
def test_another_makers_device_has_no_near_name(gpu: str, words: str, run: Run) -> None:
    result = run("fit", SMALL, "--gpu", gpu)
    assert (result.code, result.out) == (2, "")
    assert words in result.err
    assert "b300" not in result.err
    assert "r8i" not in result.err


@pytest.mark.parametrize(
    ("spread", "code", "finding"),
    [
        (("g5.2xlarge", "--tp", "4"), 1, "LLM_FIT_6"),
        (("g5.12xlarge", "--tp", "6"), 1, "LLM_SHAPE_1"),
        (("p5.48xlarge", "--tp", "8", "--pp", "2"), 0, "LLM_FIT_11"),
        (("p5.48xlarge", "--tp", "16", "--engine", "tgi"), 1, "LLM_FIT_16"),
    ],
)
def test_more_gpus_than_the_type_has(spread: tuple[str, ...], code: int, finding: str, run: Run) -> None:
    result = run("fit", SMALL, "--max-model-len", "8192", "--gpu", *spread)
    assert result.code == code
    assert finding in result.out


def test_a_gpu_without_kernels_does_not_start(run: Run) -> None:
    result = run("fit", "Qwen/Qwen3-0.6B", "--gpu", "P100", "--engine-version", "0.8.5")
    assert result.code == 1
    assert "LLM_FIT_27" in result.out


def test_the_release_that_is_named_for_an_old_gpu_runs_on_it(run: Run) -> None:
    asked = ("fit", "Qwen/Qwen3-0.6B", "--gpu", "V100", "--max-model-len", "4096")
    refused = run(*asked)
    assert refused.code == 1
    (named,) = re.findall(r"with CUDA 12, such as ([\d.]+)", plain(refused.out))
    assert run(*asked, "--engine-version", named).code == 0


def test_the_list_says_what_its_columns_are(run: Run) -> None:
    out = plain(run("fit", SMALL, "--max-model-len", "16384", "--concurrency", "4").out)
    assert "with 4 requests at once; $/M tokens: of answers, at full load; both: 1,024 tokens in and 256 out" in out
    elsewhere = plain(run("fit", SMALL, "--max-model-len", "16384", "--region", "eu-north-1").out)
    assert "types without a price are in the order of on-demand prices in us-east-1" in elsewhere


def test_the_list_says_where_more_than_one_instance_is_needed(run: Run) -> None:
    large = ("fit", "deepseek-ai/DeepSeek-V3", "--max-model-len", "8192")
    out = plain(run(*large).out)
    assert "2 × p5.48xlarge" in out
    assert "instances joined by EFA, TP 8 × PP 2" in out
    assert "2 × p5.48xlarge" not in run(*large, "--engine", "tgi").out
    rows = json.loads(run(*large, "--json").out)
    assert {row["nodes"] for row in rows if row["instance_type"] == "p5.48xlarge"} == {2}


def test_the_list_says_what_a_config_leaves_open(workdir: Path, run: Run) -> None:
    config = {"model_type": "foo", "hidden_size": 1024, "num_hidden_layers": 8, "num_attention_heads": 16,
              "num_key_value_heads": 8, "intermediate_size": 4096, "vocab_size": 32000}  # fmt: skip
    path = write(workdir, json.dumps(config), "config.json")
    assert "note: LLM_INPUT_4: model_type 'foo'" in plain(run("fit", "acme/own", "--config", path).out)


@pytest.mark.parametrize("text", ["[]", "{"])
def test_a_file_that_is_no_config_is_told(run: Run, tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text, encoding="utf-8")
    result = run("fit", "acme/own", "--config", str(tmp_path), "--gpu", "L4")
    assert result.code == 2
    assert "config.json" in result.err


def test_a_task_that_nobody_knows_is_told_with_the_nearest(run: Run) -> None:
    assert "did you mean embed?" in run("fit", SMALL, "--gpu", "L4", "--task", "embeding").err


def test_nothing_is_no_model(run: Run) -> None:
    assert "name a MODEL" in run("fit", " ").err


@pytest.mark.parametrize(
    ("option", "told"),
    [
        (("--tp", "two"), "'two': expected a whole number"),
        (("--concurrency", "0"), "'0': expected at least 1"),
    ],
)
def test_an_option_of_the_wrong_type_is_told_with_what_was_given(option: tuple[str, str], told: str, run: Run) -> None:
    result = run("fit", "Qwen/Qwen3-8B", *option)
    assert result.code == 2
    assert told in result.err


def test_a_batch_that_a_plan_would_not_have_is_told(run: Run) -> None:
    asked = ("fit", SMALL, "--gpu", "h100", "--max-model-len", "8192")
    told = plain(run(*asked).out)
    assert "at most 1,024 sequences in a batch, the engine's default; a plan has 256 where a spec says none" in told
    assert "sequences in a batch" not in run(*asked, "--max-num-seqs", "1024").out
    assert "sequences in a batch" not in run("fit", SMALL, "--gpu", "l4", "--max-model-len", "8192").out
