"""Write ``llminfra/catalog/data/engines/<engine>.json`` from the engines' published wheels.

For vLLM, SGLang and DeepSpeed-MII, each release's wheel is fetched with pip, its sources unpacked and read without
being run (``engine_source.py``). What wheels do not say (images, ports, status), and the engines that are not wheels,
come from ``scripts/data/engines/``.

Run: ``python scripts/catalog_engines.py`` (downloads about 18 GB of vLLM wheels, one after the other, and keeps only
their sources), or with ``--sources DIR`` for a folder of sources unpacked before (``DIR/vllm-0.27.1/…``).
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections import defaultdict
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from engine_source import Facts, read_mii, read_sglang, read_vllm

ROOT = Path(__file__).resolve().parent.parent
STATIC = ROOT / "scripts" / "data" / "engines"
OUTPUT = ROOT / "llminfra" / "catalog" / "data" / "engines"
INDEX = "https://pypi.org/simple"

VLLM = (
    "0.8.5 0.8.5.post1 0.9.0 0.9.0.1 0.9.1 0.9.2 0.10.0 0.10.1 0.10.1.1 0.10.2 0.11.0 0.11.1 0.11.2 0.12.0 0.13.0 "
    "0.14.0 0.14.1 0.15.0 0.15.1 0.16.0 0.17.0 0.17.1 0.18.0 0.18.1 0.19.0 0.19.1 0.20.0 0.20.1 0.20.2 0.21.0 0.22.0 "
    "0.22.1 0.23.0 0.24.0 0.25.0 0.25.1 0.26.0 0.27.0 0.27.1 0.28.0 0.29.0 0.30.0 0.31.0 0.32.0 0.33.0"
)
SGLANG = (
    "0.5.1.post3 0.5.2 0.5.3.post3 0.5.4.post3 0.5.5.post3 0.5.6.post2 0.5.7 0.5.8.post1 0.5.9 0.5.10.post1 0.5.11 "
    "0.5.12.post1 0.5.13.post1 0.5.14 0.5.15.post1 0.5.16 0.5.17 0.5.18 0.5.19 0.5.20 0.5.21 0.5.22 0.5.23"
)
WHEELS: dict[str, tuple[str, str, Callable[[Path], Facts]]] = {
    "vllm": ("vllm", VLLM, read_vllm),
    "sglang": ("sglang", SGLANG, read_sglang),
    "mii": ("deepspeed-mii", "0.3.3", read_mii),
}


def main() -> int:
    """Write every file; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=Path, help="folder with unpacked wheels, filled where one is missing")
    parser.add_argument("--engine", choices=sorted(path.stem for path in STATIC.glob("*.json")), action="append")
    options = parser.parse_args()
    OUTPUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        sources = options.sources or Path(temporary)
        for path in sorted(STATIC.glob("*.json")):
            if options.engine is None or path.stem in options.engine:
                _write(path.stem, _build(path.stem, json.loads(path.read_text()), sources))
    return 0


def _build(engine: str, static: dict[str, Any], sources: Path) -> dict[str, Any]:
    if engine in WHEELS:
        package, names, read = WHEELS[engine]
        versions = names.split()
        facts = [read(_unpacked(package, version, sources)) for version in versions]
        for version, item in zip(versions, facts, strict=True):
            torch = _torch_version(package, _unpacked(package, version, sources))
            if torch is not None:
                item.settings["torch"] = torch
                cuda = _cuda_of_torch(torch)
                item.settings |= {"cuda": cuda} if cuda else {}
        read_from = f"PyPI {package} wheels {versions[0]} to {versions[-1]}, by syntax tree (scripts/engine_source.py)"
        source = {"flags, env, metrics, limits": read_from, **static["sources"]}
        if any("cuda" in item.settings for item in facts):
            source["cuda"] = "metadata of the PyTorch wheel that the engine's wheel pins"
    else:
        versions = static["versions"]
        facts = [_static_facts(static, version) for version in versions]
        source = static["sources"]
    content: dict[str, Any] = {"_source": source, "info": static["info"], "versions": versions}
    for key in ("env_prefixes", "official_image", "images"):
        if key in static:
            content[key] = static[key]
    for table in ("flags", "negatable", "env", "quantizations"):
        content[table] = _spans_by_name([getattr(item, table) for item in facts])
    for table in ("deprecated_quantizations", "architectures", "pipeline_architectures", "all2all_backends"):
        if any(getattr(item, table) for item in facts):
            content[table] = _spans_by_name([getattr(item, table) for item in facts])
    if "architectures" in static:
        content["architectures"] = _spans_by_name([set(static["architectures"])] * len(versions))
    for table in ("metrics", "hidden_metrics", "min_capability", "settings"):
        content[table] = _spans_by_value([getattr(item, table) for item in facts])
    return content


