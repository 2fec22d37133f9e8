"""What a compilation depends on, as digests: a plan's content, and the code and data that compile it."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from enum import Enum
from functools import cache
from pathlib import Path, PurePath
from typing import Any

from llminfra import __version__
from llminfra.assets import modules_dir

_PLAIN = (str, int, float, bytes, date, Enum, PurePath)
"""Types whose `repr` tells all."""

_BINDINGS = ("cdktf", "cdktf_cdktf_provider_aws", "cdktf_cdktf_provider_helm", "constructs")
_READ_BY_CDKTF = ("CDKTF_", "SYNTH_HCL_OUTPUT")
_NOT_PART_OF_THE_RESULT = frozenset({"CDKTF_OUTDIR"})  # where it is written, and so different on each run of cdktf-cli


def digest_of(value: object) -> str:
    """A digest that equal values share, in every process: of plans, and of what they are made of.

    Raises:
        TypeError: the value holds something of which a digest would not tell all, such as a function.
    """
    return hashlib.sha256("\x1f".join(_tell(value, {}, [])).encode()).hexdigest()


def code_state(environ: Mapping[str, str] = os.environ) -> str:
    """A digest of everything but the plan that decides what a compilation writes.

    That is: every file of llminfra and of its modules, the installed CDKTF and providers by version, and the variables
    that CDKTF reads. Files of a checkout are told by size and time of change, those of an installed wheel by size and
    by the digests that the wheel brought, so that machines with the same wheel share what they keep.
    """
    variables = [f"{name}={value}" for name, value in sorted(environ.items()) if _decides(name)]
    return hashlib.sha256("\x1f".join([*_installed(), *variables]).encode()).hexdigest()


@cache
def _installed() -> tuple[str, ...]:
    """The files that this process runs; what is changed under it afterwards is for the next one."""
    parts = [f"{sys.version_info[0]}.{sys.version_info[1]}"]
    own = Path(__file__).parents[1]
    record = _record(own.parent)
    if record is not None:
        parts.append(hashlib.sha256(record).hexdigest())
    for folder in (own, modules_dir()):
        parts += sorted(_files(str(folder), timed=record is None))
    for package in _BINDINGS:
        parts += sorted(_archives(package))
    return tuple(parts)


def _decides(variable: str) -> bool:
    return variable.startswith(_READ_BY_CDKTF) and variable not in _NOT_PART_OF_THE_RESULT


def _record(folder: Path) -> bytes | None:
    """What was installed into a folder, with digests (the RECORD of the wheel format); ``None`` in a checkout."""
    record = folder / f"llminfra-{__version__}.dist-info" / "RECORD"
    return record.read_bytes() if record.is_file() else None


def _files(folder: str, below: str = "", *, timed: bool = True) -> Iterator[str]:
    """Name, size and time of change of every file; `os.scandir`, as a thousand files are looked at in every run."""
    with os.scandir(folder) as entries:
        for entry in entries:
            name = f"{below}{entry.name}"
            if entry.is_dir():
                if entry.name != "__pycache__":
                    yield from _files(entry.path, f"{name}/", timed=timed)
            else:
                status = entry.stat()
                yield f"{name} {status.st_size} {status.st_mtime_ns if timed else 0}"


def _archives(package: str) -> Iterator[str]:
    """The jsii archive of a package, whose name has the version."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        yield f"{package} is not installed"
        return
    for archive in (Path(spec.origin).parent / "_jsii").glob("*.tgz"):
        yield f"{archive.name} {archive.stat().st_size}"


def _tell(value: object, seen: dict[int, int], words: list[str]) -> list[str]:
    """The value in words; an object that was met before is told by its number, as plans share what they are made of."""
    if value is None or isinstance(value, _PLAIN):
        words.append(f"{type(value).__name__}:{value!r}")
    elif isinstance(value, tuple | list):
        words.append(f"{type(value).__name__}({len(value)}")
        for item in value:
            _tell(item, seen, words)
    elif isinstance(value, dict):
        words.append(f"dict({len(value)}")
        for key, item in value.items():
            _tell(key, seen, words)
            _tell(item, seen, words)
    elif isinstance(value, set | frozenset):
        # Every item with a memory of its own: numbers given in the order of a set would differ between processes.
        words.append(f"set({len(value)}")
        words += sorted("\x1e".join(_tell(item, {}, [])) for item in value)
    elif id(value) in seen:
        words.append(f"#{seen[id(value)]}")
    else:
        seen[id(value)] = len(seen)
        words.append(f"{type(value).__module__}.{type(value).__qualname__}")
        for name in _field_names(type(value)):
            words.append(name)
            _tell(getattr(value, name), seen, words)
    return words


def _field_names(kind: Any) -> Iterable[str]:
    """Fields of a declared or planned object, in the order of their definition."""
    for names in ("__struct_fields__", "model_fields"):
        if hasattr(kind, names):
            return tuple(getattr(kind, names))
    msg = f"no digest of {kind.__qualname__}"
    raise TypeError(msg)
