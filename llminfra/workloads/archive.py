"""Deterministic archives of the workloads: Terraform must see a change only where there is one."""

from __future__ import annotations

import zipfile
from pathlib import Path

from llminfra.assets import named_folder

# The oldest time that the zip format can tell, so that it depends on nothing.
_EPOCH = (1980, 1, 1, 0, 0, 0)
_SUFFIXES = frozenset({".py", ".json"})


def workload_dir(name: str) -> Path:
    """The directory of a workload, a Python package.

    Raises:
        ToolError: there is no workload of that name.
    """
    return named_folder("workloads", name, marker="__init__.py", noun="workload")


def package(name: str, out: Path) -> Path:
    """Write ``<out>/<name>.zip`` with the package as its only top-level directory; the path of the archive.

    The bytes depend on the sources alone: files are sorted, times and permissions are fixed, nothing is compressed
    (other zlib builds compress differently). Good for AWS Lambda and, on ``PYTHONPATH``, for ``python3 -m <name>``.

    Raises:
        ToolError: there is no workload of that name.
    """
    source = workload_dir(name)
    files = sorted(path for path in source.iterdir() if path.is_file() and path.suffix in _SUFFIXES)
    out.mkdir(parents=True, exist_ok=True)
    target = out / f"{name}.zip"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for path in files:
            info = zipfile.ZipInfo(f"{name}/{path.name}", _EPOCH)
            info.external_attr = 0o100644 << 16  # Lambda runs as another user: all may read
            info.create_system = 3
            archive.writestr(info, path.read_bytes())
    return target
