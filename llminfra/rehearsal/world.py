"""The simulated world: what exists in the account, kept in one SQLite file that all provider processes share."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llminfra.diagnostics import UsageError


@dataclass(frozen=True, slots=True)
class WorldObject:
    """One thing that exists.

    Attributes:
        type_name: Terraform's resource type, such as ``aws_vpc``.
        id: The id that AWS gives it, such as ``vpc-0a1b2c3d4e5f60718``.
        attributes: Its attributes under Terraform's names; what is left out is null.
        region: Where it is; empty for a global service or the provider's region.
    """

    type_name: str
    id: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    region: str = ""


@dataclass(frozen=True, slots=True)
class World:
    """What exists before the rehearsal starts: an adopted VPC, a cluster, a reservation.

    Attributes:
        objects: The things.
        account_id: The account that ``aws_caller_identity`` answers.
    """

    objects: tuple[WorldObject, ...] = ()
    account_id: str = "123456789012"

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> World:
        """Read ``{"account_id": ..., "objects": [{"type": ..., "id": ..., "attributes": {...}}]}``.

        Raises:
            UsageError: the mapping has another shape.
        """
        unknown = set(data) - {"account_id", "objects"}
        if unknown:
            raise UsageError(f"existing world: unknown keys {sorted(unknown)}; known: account_id, objects")
        listed = data.get("objects", [])
        if not isinstance(listed, list):
            raise UsageError(f"existing world: objects is a list, got {listed!r}")
        objects = []
        for index, item in enumerate(listed):
            if not _is_object(item):
                raise UsageError(
                    f"existing world: objects[{index}] is an object with the texts type and id, and may have "
                    f"attributes (an object) and region (a text); got {item!r}"
                )
            objects.append(
                WorldObject(item["type"], item["id"], dict(item.get("attributes", {})), item.get("region", ""))
            )
        return cls(tuple(objects), str(data.get("account_id", cls().account_id)))


def _is_object(item: object) -> bool:
    if not isinstance(item, Mapping) or not {"type", "id"} <= set(item) <= {"type", "id", "attributes", "region"}:
        return False
    texts = (item["type"], item["id"], item.get("region", ""))
    return all(isinstance(text, str) for text in texts) and isinstance(item.get("attributes", {}), Mapping)


@dataclass(frozen=True, slots=True)
class Stored:
    """A row of the world."""

    type_name: str
    key: str
    region: str
    attributes: dict[str, Any]
    managed: bool


class Taken(Exception):  # noqa: N818  an answer, not a fault
    """An object with this key is already there."""


class WorldStore:
    """The file. Each call is one transaction, so a process that dies leaves a whole world."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30)
        self._connection.executescript(
            """
            pragma journal_mode = wal;
            pragma synchronous = off;
            create table if not exists object (
                type text, key text, region text, attributes text, managed integer, primary key (type, key, region));
            create table if not exists call (
                number integer primary key autoincrement, kind text, type text, key text, outcome text);
            """
        )

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Exclusive access; rolled back when the body raises."""
        with self._lock:
            self._connection.execute("begin immediate")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("rollback")
                raise
            self._connection.execute("commit")

    def populate(self, objects: Iterable[WorldObject]) -> None:
        """Add objects that Terraform does not manage."""
        items = list(objects)  # a generator may read the world itself
        with self.transaction() as connection:
            for item in items:
                attributes = {"id": item.id, **item.attributes}
                connection.execute(
                    "insert or replace into object values (?, ?, ?, ?, 0)",
                    (item.type_name, item.id, item.region, json.dumps(attributes)),
                )

    def add(self, type_name: str, key: str, region: str, attributes: Mapping[str, Any]) -> None:
        """Create an object.

        Raises:
            Taken: one with this key exists.
        """
        with self.transaction() as connection:
            try:
                connection.execute(
                    "insert into object values (?, ?, ?, ?, 1)", (type_name, key, region, json.dumps(attributes))
                )
            except sqlite3.IntegrityError:
                raise Taken(key) from None

    def change(self, type_name: str, key: str, region: str, attributes: Mapping[str, Any]) -> bool:
        """Replace the attributes; ``False`` where the object is gone."""
        with self.transaction() as connection:
            cursor = connection.execute(
                "update object set attributes = ? where type = ? and key = ? and region in (?, '')",
                (json.dumps(attributes), type_name, key, region),
            )
            return cursor.rowcount > 0

    def adopt(self, type_name: str, key: str) -> None:
        """Mark an object as managed by Terraform from now on (an import)."""
        with self.transaction() as connection:
            connection.execute("update object set managed = 1 where type = ? and key = ?", (type_name, key))

    def remove(self, type_name: str, key: str, region: str) -> bool:
        """Delete an object; ``False`` where it is gone already."""
        with self.transaction() as connection:
            cursor = connection.execute(
                "delete from object where type = ? and key = ? and region in (?, '')", (type_name, key, region)
            )
            return cursor.rowcount > 0

    def remove_marked(self, attribute: str, value: str) -> None:
        """Delete unmanaged objects by an attribute."""
        with self.transaction() as connection:
            connection.execute(
                "delete from object where managed = 0 and json_extract(attributes, ?) = ?", (f"$.{attribute}", value)
            )

    def get(self, type_name: str, key: str, region: str | None = None) -> Stored | None:
        """One object by its key."""
        rows = self._select("where type = ? and key = ?", (type_name, key))
        for row in rows:
            if region is None or row.region in (region, ""):
                return row
        return None

    def all(self, *type_names: str) -> list[Stored]:
        """Every object of the types, or every object."""
        if not type_names:
            return self._select("", ())
        marks = ", ".join("?" * len(type_names))
        return self._select(f"where type in ({marks})", type_names)

    def record(self, kind: str, type_name: str, key: str, outcome: str) -> int:
        """Note a call; returns its number."""
        with self.transaction() as connection:
            cursor = connection.execute(
                "insert into call (kind, type, key, outcome) values (?, ?, ?, ?)", (kind, type_name, key, outcome)
            )
            return int(cursor.lastrowid or 0)

    def count(self, kind: str) -> int:
        """Number of noted calls of a kind."""
        with self._lock:
            return int(self._connection.execute("select count(*) from call where kind = ?", (kind,)).fetchone()[0])

    def calls(self) -> list[tuple[str, str, str, str]]:
        """Every noted call in order: kind, type, key, outcome."""
        with self._lock:
            return list(self._connection.execute("select kind, type, key, outcome from call order by number"))

    def _select(self, where: str, parameters: tuple[Any, ...]) -> list[Stored]:
        with self._lock:
            rows = self._connection.execute(
                f"select type, key, region, attributes, managed from object {where} order by rowid",  # noqa: S608  # clauses of this class; values are bound
                parameters,
            ).fetchall()
        return [Stored(row[0], row[1], row[2], json.loads(row[3]), bool(row[4])) for row in rows]
