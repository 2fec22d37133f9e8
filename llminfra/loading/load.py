"""``load``: platforms from a spec file, whatever its format."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from llminfra.diagnostics import Diagnostic, Severity, UsageError
from llminfra.loading.loaded import Loaded
from llminfra.loading.sound import sound_parts
from llminfra.loading.wording.told import YAML, as_declared
from llminfra.loading.wording.whereabouts import absolute_paths
from llminfra.spec.errors.near_values import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from llminfra.spec.platform import Platform

_PYTHON = frozenset({".py"})


def load(path: Path) -> Loaded:
    """Read one spec file.

    Args:
        path: A Python file, or YAML (``.yaml``, ``.yml``, ``.json``: JSON is YAML).

    Returns:
        Its platforms, and every error of the file itself: syntax, shapes, references.

    Raises:
        UsageError: there is no such file, or its name tells no format.
    """
    if path.is_dir():
        specs = sorted(str(item) for item in path.iterdir() if item.suffix.lower() in {*_PYTHON, *YAML})
        such = f"name a spec file in it, such as {specs[0]}" if specs else "there is no spec file in it"
        msg = f"{path} is a directory; {such}"
        raise UsageError(msg)
    if not path.exists():
        raise UsageError(_no_file(path))
    try:
        platforms, diagnostics = _read(path)
    except OSError as error:  # of the file: what a spec raises is a finding
        msg = f"cannot read {path}: {error.strerror or error}"
        raise UsageError(msg) from None
    if not platforms and not diagnostics:
        diagnostics = [_no_platform(path)]
    sound = sound_parts(platforms)
    return Loaded(sound, (*diagnostics, *_same_buckets(sound)), tuple(platforms))


def _read(path: Path) -> tuple[list[Platform], list[Diagnostic]]:
    suffix = path.suffix.lower()
    if suffix in _PYTHON:
        from llminfra.loading.python_file import load_python  # noqa: PLC0415  # a YAML spec needs none of it

        platforms, found = load_python(path)
        return platforms, absolute_paths(platforms, found)
    if suffix in YAML:
        from llminfra.loading.yaml_file import load_yaml  # noqa: PLC0415  # a Python spec needs no YAML parser

        return load_yaml(path)
    msg = f"{path}: a spec is a Python file (.py) or YAML (.yaml, .yml, .json)"
    raise UsageError(msg)


def _no_file(path: Path) -> str:
    """That there is no such file, and which was meant."""
    if str(path) == "-":
        return "a spec is read from a file, whose name tells Python from YAML: write what comes on stdin to spec.yaml"
    if not path.parent.is_dir():
        return f"there is no file {path}, and no folder {path.parent}"
    known = {item.name: item for item in path.parent.iterdir() if item.suffix.lower() in {*_PYTHON, *YAML}}
    near = nearest(path.name, known)
    return f"there is no file {path}" + (f"; did you mean {known[near]}?" if near else "")


def load_all(paths: Iterable[Path]) -> Loaded:
    """Read several spec files; two platforms of one name among them are an error.

    Raises:
        UsageError: as in ``load``.
    """
    parts = [load(path) for path in dict.fromkeys(paths)]
    platforms = tuple(platform for part in parts for platform in part.platforms)
    diagnostics = [item for part in parts for item in part.diagnostics]
    declared = tuple(platform for part in parts for platform in part.declared)
    found = (*_same_names(platforms), *_same_buckets_of_files([part.platforms for part in parts]))
    return Loaded(platforms, (*diagnostics, *found), declared)


def _same_names(platforms: Sequence[Platform]) -> Iterable[Diagnostic]:
    first: dict[str, Platform] = {}
    for platform in platforms:
        other = first.setdefault(platform.name, platform)
        if other is platform or "name" in platform.doubtful:
            continue
        file, line = platform.origin or (None, None)
        where = f" (first declared at {other.origin[0]}:{other.origin[1]})" if other.origin else ""
        yield Diagnostic(
            code="LLM_SPEC_4",
            severity=Severity.ERROR,
            path=f"platforms.{platform.name}",
            message=f"two platforms have the same name{where}: their stacks would overwrite each other",
            found=platform.name,
            expected="a name of its own",
            fix=f"rename one of the two {platform.name!r}",
            file=file,
            line=line,
        )


def _same_buckets(platforms: Sequence[Platform]) -> Iterable[Diagnostic]:
    """A bucket's name is taken in all of AWS: the second platform of a file that creates it fails when it is applied.

    Platforms of other files may be other people's, or examples.
    """
    first: dict[str, Platform] = {}
    for platform in platforms:
        for bucket in platform.storage:
            if bucket.broken or bucket.kind != "bucket" or bucket.existing:
                continue
            other = first.setdefault(bucket.name, platform)
            if other.name == platform.name:
                continue
            file, line = bucket.origin or platform.origin or (None, None)
            found = Diagnostic(
                code="LLM_SPEC_4",
                severity=Severity.ERROR,
                path=f"platforms.{platform.name}.storage.{bucket.name}",
                message=f"platforms {other.name!r} and {platform.name!r} both create this bucket, and its name is one "
                "in all of AWS",
                found=bucket.name,
                expected="a name of its own for each platform",
                fix=f"name it {bucket.name}-{platform.region} here, or set existing=True where it is read only",
                file=file,
                line=line,
                runtime_message="BucketAlreadyExists: The requested bucket name is not available",
            )
            yield from as_declared(platform, [found])


def _same_buckets_of_files(files: Sequence[Sequence[Platform]]) -> Iterable[Diagnostic]:
    """Buckets that platforms of different files create: a warning, for the files may be of different accounts."""
    told = {(item.path, item.found) for platforms in files for item in _same_buckets(platforms)}
    everywhere = _same_buckets([platform for platforms in files for platform in platforms])
    return [replace(item, severity=Severity.WARNING) for item in everywhere if (item.path, item.found) not in told]


def _no_platform(path: Path) -> Diagnostic:
    yaml = path.suffix.lower() in YAML
    return Diagnostic(
        code="LLM_SPEC_7",
        severity=Severity.ERROR,
        path="",
        message="the spec declares no platform",
        found="no platform",
        expected="name: and region: of one, or platforms:" if yaml else "at least one Platform",
        fix="write name: acme and region: us-east-1" if yaml else _where_to_build(path),
        file=str(path),
        line=1 if yaml else None,
    )


def _where_to_build(path: Path) -> str:
    if re.search(r"^if __name__ ==", path.read_text(encoding="utf-8", errors="replace"), re.MULTILINE):
        return 'build the Platform outside of `if __name__ == "__main__":`, which does not run here'
    return "build a llminfra.Platform(name=…, region=…) in it"
