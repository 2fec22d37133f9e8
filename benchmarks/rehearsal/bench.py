"""Time and memory of a rehearsal.

    python benchmarks/rehearsal/bench.py [SYNTH_DIR] [--json]

Without a directory, ``stacks/prod.py`` is synthesized first (not measured). Limits are what the project promises on two
cores; the exit code is 1 where one is exceeded.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from llminfra.rehearsal import Event, rehearse
from llminfra.rehearsal.cycle import SIMULATED, open_session
from llminfra.rehearsal.mirror import build_mirror
from llminfra.rehearsal.provider.settings import SETTINGS_VARIABLE
from llminfra.rehearsal.schema.cache import database, provider_version
from llminfra.rehearsal.schema.package import PACKAGES
from llminfra.rehearsal.stacks import prepare, read_stacks
from llminfra.rehearsal.terraform import find_binary

ROOT = Path(__file__).resolve().parents[2]
LIMITS = {
    "whole_cycle_s": 60.0,
    "validate_s": 10.0,
    "provider_start_s": 0.5,
    "provider_memory_mib": 200.0,
}
_STARTS = 7


def main(arguments: list[str]) -> int:
    """Measure and compare with the limits."""
    as_json = "--json" in arguments
    paths = [Path(item) for item in arguments if not item.startswith("-")]
    with tempfile.TemporaryDirectory(prefix="llminfra-bench-") as folder:
        synth = paths[0] if paths else _synthesized(Path(folder) / "out")
        results = measure(synth, Path(folder))
    late = {name: value for name, value in results.items() if value > LIMITS.get(name, float("inf"))}
    if as_json:
        print(json.dumps({"results": results, "limits": LIMITS, "exceeded": sorted(late)}, indent=1))
    else:
        for name, value in results.items():
            limit = f"  (limit {LIMITS[name]:g})" if name in LIMITS else ""
            print(f"{name:24} {value:10.2f}{limit}{'  EXCEEDED' if name in late else ''}")
    return int(bool(late))


def measure(synth: Path, folder: Path) -> dict[str, float]:
    """Every figure, in seconds and MiB."""
    results: dict[str, float] = {}
    before = os.environ.get("LLMINFRA_CACHE_DIR")
    os.environ["LLMINFRA_CACHE_DIR"] = str(folder / "cold")
    started = time.monotonic()
    for name in SIMULATED:
        database(PACKAGES[name])
    results["schema_derivation_s"] = time.monotonic() - started
    if before is None:
        del os.environ["LLMINFRA_CACHE_DIR"]
    else:
        os.environ["LLMINFRA_CACHE_DIR"] = before
    for name in SIMULATED:
        database(PACKAGES[name])
    results["provider_start_s"] = median(_starts(synth, folder / "start"))
    peak = {"mib": 0.0}

    def watch(event: Event) -> None:
        del event
        peak["mib"] = max(peak["mib"], _children_mib())

    report = rehearse(synth, on_event=watch)
    if not report.ok:
        raise SystemExit("the rehearsal failed:\n" + "\n".join(map(str, report.errors)))
    results["resources"] = float(sum(stack.resources for stack in report.stacks))
    results["whole_cycle_s"] = report.seconds
    results["provider_memory_mib"] = peak["mib"]
    results["validate_s"] = rehearse(synth, validate_only=True).seconds
    return results


def _starts(synth: Path, root: Path) -> list[float]:
    """Seconds from the start of a plugin process, as Terraform starts it, to its handshake."""
    tool = find_binary()
    prepared = prepare(read_stacks(synth), root, served=False)
    taken = []
    with open_session(tool, prepared, root, None, None, None):
        versions = {name: provider_version(name) for name in SIMULATED}
        build_mirror(root, versions, tool.platform, root / "settings.json")
        folder = root / "mirror" / "registry.terraform.io" / "hashicorp" / "aws" / versions["aws"] / tool.platform
        plugin = next(folder.iterdir())
        environment = {**os.environ, "TF_PLUGIN_MAGIC_COOKIE": "x", SETTINGS_VARIABLE: str(root / "settings.json")}
        for _ in range(_STARTS):
            started = time.monotonic()
            process = subprocess.Popen([plugin], stdout=subprocess.PIPE, text=True, env=environment)
            assert process.stdout is not None
            line = process.stdout.readline()
            taken.append(time.monotonic() - started)
            process.kill()
            process.wait()
            if not line.startswith("1|6|"):
                raise SystemExit(f"no handshake: {line!r}")
    return taken


def _children_mib() -> float:
    """Largest resident size of this process's provider processes so far (Linux; elsewhere 0)."""
    sizes = [0.0]
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            fields = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
            command = (status.parent / "cmdline").read_bytes()
        except (OSError, ValueError):
            continue
        if fields.get("PPid", "").strip() == str(os.getpid()) and b"llminfra.rehearsal.provider.serve" in command:
            sizes.append(int(fields["VmHWM"].split()[0]) / 1024)
    return max(sizes)


def _synthesized(out: Path) -> Path:
    main_call = "import sys; from llminfra.cli.main import main; sys.exit(main())"
    command = [sys.executable, "-c", main_call, "synth", str(ROOT / "stacks" / "prod.py"), "-o", str(out)]
    subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    return out


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
