"""Measures a synthesis on the fast path against plain imports, in one run, and checks that both write the same bytes.

    python benchmarks/synth/run.py                                  # 20 buckets
    python benchmarks/synth/run.py --smoke                          # few runs, for CI
    python benchmarks/synth/run.py -- llminfra synth stacks/prod.py -o {out}

The command after `--` runs with `{out}` replaced by a folder of its own; what it writes there is compared. The plain
run is the same command with `LLMINFRA_BINDINGS=plain`. `changed` is a run that has everything but the platform itself
in its cache, as after a change of the spec; in a `warm` run nothing has changed.
"""

from __future__ import annotations

import argparse
import filecmp
import json
import os
import platform
import sys
import tempfile
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[2]))
from benchmarks.synth.process_tree import Measurement, measure

ROOT = Path(__file__).parents[2]
APP = Path(__file__).with_name("app.py")


@dataclass(frozen=True, slots=True)
class Case:
    """One way of running the command."""

    name: str
    environment: dict[str, str]
    runs: int
    fresh_cache: bool = False


def main() -> int:
    """Prints a table on stdout, or JSON; exit code 1 if the two paths wrote different files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="one plain run that nothing warms up, two warm runs")
    parser.add_argument("--buckets", type=int, default=20, help="size of the app when no command is given")
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")
    parser.add_argument("--save", type=Path, help="write the JSON to this file too")
    parser.add_argument("command", nargs="*", help="the command to measure; {out} in it is the output folder")
    options = parser.parse_args()
    command = options.command or [sys.executable, str(APP), "{out}", str(options.buckets)]
    if not any("{out}" in part for part in command):
        parser.error("the command does not say {out}, so what it writes cannot be compared")
    runs = (1, 2) if options.smoke else (2, 7)
    plain = Case("plain", {"LLMINFRA_BINDINGS": "plain"}, runs[0])
    first = Case("first", {}, 1, fresh_cache=True)
    changed = Case("changed", {"LLMINFRA_SYNTH_CACHE": "off"}, runs[1])
    warm = Case("warm", {}, runs[1])
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        results = {case.name: run_case(case, command, work) for case in (plain, first, changed, warm)}
        different = sorted(
            {file for case in ("changed", "warm") for file in differences(work / "plain-0", work / f"{case}-0")}
        )
    report = report_of(command, results, different)
    text = json.dumps(report, indent=2)
    if options.save:
        options.save.write_text(text + "\n", encoding="utf-8")
    print(text if options.json else table_of(report))
    return 1 if different else 0


def run_case(case: Case, command: list[str], work: Path) -> list[Measurement]:
    """Runs a case as often as it says. All but `plain` share a cache folder, which `first` finds empty."""
    cache = work / "cache"
    if case.fresh_cache and cache.exists():
        raise RuntimeError("the first run needs an empty cache")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("JSII_", "LLMINFRA_"))}
    inherited.pop("PYTHONDONTWRITEBYTECODE", None)  # or all sides would compile llminfra itself in each run
    # Plain runs get a jsii package cache of their own, which their first run fills: only later runs would count as
    # warm, so it is filled before anything is measured; a single run shows that it works, and measures nothing.
    environment = {
        **inherited,
        "LLMINFRA_CACHE_DIR": str(cache),
        "JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(work / "jsii"),
        **case.environment,
    }
    if case.name == "plain" and case.runs > 1:
        measure_into(command, work / "plain-warmup", environment)
    return [measure_into(command, work / f"{case.name}-{number}", environment) for number in range(case.runs)]


def measure_into(command: list[str], out: Path, environment: dict[str, str]) -> Measurement:
    """Runs the command with `out` as its output folder."""
    return measure([part.replace("{out}", str(out)) for part in command], environment, ROOT)


def differences(left: Path, right: Path) -> list[str]:
    """Files that are not the same, byte for byte, in both folders."""
    names = sorted(
        {path.relative_to(side).as_posix() for side in (left, right) for path in side.rglob("*") if path.is_file()}
    )
    if not names:
        raise RuntimeError("the command wrote nothing into {out}")
    match, _, _ = filecmp.cmpfiles(left, right, names, shallow=False)
    return sorted(set(names) - set(match))


def report_of(command: list[str], results: dict[str, list[Measurement]], different: list[str]) -> dict[str, object]:
    """Medians, ratios and what they were measured on."""
    middle = {
        name: {field: round(median(asdict(run)[field] for run in runs), 3) for field in asdict(runs[0])}
        for name, runs in results.items()
    }
    plain = middle["plain"]
    return {
        "command": command,
        "warmed": len(results["plain"]) > 1,
        "median": middle,
        "runs": {name: [asdict(run) for run in runs] for name, runs in results.items()},
        "plain_to": {
            name: {field: round(plain[field] / middle[name][field], 1) for field in plain}
            for name in ("changed", "warm")
        },
        "same_bytes": not different,
        "different_files": different,
        "machine": {"cpus": os.cpu_count(), "platform": platform.platform(), "python": platform.python_version()},
        "versions": {name: version(name) for name in ("cdktf", "cdktf-cdktf-provider-aws", "jsii")},
    }


def table_of(report: dict[str, object]) -> str:
    """The medians and ratios, to read."""
    names = {
        "plain": f"plain imports, {'warm' if report['warmed'] else 'cold'} jsii cache",
        "first": "fast path, empty cache",
        "changed": "warm cache, spec changed",
        "warm": "warm cache, spec unchanged",
    }
    middle: dict[str, dict[str, float]] = report["median"]  # type: ignore[assignment]  # the form of our own report
    ratios: dict[str, dict[str, float]] = report["plain_to"]  # type: ignore[assignment]  # the form of our own report
    lines = [f"{'':32}{'wall':>10}{'largest process':>18}{'all processes':>16}"]
    lines += [
        f"{title:32}{row['wall_s']:>8.2f} s{row['peak_rss_mib']:>14.0f} MiB{row['total_peak_rss_mib']:>12.0f} MiB"
        for name, title in names.items()
        for row in [middle[name]]
    ]
    for name, ratio in ratios.items() if report["warmed"] else ():  # a cold run is no measure for others
        wall, largest, total = (ratio[field] for field in ("wall_s", "peak_rss_mib", "total_peak_rss_mib"))
        lines.append(f"{f'plain : {name}':32}{wall:>8.1f} x{largest:>16.1f} x{total:>14.1f} x")
    lines.append("same bytes: yes" if report["same_bytes"] else f"DIFFERENT: {report['different_files']}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
