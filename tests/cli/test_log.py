"""``llminfra log``: a start beside its plan, on the terminal and in JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.run import Run
from tests.start_logs.texts import BFLOAT16, POOLS, QWEN_ON_L40S, SGLANG, TOO_LONG
from tests.start_logs.tgi_texts import LLAMA_ON_A10G, NO_ROOM, as_json, plain

SPEC = """\
name: acme
region: us-east-1
pools:
  l40s: {instance_types: [g6e.2xlarge], nodes: [0, 2]}
models:
  qwen: {id: Qwen/Qwen2.5-3B}
endpoints:
  small:
    model: qwen
    engine: {kind: vllm, max_model_len: 32768}
    on: l40s
"""


@pytest.fixture
def log(workdir: Path) -> Path:
    """A log of a start that went well."""
    path = workdir / "small.log"
    path.write_text(QWEN_ON_L40S, encoding="utf-8")
    return path


def test_the_page(run: Run, log: Path) -> None:
    found = run("log", log, "--gpu", "L40S")
    assert (found.code, found.err) == (0, "")
    for text in (
        "Qwen/Qwen2.5-3B: started",
        "vllm 0.11.0 on 1 × L40S, 44.40 GiB each",
        "it went as planned",
        "took: weights 0.9 s · compile 3.7 s · graphs 4.0 s · engine 11.0 s · ready 34.0 s",
    ):
        assert text in " ".join(found.out.split())
    assert "KV cache, tokens   953,296" in found.out


def test_a_failed_start_is_told_with_what_helps(run: Run, workdir: Path) -> None:
    path = workdir / "long.log"
    path.write_text(TOO_LONG, encoding="utf-8")
    found = run("log", path, "--gpu", "RTX-3090-24GB")
    assert found.code == 1
    for text in ("did not start", "line 5 says:", "To serve at least one request", "starts with one of", "--tp 2"):
        assert text in found.out


def test_json_has_the_case_as_a_line_that_fit_takes(run: Run, log: Path, workdir: Path) -> None:
    found = run("log", log, "--gpu", "L40S", "--json")
    assert found.code == 0
    told = json.loads(found.out)
    assert (told["ok"], told["outcome"], told["holds"], told["differs"]) == (True, "ok", True, [])
    assert told["case"]["weights_gib_per_gpu"] == 5.7916
    (workdir / "case.jsonl").write_text(json.dumps(told["case"]), encoding="utf-8")
    line = json.loads(run("fit", "--jsonl", "case.jsonl").out)
    assert line["kv_cache_tokens"] == told["planned"]["kv_cache_tokens"]


def test_a_log_beside_the_endpoint_that_it_is_of(run: Run, log: Path, workdir: Path) -> None:
    spec = workdir / "spec.yaml"
    spec.write_text(SPEC, encoding="utf-8")
    found = run("log", log, spec)
    assert found.code == 1
    assert "beside the plan of endpoints.small" in found.out
    assert "runs otherwise than declared" in found.out
    told = json.loads(run("log", log, spec, "--json", "--endpoint", "small").out)
    assert "max_model_len" not in {item["name"] for item in told["differs"]}
    assert {
        "name": "engine_version",
        "runs": "0.11.0",
        "declared": told["planned"]["engine_version"],
        "line": 1,
    } in told["differs"]
    assert {row["name"] for row in told["compared"] if row["unit"] == "s"} == {"weights", "compile", "graphs", "engine"}


def test_the_settings_that_are_declared_differ_in_nothing(run: Run, log: Path, workdir: Path) -> None:
    spec = workdir / "spec.yaml"
    spec.write_text(SPEC.replace("kind: vllm,", "kind: vllm, version: 0.11.0, gpu_memory_utilization: 0.9,"))
    told = json.loads(run("log", log, spec, "--json").out)
    assert told["differs"] == []
    assert told["holds"]


def test_a_spec_with_errors_is_a_result_in_json(run: Run, log: Path, workdir: Path) -> None:
    spec = workdir / "spec.yaml"
    spec.write_text(SPEC.replace("g6e.2xlarge", "g6e.3xlarge"), encoding="utf-8")
    found = run("log", log, spec, "--json")
    assert found.code == 1
    assert json.loads(found.out)["ok"] is False


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("missing.log",), "cannot read missing.log: No such file or directory"),
        (("empty.log",), "kubectl logs POD --previous"),
        (("nameless.log",), "the log does not name its model: say --model ID"),
        (("own.log",), "calls the model '/models/own', which is none of the catalog: say --model ID, or --config"),
        (("hub.log",), "llminfra model fetch acme/own"),
        (("small.log", "--gpu", "H900"), "H900"),
        (("small.log", "--endpoint", "small"), "add the SPEC"),
        (("small.log", "spec.yaml", "--endpoint", "large"), "no endpoint 'large': say --endpoint NAME, one of small"),
        (("small.log", "--config", "no.json"), "there is no file no.json"),
    ],
)
def test_wrong_calls(run: Run, log: Path, workdir: Path, arguments: tuple[str, ...], said: str) -> None:
    (workdir / "spec.yaml").write_text(SPEC, encoding="utf-8")
    (workdir / "empty.log").write_text("", encoding="utf-8")
    figure = "Model loading took 5.79 GiB and 1.1 seconds"
    (workdir / "nameless.log").write_text(figure, encoding="utf-8")
    for name, model in (("own", "/models/own"), ("hub", "acme/own")):
        text = f"non-default args: {{'model': '{model}'}}\n{figure}"
        (workdir / f"{name}.log").write_text(text, encoding="utf-8")
    assert log.exists()
    found = run("log", *arguments)
    assert (found.code, found.out) == (2, "")
    assert said in found.err


def test_errors_that_rules_know_are_told_with_their_fix(run: Run, workdir: Path) -> None:
    (workdir / "alone.log").write_text(f"starting\nValueError: {BFLOAT16}", encoding="utf-8")
    found = run("log", "alone.log")
    assert (found.code, found.err) == (1, "")
    for text in ("line 2: LLM_FIT_25", "set Model(dtype='float16')", "`llminfra explain LLM_FIT_25` has more"):
        assert text in found.out
    told = json.loads(run("log", "alone.log", "--json").out)
    assert (told["ok"], told["known_errors"][0]["line"]) == (False, 2)
    # With a start they stand below it; a lack of memory is told by its figures alone.
    (workdir / "start.log").write_text(
        f"{QWEN_ON_L40S.partition('INFO 11-17 15:24:40')[0]}\n{BFLOAT16}", encoding="utf-8"
    )
    assert "LLM_FIT_25" in run("log", "start.log", "--gpu", "T4").out
    (workdir / "long.log").write_text(TOO_LONG, encoding="utf-8")
    assert json.loads(run("log", "long.log", "--gpu", "L4", "--json").out)["known_errors"] == []


def test_errors_are_told_where_the_model_is_not_known(run: Run, workdir: Path) -> None:
    args = "non-default args: {'model': '/models/own'}"
    (workdir / "own.log").write_text(f"{args}\n{BFLOAT16}", encoding="utf-8")
    found = run("log", "own.log")
    assert found.code == 2
    assert "LLM_FIT_25" in found.out
    assert "say --model ID" in found.err


def test_sglang_prints_no_release(run: Run, workdir: Path) -> None:
    (workdir / "s.log").write_text(SGLANG, encoding="utf-8")
    assert "nobody says, and was taken: engine_version" in run("log", "s.log", "--gpu", "L4").out
    assert "engine_version" not in run("log", "s.log", "--gpu", "L4", "--engine-version", "0.5.10").out


TGI_SPEC = """\
name: acme
region: us-east-1
pools:
  a10g: {instance_types: [g5.2xlarge], nodes: [0, 2]}
