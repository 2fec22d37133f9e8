"""Exit codes, help, and the commands that are not about a platform."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import llminfra
from llminfra.cli.terminal.rule_page import print_rule
from llminfra.rules.registry import rules
from tests.cli.run import Run
from tests.cli.specs import GOOD, write

COMMANDS = ("plan", "synth", "check", "render", "images", "rehearse", "report", "fit", "explain", "schema")
RESULT_FIELDS = {
    "fits",
    "reason",
    "weights_gib_per_gpu",
    "kv_bytes_per_token_per_gpu",
    "kv_cache_memory_gib",
    "kv_cache_tokens",
    "max_concurrency",
}
FITTING = ("fit", "Qwen/Qwen3-8B", "--gpu", "H100-80GB", "--tp", "1", "--max-model-len", "8192")


def test_version(run: Run) -> None:
    assert run("--version").out == f"llminfra {llminfra.__version__}\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, run: Run) -> None:
    result = run(command, "--help")
    assert result.code == 0
    assert command in result.out


def test_help_lists_every_command(run: Run) -> None:
    result = run("--help")
    assert result.code == 0
    assert all(command in result.out for command in COMMANDS)


def test_images_are_listed_for_people_and_for_pipelines(workdir: Path, run: Run) -> None:
    mirror = "ImageMirror(registry='111122223333.dkr.ecr.us-east-1.amazonaws.com')"
    spec = (
        "from llminfra import *\ngpu = GpuPool(name='gpu', instance_types=['g6e.xlarge'])\n"
        f"Platform(name='p', region='us-east-1', pools=[gpu], images={mirror}, endpoints=[Endpoint(name='chat', "
        "model=Model(id='Qwen/Qwen3-8B'), engine=VLLM(max_model_len=8192), on=gpu)])\n"
    )
    path = write(workdir, spec)
    people, data = run("images", path), json.loads(run("images", path, "--to-copy", "--json").out)
    (platform,) = data["platforms"]
    engine = next(item for item in platform["images"] if item["used_by"] == ["chat"])
    assert engine["source"].startswith("docker.io/vllm/vllm-openai:v")
    assert engine["pulled"] == f"111122223333.dkr.ecr.us-east-1.amazonaws.com/mirror/{engine['source']}"
    assert (engine["way"], engine["repository"]) == ("copy", "mirror/docker.io/vllm/vllm-openai")
    assert {"karpenter", "nvidia-device-plugin"} <= {item["name"] for item in platform["charts"]}
    assert all(item["pulled"] in people.out for item in platform["images"])


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("plan",),
        ("plan", "missing.py"),
        ("plan", "."),
        ("plan", "spec.txt"),
        ("plan", "spec.py", "--nonsense"),
        ("check", "spec.py", "--format", "pdf"),
        ("check", "spec.py", "--rules", "missing"),
        ("rehearse", "spec.py", "--then", "spec.py", "--faults"),
        ("rehearse", "spec.py", "--existing", "missing.json"),
        ("rehearse", "spec.py", "--binary", "missing"),
        ("explain",),
        ("explain", "LLM_NOTHING_1"),
        ("explain", "LLM_FIT_1", "--list"),
        ("fit",),
        ("fit", "--jsonl", "missing.jsonl"),
        ("fit", "Qwen/Qwen3-8B", "--jsonl", "-"),
        ("fit", "--config", "missing.json"),
        ("fit", "Qwen/Qwen3-8B", "--tp", "two"),
    ],
)
def test_a_wrong_call_is_exit_code_2_with_a_reason(arguments: tuple[str, ...], workdir: Path, run: Run) -> None:
    write(workdir, GOOD)
    write(workdir, "text", "spec.txt")
    result = run(*arguments)
    assert result.code == 2
    assert result.out == ""
    assert result.err.strip()
    assert "Traceback" not in result.err


def test_a_missing_extra_is_a_wrong_call_that_says_what_to_install(workdir: Path) -> None:
    code = (
        "import sys; sys.modules['llminfra.policy'] = None\n"
        "from llminfra.cli.main import main; sys.exit(main(['check', 'spec.py']))"
    )
    write(workdir, GOOD)
    env = {**os.environ, "PYTHONPATH": str(Path(llminfra.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=workdir, env=env
    )
    assert done.returncode == 2
    assert "pip install 'llminfra[policy]'" in done.stderr


def test_explain_prints_what_why_fix_and_source(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    for rule in rules():
        print_rule(rule)
        printed = capsys.readouterr().out
        if rule.code.endswith("_1"):
            assert run("explain", rule.code).out == printed
        page = " ".join(printed.split())
        for text in (rule.code, rule.title, rule.severity.value, rule.why, rule.fix, *rule.source):
            assert " ".join(text.split()) in page


def test_explain_says_the_fix_in_both_languages(run: Run) -> None:
    page = " ".join(run("explain", "LLM_FIT_26").out.split())
    assert "Fix set Model(dtype='float16') to say" in page
    assert "Fix in YAML set model: {dtype: float16} to say" in page
    assert "in YAML" not in run("explain", "LLM_FIT_1").out
    assert json.loads(run("explain", "LLM_FIT_26", "--json").out)["fix_in_yaml"].startswith("set model: {dtype")


def test_explain_lists_every_rule_one_a_line_code_first(run: Run) -> None:
    lines = run("explain", "--list").out.splitlines()
    assert [line.split()[0] for line in lines] == [rule.code for rule in rules()]


def test_explain_is_lenient_about_spelling_and_suggests(run: Run) -> None:
    assert run("explain", "llm-fit-1").out == run("explain", "LLM_FIT_1").out
    assert "LLM_FIT_1" in run("explain", "LLM_FTI_1").err


def test_explain_knows_checks_of_checkov(run: Run) -> None:
    """What `check` prints can be asked for: llminfra's reason for the severity, or its own rule that sees the same."""
    page = run("explain", "ckv_aws_144")
    assert page.code == 0
    assert "replication doubles the cost" in page.out
    assert "Waiver(rule='CKV_AWS_144'" in page.out
    assert json.loads(run("explain", "CKV_AWS_144", "--json").out)["severity"] == "info"
    assert run("explain", "CKV_AWS_38").out == run("explain", "LLM_NET_10").out
    assert run("explain", "CKV_nothing").code == 2


