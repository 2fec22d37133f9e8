"""Cuts the AWS provider's jsii package down to the submodules that are used.

The published package holds 2,212 submodules: a 130 MB type description (`.jsii`) and 267 MB of JavaScript, all of which
Node would read before the first resource. A jsii package with fewer submodules is a valid jsii package, because no
submodule refers to another one. What is written here stays on the user's machine; it is never shipped.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

MTIME_S = 499_162_500
"""Modification time of every file in the archive (the date npm stamps, 1985-10-26): equal inputs, equal bytes."""

_KEPT_FILES = frozenset({"LICENSE", "package.json"})
_TYPES_START = b'\n  "types": {\n'
_TYPES_END = b"\n  }"
_TYPE_END = b"\n    }"
_FQN = re.compile(rb'\s*"(?P<fqn>[^"]+)": ')
_SOURCE_MAP = b"//# sourceMappingURL=data:"
_UNUSED_AT_RUN_TIME = frozenset({"docs", "locationInModule", "symbolId"})


def trim(archive: Path, submodules: Iterable[str]) -> bytes:
    """The same jsii package with only `submodules` in it, as a gzipped tar archive.

    Args:
        archive: the `.jsii.tgz` inside the installed provider package.
        submodules: Python names of submodules, for example `s3_bucket`.

    Raises:
        ValueError: a submodule is missing, or the archive does not have the layout that jsii writes.
    """
    wanted = {name.replace("_", "-") for name in submodules}
    sources: dict[str, bytes] = {}
    kept: dict[str, bytes] = {}
    assembly = b""
    for path, content in _read(archive, wanted):
        if path == ".jsii":
            assembly = content
        elif path in _KEPT_FILES:
            kept[path] = content
        else:
            sources[path.split("/")[1]] = _without_source_map(content)
    missing = sorted(wanted - sources.keys())
    if missing:
        names = ", ".join(name.replace("-", "_") for name in missing)
        raise ValueError(f"{archive.name} has no submodule {names}")
    if not assembly or "package.json" not in kept:
        raise ValueError(f"{archive.name} is not a jsii package: .jsii or package.json is missing")
    slim, namespaces = trim_assembly(assembly, wanted)
    files = {
        ".jsii": slim,
        "package.json": _package_json(kept.pop("package.json")),
        "lib/index.js": _index_js(namespaces),
        **kept,
        **{f"lib/{folder}/index.js": source for folder, source in sources.items()},
    }
    return _pack(files)


def trim_assembly(assembly: bytes, folders: Iterable[str]) -> tuple[bytes, dict[str, str]]:
    """The type description of `folders` alone, without documentation, and the JavaScript namespace of each folder.

    Args:
        assembly: the content of `.jsii`.
        folders: folders below `lib/`, for example `s3-bucket`.
    """
    head, members = _split_types(assembly)
    wanted = set(folders)
    kept_submodules: dict[str, Any] = {}
    namespaces: dict[str, str] = {}
    for fqn, submodule in head.get("submodules", {}).items():
        folder = submodule["symbolId"].split("/")[1]
        if folder in wanted:
            kept_submodules[fqn] = {}
            namespaces[folder] = fqn.partition(".")[2]
    if missing := wanted - namespaces.keys():
        raise ValueError(f"the type description has no submodule {', '.join(sorted(missing))}")
    prefixes = frozenset(namespaces.values())
    types = {
        fqn: _slim(json.loads(text) if isinstance(text, bytes) else text)
        for fqn, text in members
        if fqn.split(".", 2)[1] in prefixes
    }
    slim = {key: value for key, value in head.items() if key not in {"readme", "types", "submodules", "docs"}}
    slim |= {"submodules": kept_submodules, "types": types}
    return json.dumps(slim, separators=(",", ":")).encode(), namespaces


def _read(archive: Path, folders: set[str]) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(archive, "r:gz") as tar:
        for member in tar:
            path = member.name.partition("/")[2]
            parts = path.split("/")
            is_source = len(parts) == 3 and parts[0] == "lib" and parts[1] in folders and parts[2] == "index.js"
            if is_source or path == ".jsii" or path in _KEPT_FILES:
                content = tar.extractfile(member)
                if content is not None:
                    yield path, content.read()


def _split_types(assembly: bytes) -> tuple[dict[str, Any], Iterator[tuple[str, bytes | Any]]]:
    """The description without its types, and the types one by one, undecoded where the layout allows it.

    jsii indents by two spaces, so a member of `types` starts and ends at four. Decoding only the wanted ones keeps
    the first run a second faster and 500 MB smaller than `json.loads` of all. Any other layout is decoded whole.
    """
    start = assembly.find(_TYPES_START)
    end = assembly.find(_TYPES_END, start + len(_TYPES_START)) if start >= 0 else -1
    if start < 0 or end < 0:
        whole = json.loads(assembly)
        return whole, iter(whole.get("types", {}).items())
    head = json.loads(assembly[:start] + b'\n  "types": {' + assembly[end:])
    return head, _members(assembly, start + len(_TYPES_START), end)


def _members(assembly: bytes, start: int, end: int) -> Iterator[tuple[str, bytes]]:
    position = start
    while position < end:
        match = _FQN.match(assembly, position)
        if match is None:
            raise ValueError(f"the type description has an unexpected layout at byte {position}")
        stop = assembly.index(_TYPE_END, match.end()) + len(_TYPE_END)
        yield match["fqn"].decode(), assembly[match.end() : stop]
        position = stop + 1


def _slim(value: Any) -> Any:
    """Drops what only documentation and compilers read; the jsii kernel drops the same from its own index."""
    if isinstance(value, dict):
        return {key: _slim(item) for key, item in value.items() if key not in _UNUSED_AT_RUN_TIME}
    if isinstance(value, list):
        return [_slim(item) for item in value]
    return value


def _without_source_map(source: bytes) -> bytes:
    """Two thirds of each file are an inline source map that only a debugger reads."""
    cut = source.rfind(_SOURCE_MAP)
    return source if cut < 0 else source[:cut]


def _package_json(content: bytes) -> bytes:
    package = json.loads(content)
    kept = {key: package[key] for key in ("name", "version", "license", "peerDependencies", "jsii") if key in package}
    return json.dumps(kept | {"main": "lib/index.js"}).encode()


def _index_js(namespaces: Mapping[str, str]) -> bytes:
    lines = ['"use strict";', 'Object.defineProperty(exports, "__esModule", { value: true });']
    lines += [
        f'Object.defineProperty(exports, "{namespace}", '
        f'{{ enumerable: true, get: function () {{ return require("./{folder}"); }} }});'
        for folder, namespace in sorted(namespaces.items())
    ]
    return ("\n".join(lines) + "\n").encode()


def _pack(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=6, mtime=MTIME_S) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for path in sorted(files):
            info = tarfile.TarInfo(f"package/{path}")
            info.size = len(files[path])
            info.mtime = MTIME_S
            tar.addfile(info, io.BytesIO(files[path]))
    return buffer.getvalue()
