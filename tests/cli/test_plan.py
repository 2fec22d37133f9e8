"""``llminfra plan``: a page for people, data for programs, and neither Node nor CDKTF."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from llminfra.cli.plan_page.view import plan_view
from llminfra.loading.wording.in_yaml import in_yaml
from llminfra.planning.specs import plan_specs
from llminfra.rules import LooksAt, rules
from llminfra.rules.plan_rules import plan_rules
from tests.cli.run import Run
from tests.cli.specs import GOOD, write

ROOT = Path(__file__).resolve().parents[2]
STACKS = [ROOT / "stacks" / "prod.py", ROOT / "stacks" / "dev.py"]


def test_the_page_names_what_was_decided(workdir: Path, run: Run) -> None:
    result = run("plan", write(workdir, GOOD))
    assert result.code == 0
    assert result.err == ""
    for text in (
        "good",
        "us-east-1",
        "gpu",
        "g6.2xlarge",
        "1 × L4",
        "Qwen/Qwen3-8B",
        "fp8",
        "TP 1",
        "GiB",
        "cold start",
    ):
        assert text in result.out, text
    assert "total" in result.out
    assert "prices of 20" in result.out


@pytest.mark.parametrize("width", [60, 80, 100, 160])
@pytest.mark.parametrize("path", STACKS, ids=lambda path: path.stem)
def test_no_line_is_wider_than_the_terminal(path: Path, width: int) -> None:
    (plan,) = plan_specs([path])
    console = Console(file=io.StringIO(), width=width, color_system=None)
    with console.capture() as capture:
        console.print(plan_view(plan, width))
    lines = capture.get().splitlines()
    assert len(lines) > 30
    assert max(len(line) for line in lines) <= width


def test_pipes_get_no_colour_and_no_trailing_blanks(workdir: Path, run: Run) -> None:
    result = run("plan", write(workdir, GOOD))
    assert "\x1b" not in result.out
    assert not any(line.endswith(" ") for line in result.out.splitlines())


@pytest.mark.parametrize("path", STACKS, ids=lambda path: path.stem)
def test_json_holds_the_whole_plan(path: Path, run: Run) -> None:
    result = run("plan", path, "--json")
    assert result.code == 0
    document = json.loads(result.out)
    assert document["ok"] is True
    (data,) = document["plans"]
    (plan,) = plan_specs([path])
    assert data["name"] == plan.platform.name
    assert [item["name"] for item in data["pools"]] == [item.name for item in plan.pools]
    assert data["pools"][0]["instance_types"][0]["name"] == plan.pools[0].main_type.name
    for item, endpoint in zip(data["endpoints"], plan.endpoints, strict=True):
        assert item["fit"]["kv_cache_tokens"] == endpoint.fit.kv_cache_tokens
        assert item["startup"]["estimate_s"] == pytest.approx(endpoint.startup.estimate_s)
        assert item["invocation"]["args"] == list(endpoint.invocation.args)
    assert [item["usd_per_hour_max"] for item in data["costs"]] == [item.usd_per_hour_max for item in plan.costs]
    assert set(data["platform"]["endpoints"]) == {item.name for item in plan.endpoints}
    assert document["diagnostics"] == [item.to_dict() for item in plan.diagnostics]


def test_json_is_the_same_from_run_to_run(run: Run) -> None:
    assert run("plan", *STACKS, "--json").out == run("plan", *STACKS, "--json").out


def test_several_specs_give_several_plans(run: Run) -> None:
    document = json.loads(run("plan", *STACKS, "--json").out)
    assert [item["name"] for item in document["plans"]] == ["acme-prod", "acme-dev"]


def _in_yaml(value: Any, path: str) -> Any:
    if isinstance(value, dict):
        return {key: _in_yaml(each, path) for key, each in value.items()}
    if isinstance(value, list):
        return [_in_yaml(each, path) for each in value]
    return in_yaml(value, path) if isinstance(value, str) else value


def test_the_same_spec_in_yaml_gives_the_same_plan(workdir: Path, run: Run) -> None:
    text = (
        "name: good\nregion: us-east-1\npools:\n  gpu: {instance_types: [g6.2xlarge]}\n"
        "models:\n  qwen: {id: Qwen/Qwen3-8B, quantization: fp8}\n"
        "endpoints:\n  chat: {model: qwen, engine: {kind: vllm, max_model_len: 8192}, on: gpu}\n"
    )
    python, yaml = write(workdir, GOOD), write(workdir, text, "spec.yaml")
    (first,), (second,) = plan_specs([python]), plan_specs([yaml])
    assert first.platform == second.platform
    one, two = (json.loads(run("plan", path, "--json").out)["plans"] for path in (python, yaml))
    for (plan,) in (one, two):
        assert [item["code"] for item in plan.pop("diagnostics")] == ["LLM_STO_10"], "with file and line of each"
    assert one != two
    assert _in_yaml(one, "endpoints.chat") == two  # all but the words


def test_plan_needs_neither_cdktf_nor_node(workdir: Path) -> None:
    code = (
        "import sys; from llminfra.cli.main import main; code = main(['plan', sys.argv[1]]);"
        "heavy = [name for name in ('cdktf', 'jsii', 'constructs', 'checkov', 'yaml') if name in sys.modules];"
        "sys.exit(f'loaded: {heavy}' if heavy else code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(write(workdir, GOOD))],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": "", "PYTHONPATH": str(ROOT)},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "Qwen/Qwen3-8B" in done.stdout


def test_an_ascii_terminal_gets_no_traceback(workdir: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from llminfra.cli.main import main; sys.exit(main())", "plan", "spec.py"],
        capture_output=True,
        check=False,
        cwd=write(workdir, GOOD).parent,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0
    assert done.stderr == b""


def test_a_closed_pipe_is_no_traceback(workdir: Path) -> None:
    write(workdir, GOOD)
    command = (
        f"{sys.executable} -c 'import sys; from llminfra.cli.main import main; sys.exit(main())' plan spec.py | head -1"
    )
    done = subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        check=False,
        cwd=workdir,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.stdout.startswith("good")
    assert done.stderr == ""


def test_what_has_no_price_is_no_zero(workdir: Path, run: Run) -> None:
    far = write(workdir, GOOD.replace("us-east-1", "eu-west-3").replace("pools=", "budget_usd_per_month=5000, pools="))
    shown = run("plan", str(far)).out
    (total,) = [line for line in shown.splitlines() if line.split()[:1] == ["total"]]
    assert total.split() == ["total", "≥", "0.10", "≥", "0.10", "≥", "73", "≥", "73"]
    (network,) = [line for line in shown.splitlines() if line.strip().startswith("stack network")]
    assert network.split()[2:] == ["?", "?", "?", "?"]
    flat = " ".join(shown.split())
    assert "without the prices of pools.gpu (" in flat
    assert "unknown in eu-west-3: `llminfra catalog refresh --region eu-west-3`, then LLMINFRA_PRICES" in flat
    assert "budget $5,000 a month, at least 1% of it taken at full size: not proved" in flat
    assert "LLM_COST_2" in flat


def test_a_half_known_total_is_a_lower_bound(run: Run) -> None:
    shown = run("plan", "examples/sagemaker/spec.py").out
    (total,) = [line for line in shown.splitlines() if line.split()[:1] == ["total"]]
    assert total.split()[1::2] == ["≥"] * 4
    (stack,) = [line for line in shown.splitlines() if line.strip().startswith("stack sagemaker")]
    assert stack.split()[2:] == ["?", "?", "?", "?"]


def test_only_prices_that_a_file_lacks_are_said_to_be_missing(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = {"usd_per_hour": 30.0, "source": "test"}
    prices = {"p5.48xlarge": dict.fromkeys(("spot", "reserved", "savings-plan", "capacity-block"), row)}
    prices["g6e.12xlarge"] = {"spot": {**row, "usd_per_hour": 4.0}}
    path = tmp_path / "prices.json"
    path.write_text(json.dumps({"region": "us-east-1", "date": "2026-11-23", "prices": prices}))
    monkeypatch.setenv("LLMINFRA_PRICES", str(path))
    told = " ".join(run("plan", "stacks/prod.py").out.split())
    assert " – reserved, savings-plan and capacity-block prices of l40s: the file of 2026-11-23" in told
    assert "prices of h100" not in told
    assert "capacity-block $30.00" in told


def page(name: str, run: Run, *options: str) -> str:
    """A page of an example, its lines joined, because they are folded anywhere."""
    return " ".join(run("plan", f"examples/{name}/spec.py", *options).out.split())


@pytest.mark.parametrize("name", ["ec2", "ec2-two-instances", "sagemaker", "sagemaker-async", "batch-inference"])
def test_what_runs_outside_the_cluster_is_told_as_much(name: str, run: Run) -> None:
    text = page(name, run)
    assert text.count("█ weights") == text.count(" ░ free") > 0
    for words in ("KV cache of", "≈ first token", "cold start", "node 2 min · image 2 min 47 s", "sum ", "why ", "TP "):
        assert words in text, words
    assert "memory: activation peak" not in text
    full = page(name, run, "--why")
    for about in ("memory: activation peak", "speed: decode step", "start: weights"):
        assert about in full


def test_precision_and_price_of_tokens_are_told_outside_the_cluster(run: Run) -> None:
    text = page("ec2", run)
    assert "Qwen/Qwen3-14B fp8" in text
    assert "per million output tokens" in text


def test_a_batch_says_where_its_weights_come_from_and_gets_no_tips_for_pods(run: Run) -> None:
    text = page("batch-inference", run)
    assert "weights s3://acme-batch-weights/models/Qwen/Qwen3-8B/" in text
    for words in ("GpuPool", "compile_cache", "Lustre", "NVMe, later", "warm node"):
        assert words not in text


def test_long_addresses_are_whole(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    text = run("plan", "examples/sagemaker/spec.py").out
    address = "https://runtime.sagemaker.us-east-1.amazonaws.com/endpoints/sagemaker-chat/invocations"
    assert address in text.replace(" ", "").replace("\n", "")
    assert "…/" not in text


def test_findings_stay_in_their_column_and_tell_what_is_expected(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = run("plan", "examples/sagemaker/spec.py").out
    findings = text.partition("\nFindings\n")[2].splitlines()
    assert all(line.startswith(" ") for line in findings if line)
    assert any(line.split()[:1] == ["expected"] for line in findings)


def test_a_fixed_number_is_no_range(run: Run) -> None:
    text = page("deepseek-r1-two-nodes", run)
    assert "p5en.48xlarge × 2 " in text
    assert "2…2" not in text


def test_a_spread_that_does_not_do_is_no_alternative(run: Run) -> None:
    lines = [line.split() for line in run("plan", "examples/sglang/spec.py").out.splitlines()]
    assert [line for line in lines if line[:3] == ["not", "TP", "1:"]]
    assert not [line for line in lines if line[:3] == ["or", "TP", "1:"]]
    assert [line for line in lines if line[:3] == ["or", "TP", "4:"]]


ASLEEP = GOOD.replace("on=pool)", "on=pool, replicas=Autoscaling(min=0, max=2))").replace("VLLM,", "VLLM, Autoscaling,")
ACCEPTED = """
import datetime as dt
from llminfra import Waiver
because = dict(reason="Testers start it by hand, and live with that.", owner="ml", expires=dt.date(2099, 1, 1))
platform = platform.model_copy(update={"waivers": (Waiver(rule="LLM_STO_10", scope="endpoints.*", **because),)})
"""


def test_plan_refuses_what_synth_refuses(workdir: Path, run: Run) -> None:
    spec = write(workdir, ASLEEP)
    planned, synthesized = run("plan", spec), run("synth", spec, "-o", workdir / "out")
    assert planned.code == synthesized.code == 1
    assert not planned.out
    assert "LLM_SRV_69 at endpoints.chat.replicas" in planned.err
    assert "LLM_SRV_69 at endpoints.chat.replicas" in synthesized.err
    told = json.loads(run("plan", spec, "--json").out)
    assert not told["ok"]
    assert "LLM_SRV_69" in {item["code"] for item in told["diagnostics"]}


def test_warnings_of_rules_stand_under_the_plan_unless_they_are_accepted(workdir: Path, run: Run) -> None:
    open_, accepted = write(workdir, GOOD), write(workdir, GOOD + ACCEPTED, "accepted.py")
    assert run("plan", open_).code == 0
    assert "LLM_STO_10" in run("plan", open_).out
    assert "LLM_STO_10" in {item["code"] for item in json.loads(run("plan", open_, "--json").out)["diagnostics"]}
    assert "LLM_STO_10" not in run("plan", accepted).out


def test_the_rules_that_plan_runs_are_those_of_the_registry() -> None:
    judging = [rule for rule in rules() if rule.looks_at is LooksAt.PLAN and rule.check is not None]
    wanted = [rule.code for rule in (*judging, *(rule for rule in rules() if rule.foreseen is not None))]
    assert sorted(rule.code for rule in plan_rules()) == sorted(wanted)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize("arguments", [["plan", "spec.py"], ["explain", "--list"]])
def test_a_full_disk_is_no_traceback(arguments: list[str], workdir: Path) -> None:
    write(workdir, GOOD)
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            [sys.executable, "-m", "llminfra", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            cwd=workdir,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    assert done.returncode == 1
    assert done.stderr == "llminfra: cannot write: No space left on device\n"


def test_statements_for_the_owner_of_a_key_can_be_copied_at_any_width(
    workdir: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    arn = "arn:aws:kms:us-east-1:444455556666:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    keyed = f'region="us-east-1", account_id="111122223333", encryption=CustomerKey(arn="{arn}")'
    text = GOOD.replace('region="us-east-1"', keyed).replace("import VLLM", "import CustomerKey, VLLM")
    spec = write(workdir, text)
    monkeypatch.setenv("COLUMNS", "80")
    lines = run("plan", spec).out.splitlines()
    printed = json.loads("\n".join(lines[lines.index("[") : lines.index("]") + 1]))
    (plan,) = json.loads(run("plan", spec, "--json").out)["plans"]
    assert printed == plan["key_policy"]["statements"]
    assert "aws iam create-service-linked-role --aws-service-name autoscaling.amazonaws.com" in lines


def test_a_plan_without_a_declared_key_asks_nothing_of_its_owner(workdir: Path, run: Run) -> None:
    spec = write(workdir, GOOD)
    assert "the owner of the key" not in run("plan", spec).out
    (plan,) = json.loads(run("plan", spec, "--json").out)["plans"]
    assert plan["key_policy"] is None
