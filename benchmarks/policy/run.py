"""Measures ``check`` on a spec: own rules alone, and with checkov against checkov's own library run on the same files.

Usage: ``python -m benchmarks.policy.run [SPEC] [--runs N]``. Targets: own rules under 0.3 s; with checkov at most 1.3
times plain checkov, both from a cold interpreter to the end of the process. The best of N runs counts: others share
the machine. Exits with 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from llminfra.compiler import compile_platforms
from llminfra.loading.load import load
from llminfra.planning.platform import plan_platform
from llminfra.policy import check
from llminfra.policy.rendered import render_releases, write_objects
from llminfra.rules import run_kubernetes, run_plan, run_terraform
from llminfra.rules.views.terraform_view import read_synth_dir

ROOT = Path(__file__).resolve().parents[2]
OWN_S = 0.3
RATIO = 1.3

_WHOLE = """
import sys
from pathlib import Path
from llminfra.loading.load import load
from llminfra.planning.platform import plan_platform
from llminfra.policy import check, preload
process = preload()
plans = [plan_platform(item) for item in load(Path(sys.argv[1])).platforms]
report = check(plans, Path(sys.argv[2]), checkov=process)
assert len(report.runs) == 2, report.not_run
"""


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("spec", nargs="?", type=Path, default=ROOT / "stacks" / "prod.py")
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    plans = [plan_platform(item) for item in load(arguments.spec).platforms]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        compile_platforms(plans, folder)
        stacks = read_synth_dir(folder)
        rendered = render_releases(stacks, folder)
        (folder / "objects").mkdir()
        write_objects(rendered.objects, folder / "objects")
        releases = len({item.release for item in rendered.objects})
        print(f"{arguments.spec.name}: {len(stacks)} stacks, {len(stacks.resources())} resources, "
              f"{len(rendered.objects)} objects of {releases} releases")  # fmt: skip

        evaluation = best(
            arguments.runs,
            lambda: (
                [run_plan(plan) for plan in plans],
                run_terraform(read_synth_dir(folder)),
                run_kubernetes(rendered.objects),
            ),
        )
        own = best(arguments.runs, lambda: check(plans, folder, use_checkov=False))
        plain = best(arguments.runs, lambda: process("benchmarks/policy/plain_checkov.py", str(folder)))
        whole = best(arguments.runs, lambda: process("-c", _WHOLE, str(arguments.spec), str(folder)))
    ratio = whole / plain
    print(f"own rules, evaluation only            {evaluation:6.3f} s")
    print(f"own rules with rendering, whole check {own:6.3f} s   target {OWN_S} s")
    print(f"plain checkov, whole process          {plain:6.2f} s")
    print(f"check with checkov, whole process     {whole:6.2f} s   {ratio:.2f} times, target {RATIO}")
    return int(own > OWN_S or ratio > RATIO)


def best(runs: int, work: object) -> float:
    """The shortest of some runs, in seconds."""
    taken = []
    for _ in range(runs):
        started = time.perf_counter()
        work()  # type: ignore[operator]  # a callable of the table
        taken.append(time.perf_counter() - started)
    return min(taken)


def process(*arguments: str) -> None:
    """Run a Python process to its end."""
    subprocess.run([sys.executable, "-W", "ignore", *arguments], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main())
