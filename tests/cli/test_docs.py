"""docs/cli.md says what is so."""

import re
from pathlib import Path

from tests.cli.run import Run
from tests.cli.specs import write
from tests.start_logs.texts import QWEN_ON_L40S

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")


def test_every_option_on_the_page_exists(run: Run) -> None:
    commands = [
        line.split()[1] for line in PAGE.splitlines() if line.startswith("llminfra ") and line.split()[1].isalpha()
    ]
    assert len(set(commands)) >= 8
    options = " ".join(run(command, "--help").out for command in sorted(set(commands)))
    options += run("catalog", "refresh", "--help").out
    # What kubectl prints is piped in.
    named = set(re.findall(r"--[a-z][a-z-]+", re.sub(r"kubectl [^|`]*", "", PAGE)))
    assert {option for option in named if option not in options} == set()


def test_the_yaml_on_the_page_is_a_good_spec(workdir: Path, run: Run) -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
    result = run("plan", write(workdir, text, "spec.yaml"))
    assert (result.code, result.err) == (0, "")


def test_the_finding_on_the_page_is_what_is_printed(workdir: Path, run: Run) -> None:
    (text,) = re.findall(r"```\nstacks/prod.py:\d+: (error LLM_CAP_21.*?)```", PAGE, flags=re.DOTALL)
    spec = (
        "from llminfra import *\ngpu = GpuPool(name='gpu', instance_types=['g6.2xlarge'], efa=True)\n"
        "Platform(name='p', region='us-east-1', pools=[gpu])\n"
    )
    assert text.strip() in run("plan", write(workdir, spec)).err


def test_the_fit_example_on_the_page_works(run: Run) -> None:
    line = next(line for line in PAGE.splitlines() if line.startswith("llminfra fit Qwen"))
    assert run(*line.split()[1:]).code == 0


def test_the_log_on_the_page_is_what_is_printed(workdir: Path, run: Run) -> None:
    (text,) = re.findall(r"```\n(Qwen/Qwen2.5-3B: started.*?)```", PAGE, flags=re.DOTALL)
    (workdir / "small.log").write_text(QWEN_ON_L40S, encoding="utf-8")
    assert " ".join(text.split()) == " ".join(run("log", "small.log", "--gpu", "L40S").out.split())
