"""Which lines belong to which shard, written down once so that every child and every attempt agrees.

A run's file list is a snapshot taken by the first child. A file's plan belongs to the file's content (ETag): a later
run over the same content finds the shards that are done and does nothing twice.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath

from .lines import custom_id_of
from .settings import S3Uri, Settings
from .store import Store

BOM = b"\xef\xbb\xbf"


class NoInputError(Exception):
    """Nothing to read at the input address."""


@dataclass(frozen=True, slots=True)
class InputFile:
    """One object of the input; ``name`` is its key below the input prefix."""

    key: str
    name: str
    etag: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Shard:
    """A range of lines: ``start`` and ``end`` are byte offsets, ``first_line`` is 1-based."""

    index: int
    first_line: int
    lines: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class FilePlan:
    """The shards of one file; ``duplicates`` maps a line to the earlier line with the same custom_id."""

    file: InputFile
    file_id: str
    shards: tuple[Shard, ...]
    duplicates: dict[int, int]


def file_id(bucket: str, file: InputFile, shard_lines: int, shard_mib: int) -> str:
    """Names the content and the way it is cut."""
    text = f"{bucket}/{file.key}\n{file.etag}\n{shard_lines}\n{shard_mib}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def list_input(store: Store, source: S3Uri, output: S3Uri) -> list[InputFile]:
    """The ``*.jsonl`` objects at the address, a prefix or one key, by key.

    Raises:
        NoInputError: there are none.
    """
    single = source.key.endswith(".jsonl")
    prefix = source.key if single or not source.key else source.key.rstrip("/") + "/"
    found = []
    for item in store.list(prefix):
        key = item["Key"]
        ours = output.bucket == source.bucket and key.startswith(output.join(""))
        if ours or not key.endswith(".jsonl") or (single and key != prefix):
            continue
        name = PurePosixPath(key).name if single else key[len(prefix) :]
        found.append(InputFile(key, name, item["ETag"], item["Size"]))
    if not found:
        raise NoInputError(f"no *.jsonl at {source}")
    return found


def split_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Lines with their newline; the last may lack it."""
    rest: list[bytes] = []
    for block in blocks:
        pieces = block.split(b"\n")
        for piece in pieces[:-1]:
            yield b"".join([*rest, piece, b"\n"])
            rest = []
        if pieces[-1]:
            rest.append(pieces[-1])
    if rest:
        yield b"".join(rest)


def cut(lines: Iterable[bytes], shard_lines: int, shard_bytes: int) -> tuple[tuple[Shard, ...], dict[int, int]]:
    """Shards of at most so many lines and bytes (one long line makes its own), and the duplicates."""
    shards: list[Shard] = []
    seen: dict[bytes, int] = {}
    duplicates: dict[int, int] = {}
    first, start, offset, number = 1, 0, 0, 0
    for number, line in enumerate(lines, start=1):
        length = len(line)
        if number - first >= shard_lines or (number > first and offset + length - start > shard_bytes):
            shards.append(Shard(len(shards), first, number - first, start, offset))
            first, start = number, offset
        offset += length
        if (custom_id := custom_id_of(line.removeprefix(BOM) if number == 1 else line)) is not None:
            digest = hashlib.blake2b(custom_id.encode(errors="surrogatepass"), digest_size=16).digest()
            if (earlier := seen.setdefault(digest, number)) != number:
                duplicates[number] = earlier
    if number >= first:
        shards.append(Shard(len(shards), first, number - first + 1, start, offset))
    return tuple(shards), duplicates


def _to_json(plan: FilePlan) -> bytes:
    return json.dumps(asdict(plan), sort_keys=True).encode()


def _from_json(data: bytes) -> FilePlan:
    item = json.loads(data)
    return FilePlan(
        InputFile(**item["file"]),
        item["file_id"],
        tuple(Shard(**shard) for shard in item["shards"]),
        {int(line): earlier for line, earlier in item["duplicates"].items()},
    )


def plan_file(source: Store, target: Store, output: S3Uri, file: InputFile, settings: Settings) -> FilePlan:
    """The file's plan: what is written down, or written down now."""
    name = file_id(source.bucket, file, settings.shard_lines, settings.shard_mib)
    key = output.join(f"_work/{name}/plan.json")
    if (data := target.get(key)) is None:
        lines = split_lines(source.stream(file.key, file.etag))
        shards, duplicates = cut(lines, settings.shard_lines, settings.shard_mib * 1024 * 1024)
        # Racing children compute the same plan, so it does not matter whose is kept.
        data = _to_json(FilePlan(file, name, shards, duplicates))
        target.put_once(key, data)
    return _from_json(data)


def plan_run(source: Store, target: Store, settings: Settings, check: Callable[[], None]) -> list[FilePlan]:
    """Plans of all files of the run, in the order of the snapshot.

    Raises:
        NoInputError: there is nothing to read.
        InputChangedError: a file of the snapshot was replaced.
    """
    key = settings.output.join(f"_runs/{settings.run_id}.json")
    if (data := target.get(key)) is None:
        files = list_input(source, settings.input, settings.output)
        listing = {"input": str(settings.input), "files": [asdict(file) for file in files]}
        data = json.dumps(listing, sort_keys=True).encode()
        if not target.put_once(key, data):
            data = target.get(key) or data
    files = [InputFile(**item) for item in json.loads(data)["files"]]
    # Children begin at different files, so that they share the reading instead of all doing all of it.
    turn = settings.array_index * len(files) // settings.array_size
    plans: dict[int, FilePlan] = {}
    for position in (*range(turn, len(files)), *range(turn)):
        check()
        plans[position] = plan_file(source, target, settings.output, files[position], settings)
    return [plans[position] for position in range(len(files))]


def own_shards(plans: list[FilePlan], array_index: int, array_size: int) -> list[tuple[FilePlan, Shard]]:
    """The shards of one child: every ``array_size``-th of all."""
    every = [(plan, shard) for plan in plans for shard in plan.shards]
    return every[array_index::array_size]