models:
  llama: {id: meta-llama/Llama-3.1-8B-Instruct, token: {name: hub}}
endpoints:
  chat:
    model: llama
    engine: {kind: tgi, version: 3.3.7, max_model_len: 8192, max_num_batched_tokens: 4145}
    on: a10g
"""


def test_tgi_beside_its_plan(run: Run, workdir: Path) -> None:
    (workdir / "t.log").write_text(plain(LLAMA_ON_A10G), encoding="utf-8")
    out = " ".join(run("log", "t.log", "--gpu", "A10G-24GB").out.split())
    for text in (
        "Llama-3.1-8B-Instruct: started",
        "tgi 2.2.0 on 1 × A10G-24GB",
        "KV cache, tokens 19,056",
        "took: download 145.7 s · shard 47.6 s · warmup 6.4 s · graphs 1.0 s · engine 7.4 s",
        "the engine decided: longest prompt 4,095 · longest request 4,096 · tokens of a prefill 4,145",
    ):
        assert text in out
    assert "nobody says" not in out


def test_tgi_otherwise_than_declared(run: Run, workdir: Path) -> None:
    (workdir / "t.log").write_text(as_json(LLAMA_ON_A10G), encoding="utf-8")
    (workdir / "spec.yaml").write_text(TGI_SPEC, encoding="utf-8")
    found = run("log", "t.log", "spec.yaml", "--json")
    told = json.loads(found.out)
    assert found.code == 1
    assert (told["endpoint"], told["releases"]) == ("endpoints.chat", ["2.2.0", "2.2.0"])
    differs = {item["name"]: (item["runs"], item["declared"], item["line"]) for item in told["differs"]}
    assert differs["engine_version"] == ("2.2.0", "3.3.7", 11)
    assert differs["max_model_len"] == (4096, 8192, 3)
    assert differs["max_input_tokens"] == (4095, 8191, 2)
    assert "max_num_batched_tokens" not in differs
    assert told["decided"]["longest prompt"] == 4095
    assert {row["name"] for row in told["compared"] if row["unit"] == "s"} >= {"shard", "engine"}


def test_tgi_without_room_is_told_what_helps(run: Run, workdir: Path) -> None:
    (workdir / "t.log").write_text(plain(NO_ROOM), encoding="utf-8")
    found = run("log", "t.log", "--gpu", "H100-80GB")
    assert found.code == 1
    for text in (
        "did not start",
        "tgi 3.0.0 to 3.2.1",
        "starts with one of",
        "--max-batch-prefill-tokens",
        "--num-shard 8",
    ):
        assert text in found.out
    told = json.loads(run("log", "t.log", "--gpu", "H100-80GB", "--json").out)
    first = told["ways_out"][0]
    assert first["options"].replace("--max-num-batched-tokens", "--max-batch-prefill-tokens") == first["engine_options"]


def test_pools_of_sglang_stand_beside_the_plan_in_gib(run: Run, workdir: Path) -> None:
    (workdir / "s.log").write_text(POOLS, encoding="utf-8")
    found = run("log", "s.log", "--gpu", "L40S", "--engine-version", "0.5.10")
    assert "KV cache, GiB" in found.out
    told = json.loads(run("log", "s.log", "--gpu", "L40S", "--engine-version", "0.5.10", "--json").out)
    row = next(row for row in told["compared"] if (row["name"], row["unit"]) == ("KV cache", "GiB"))
    assert (row["printed"], told["case"]["kv_cache_memory_gib"]) == (9.46, 9.46)