def test_explain_as_json(run: Run) -> None:
    assert json.loads(run("explain", "LLM_FIT_1", "--json").out)["code"] == "LLM_FIT_1"
    assert len(json.loads(run("explain", "--list", "--json").out)) == len(rules())


def test_schema_is_a_json_schema_and_can_be_written(workdir: Path, run: Run) -> None:
    document = json.loads(run("schema").out)
    Draft202012Validator.check_schema(document)
    assert run("schema", "-o", workdir / "schema.json").code == 0
    assert json.loads((workdir / "schema.json").read_text(encoding="utf-8")) == document


def test_fit_has_the_fields_of_the_contract(run: Run) -> None:
    result = run(*FITTING, "--json")
    assert result.code == 0
    document = json.loads(result.out)
    assert set(document) >= RESULT_FIELDS
    assert document["fits"] is True
    assert document["weights_gib_per_gpu"] == pytest.approx(15.3, abs=0.5)


def test_fit_for_people(run: Run) -> None:
    result = run(*FITTING)
    assert result.code == 0
    assert "Qwen/Qwen3-8B: fits" in result.out
    assert "KV cache" in result.out


def test_what_does_not_fit_exits_with_1(run: Run) -> None:
    result = run("fit", "meta-llama/Llama-3.3-70B-Instruct", "--gpu", "L4", "--tp", "1", "--json")
    assert result.code == 1
    assert json.loads(result.out)["fits"] is False


def test_fit_reads_a_config_of_a_model_that_the_catalog_lacks(workdir: Path, run: Run) -> None:
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": 2048,
        "intermediate_size": 8192,
        "num_hidden_layers": 16,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "vocab_size": 128256,
        "max_position_embeddings": 8192,
        "tie_word_embeddings": True,
        "torch_dtype": "bfloat16",
    }
    path = write(workdir, json.dumps(config), "config.json")
    document = json.loads(run("fit", "acme/own", "--config", path, "--gpu", "L4", "--tp", "1", "--json").out)
    assert document["fits"] is True
    assert document["kv_bytes_per_token_per_gpu"] == 16 * 2 * 8 * 64 * 2
    line = write(workdir, json.dumps({"model": "acme/own", "config": config, "gpu": "L4"}) + "\n", "cases.jsonl")
    (result,) = run("fit", "--jsonl", line).out.splitlines()
    assert json.loads(result)["fits"] is True


def test_fit_streams_one_result_a_line_and_survives_bad_ones(workdir: Path, run: Run) -> None:
    lines = [
        json.dumps({"id": "a", "model": "Qwen/Qwen3-8B", "gpu": "H100-80GB", "tensor_parallel": 1}),
        "{broken",
        json.dumps({"id": "c", "model": "no/such-model", "gpu": "H100-80GB"}),
    ]
    result = run("fit", "--jsonl", write(workdir, "\n".join(lines), "cases.jsonl"))
    assert result.code == 0
    first, second, third = (json.loads(line) for line in result.out.splitlines())
    assert first["fits"] is True
    assert first["id"] == "a"
    assert second["error"]
    assert third["fits"] is not True
    assert third["id"] == "c"


def test_fit_answers_each_line_of_a_pipe_at_once() -> None:
    env = {**os.environ, "PYTHONPATH": str(Path(llminfra.__file__).parents[1])}
    command = [sys.executable, "-c", "import sys; from llminfra.cli.main import main; sys.exit(main())"]
    with subprocess.Popen(
        [*command, "fit", "--jsonl", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, env=env
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for length in (1024, 2048):
            process.stdin.write(json.dumps({"model": "Qwen/Qwen3-8B", "gpu": "L4", "max_model_len": length}) + "\n")
            assert json.loads(process.stdout.readline())["max_model_len"] == length
        process.stdin.close()
        assert process.wait(timeout=30) == 0
