"""The derived schemas of every resource and data source, in one file per provider package.

The file is an SQLite database with one row per type, so a provider process reads only the types it serves. It is
written beside its final name and moved into place: parallel processes see a whole file or none. Its name holds the
package version and a digest of the reader, so a new package or a changed reader derives again.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import json
import os
import shutil
import sqlite3
import tempfile
import warnings
from collections.abc import Collection
from functools import cache
from importlib.resources import files
from pathlib import Path

from llminfra.bindings.cache_dir import CACHE_DIR_VARIABLE, CacheUnwritableWarning, cache_dir
from llminfra.rehearsal.schema.model import Block, ProviderSchema, block_from_json, block_to_json
from llminfra.rehearsal.schema.package import PACKAGES, ProviderPackage, modules
from llminfra.rehearsal.schema.typescript import ModuleSchema, read_module

_NOT_SCHEMAS = frozenset({"index", "lazy-index"})


def derive(package: ProviderPackage) -> list[ModuleSchema]:
    """Every schema of a package, read from its tarball; takes seconds for ``aws``.

    Raises:
        ToolError: the package is not installed.
        SchemaError: its modules do not look as expected.
    """
    return [
        read_module(text, name, nested_attributes=package.nested_attributes)
        for name, text in modules(package.tarball())
        if name not in _NOT_SCHEMAS
    ]


def database(package: ProviderPackage) -> Path:
    """The cache file of a package; built on first use, for this run alone where the cache cannot be written.

    Raises:
        ToolError: the package is not installed.
        SchemaError: its modules do not look as expected.
    """
    return _found(package, cache_dir() / "schemas")


@cache  # a cache that cannot be written is told once, and schemas are derived once
def _found(package: ProviderPackage, folder: Path) -> Path:
    try:
        return _built(package, folder)
    except OSError as error:
        return _for_this_run(package, f"cannot write the cache {folder}: {error.strerror or error}")


def _built(package: ProviderPackage, folder: Path) -> Path:
    path = folder / f"{package.key()}-{_reader_digest()}.sqlite"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
        os.close(handle)
        try:
            _write(Path(temporary), derive(package))
            Path(temporary).replace(path)
        except sqlite3.OperationalError as error:  # SQLite has words of its own for a full disk
            raise OSError(str(error)) from error
        finally:
            Path(temporary).unlink(missing_ok=True)
    return path


def _for_this_run(package: ProviderPackage, why: str) -> Path:
    """A file that goes when the process ends."""
    folder = Path(tempfile.mkdtemp(prefix="llminfra-schemas-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    warnings.warn(
        f"{why}. Each rehearsal now takes some seconds more; set {CACHE_DIR_VARIABLE} to a folder that can be written.",
        CacheUnwritableWarning,
        stacklevel=3,
    )
    return _built(package, folder)


def read(
    name: str, resources: Collection[str], data_sources: Collection[str], path: Path | None = None
) -> ProviderSchema:
    """The provider's schema with the named types; a name the provider lacks is left out.

    Args:
        name: Short name of the provider.
        resources: Resource types to load.
        data_sources: Data source types to load.
        path: The cache file, where already known.
    """
    with contextlib.closing(_open(path or database(PACKAGES[name]))) as connection:
        rows = connection.execute("select kind, name, version, schema from schema where kind = 'provider'").fetchall()
        provider, version = block_from_json(json.loads(rows[0][3])), rows[0][2]
        return ProviderSchema(
            name=name,
            version=version,
            provider=provider,
            resources=_load(connection, "resource", resources),
            data_sources=_load(connection, "data", data_sources),
        )


def type_names(name: str, kind: str) -> tuple[str, ...]:
    """Every type of a kind (``resource`` or ``data``) that the provider has, sorted."""
    with contextlib.closing(_open(database(PACKAGES[name]))) as connection:
        rows = connection.execute("select name from schema where kind = ? order by name", (kind,)).fetchall()
        return tuple(row[0] for row in rows)


def provider_version(name: str) -> str:
    """The provider version that the installed package was generated from."""
    with contextlib.closing(_open(database(PACKAGES[name]))) as connection:
        row = connection.execute("select version from schema where kind = 'provider'").fetchone()
        return str(row[0])


def _load(connection: sqlite3.Connection, kind: str, names: Collection[str]) -> dict[str, Block]:
    found: dict[str, Block] = {}
    for name in sorted(names):
        row = connection.execute("select schema from schema where kind = ? and name = ?", (kind, name)).fetchone()
        if row is not None:
            found[name] = block_from_json(json.loads(row[0]))
    return found


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)


def _write(path: Path, schemas: list[ModuleSchema]) -> None:
    version = next((item.provider_version for item in schemas if item.provider_version), "0.0.0")
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "create table schema (kind text, name text, version text, schema text, primary key (kind, name))"
        )
        connection.executemany(
            "insert into schema values (?, ?, ?, ?)",
            (
                (item.kind, item.type_name, version, json.dumps(block_to_json(item.block), separators=(",", ":")))
                for item in schemas
            ),
        )


@cache
def _reader_digest() -> str:
    """A digest of the code that decides what a schema is."""
    here = files("llminfra.rehearsal.schema")
    sources = b"".join(here.joinpath(f"{name}.py").read_bytes() for name in ("model", "package", "typescript", "cache"))
    return hashlib.sha256(sources).hexdigest()[:12]