def _static_facts(static: dict[str, Any], version: str) -> Facts:
    by_version = {name: values[version] for name, values in static.get("settings_by_version", {}).items()}
    return Facts(
        flags=set(static["flags"][version]),
        env=set(static["env"][version]),
        metrics=dict(static.get("metrics", {})),
        quantizations=set(static.get("quantizations", ())),
        min_capability=dict(static.get("min_capability", {})),
        settings={**static.get("settings", {}), **by_version},
    )


def _unpacked(package: str, version: str, sources: Path) -> Path:
    """Folder with the Python sources and metadata of a wheel, downloaded where it is missing."""
    folder = sources / f"{package}-{version}"
    if not folder.is_dir():
        with tempfile.TemporaryDirectory() as downloads:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
            command += ["--python-version", "3.12", "--implementation", "cp", "--abi", "cp312", "--abi", "abi3"]
            command += ["--abi", "cp38", "--abi", "none"]
            for tag in (
                "manylinux1",
                "manylinux_2_24",
                "manylinux_2_28",
                "manylinux_2_31",
                "manylinux_2_34",
                "manylinux_2_35",
            ):
                command += ["--platform", f"{tag}_x86_64"]
            command += ["--platform", "any", "--dest", downloads, f"{package}=={version}"]
            subprocess.run(command, check=True)
            wheel = next(Path(downloads).glob("*.whl"))
            with zipfile.ZipFile(wheel) as archive:
                wanted = [name for name in archive.namelist() if name.endswith((".py", "METADATA"))]
                archive.extractall(folder, wanted)
    return folder


def _torch_version(package: str, folder: Path) -> str | None:
    for path in folder.glob(f"{package.replace('-', '_')}-*.dist-info/METADATA"):
        match = re.search(r"^Requires-Dist: torch\s*\(?==\s*([\d.]+)", path.read_text(errors="replace"), re.MULTILINE)
        return match[1] if match else None
    return None


@cache
def _cuda_of_torch(torch: str) -> str | None:
    """CUDA version (major and minor) that PyPI's Linux wheels of this PyTorch depend on, where the index says it."""
    with urllib.request.urlopen(f"{INDEX}/torch/", timeout=60) as response:
        page = response.read().decode()
    for link in re.findall(rf'href="([^"#]*/torch-{re.escape(torch)}-cp3\d+-cp3\d+-manylinux[^"#]*x86_64\.whl)', page):
        try:
            with urllib.request.urlopen(link + ".metadata", timeout=60) as response:
                metadata = response.read().decode()
        except urllib.error.HTTPError:
            continue
        found = _cuda_in(metadata)
        if found is not None:
            return found
    # The index holds no metadata of some releases (2.14.1): then the wheel itself says it.
    with tempfile.TemporaryDirectory() as downloads:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        command += ["--python-version", "3.12", "--platform", "manylinux_2_28_x86_64", "--dest", downloads]
        subprocess.run([*command, f"torch=={torch}"], check=False)
        for wheel in Path(downloads).glob("*.whl"):
            with zipfile.ZipFile(wheel) as archive:
                found = _cuda_in(archive.read(f"torch-{torch}.dist-info/METADATA").decode())
            if found is not None:
                return found
    print(f"torch {torch}: the index does not say which CUDA it needs", file=sys.stderr)
    return None


def _cuda_in(metadata: str) -> str | None:
    match = re.search(r"(?:nvidia-cuda-runtime-cu12|cuda-toolkit\[[^\]]*\])\s*\(?==(\d+\.\d+)", metadata)
    return match[1] if match else None


def _spans_by_name(sets: list[set[str]]) -> dict[str, str]:
    return {name: _spans([name in items for items in sets]) for name in sorted(set().union(*sets))}


def _spans_by_value(tables: list[dict[str, str]]) -> dict[str, dict[str, str]]:
    names = sorted({name for table in tables for name in table})
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for name in names:
        for value in sorted({table[name] for table in tables if name in table}):
            found[name][value] = _spans([table.get(name) == value for table in tables])
    return dict(found)


def _spans(present: list[bool]) -> str:
    """``[True, True, False, True]`` to ``"0-1,3"``."""
    parts, start = [], None
    for index, here in enumerate([*present, False]):
        if here and start is None:
            start = index
        elif not here and start is not None:
            parts.append(str(start) if start == index - 1 else f"{start}-{index - 1}")
            start = None
    return ",".join(parts)


def _write(engine: str, content: dict[str, Any]) -> None:
    """One line per table entry: a new release shows as a readable diff."""
    text = json.dumps(content, indent=1)
    text = re.sub(r"\{\n\s+((?:\"[\w./-]+\": \"[\d,-]+\",?\s*)+)\n\s*\}(?=,?\n)", _one_line, text)
    (OUTPUT / f"{engine}.json").write_text(text + "\n")
    counts = {table: len(content[table]) for table in ("flags", "env", "metrics")}
    print(engine, len(content["versions"]), "releases", counts)


def _one_line(match: re.Match[str]) -> str:
    inner = " ".join(match[1].split())
    return match[0] if len(inner) > 200 else "{" + inner + "}"


if __name__ == "__main__":
    sys.exit(main())
