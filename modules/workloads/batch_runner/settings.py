"""The settings, read from the environment, all mistakes reported at once."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")


class SettingsError(Exception):
    """The environment cannot work; one line for each mistake."""


@dataclass(frozen=True, slots=True)
class S3Uri:
    """A bucket and a key or prefix in it."""

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    def join(self, name: str) -> str:
        """Key of something below this prefix."""
        return f"{self.key.rstrip('/')}/{name}" if self.key.rstrip("/") else name


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What one process does. Times are seconds."""

    input: S3Uri
    output: S3Uri
    name: str
    run_id: str
    endpoint_url: str
    health_path: str
    server_command: tuple[str, ...]
    node_command: tuple[str, ...]
    api_key_secret: str
    start_timeout_s: float
    outage_timeout_s: float
    drain_timeout_s: float
    spot_drain_timeout_s: float
    watch_spot: bool
    concurrency: int
    request_timeout_s: float
    request_attempts: int
    backoff_s: float
    backoff_max_s: float
    shard_lines: int
    shard_mib: int
    part_lines: int
    part_s: float
    max_error_fraction: float
    array_index: int
    array_size: int
    node_index: int
    main_node_index: int
    num_nodes: int
    main_node_address: str
    scratch_dir: str

    @property
    def is_main_node(self) -> bool:
        """Whether this node reads the input; the others of a multi-node job only lend their GPUs."""
        return self.node_index == self.main_node_index


def _s3_uri(text: str) -> S3Uri:
    parts = urlsplit(text)
    if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment:
        raise ValueError("an address such as s3://bucket/prefix/")
    return S3Uri(parts.netloc, parts.path.lstrip("/"))


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/"):
        raise ValueError("http(s)://host[:port] without a path")
    return f"{parts.scheme}://{parts.netloc}"


def _path(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError("a path such as /health")
    return text


def _command(text: str) -> tuple[str, ...]:
    try:
        words = json.loads(text)
    except ValueError:
        words = None
    if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
        raise ValueError("a JSON list of words")
    return tuple(words)


def _flag(text: str) -> bool:
    try:
        return {"true": True, "1": True, "false": False, "0": False}[text.lower()]
    except KeyError:
        raise ValueError("true or false") from None


def _name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._:-]{1,128}", text):
        raise ValueError("1 to 128 of letters, digits and ._:-")
    return text


def _number(kind: type[int | float], least: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        expected = f"{'a whole' if kind is int else 'a'} number, at least {least:g}"
        try:
            value = kind(text)
        except ValueError:
            raise ValueError(expected) from None
        if not least <= value < float("inf"):
            raise ValueError(expected)
        return value

    return read


def _run_id(env: Mapping[str, str]) -> str:
    # A child of an array job is <job>:<index>, a node <job>#<index>: the job's id is that of all of them, and of every
    # attempt. One process alone needs no agreement with others, and must not find the listing of an earlier run.
    job = re.split("[:#]", env.get("AWS_BATCH_JOB_ID", ""))[0]
    return job or f"alone-{uuid.uuid4().hex[:12]}"


def read_settings(env: Mapping[str, str]) -> Settings:
    """Settings from ``BATCH_*`` and from what AWS Batch itself sets.

    Raises:
        SettingsError: with every mistake, not only the first.
    """
    mistakes: list[str] = []

    def get(name: str, read: Callable[[str], T], default: str | None = None) -> T | None:
        text = env.get(name) or default
        if text is None:
            mistakes.append(f"{name} is not set")
            return None
        try:
            return read(text)
        except ValueError as error:
            mistakes.append(f"{name}: found {text!r}, expected {error}")
            return None

    whole, positive, duration = _number(int, 0), _number(int, 1), _number(float, 0)
    values = {
        "input": get("BATCH_INPUT", _s3_uri),
        "output": get("BATCH_OUTPUT", _s3_uri),
        "name": get("BATCH_NAME", _name, "batch"),
        "run_id": get("BATCH_RUN_ID", _name, _run_id(env)),
        "endpoint_url": get("BATCH_ENDPOINT_URL", _url, "http://127.0.0.1:8000"),
        "health_path": get("BATCH_HEALTH_PATH", _path, "/health"),
        "server_command": get("BATCH_SERVER_COMMAND", _command) if env.get("BATCH_SERVER_COMMAND") else (),
        "node_command": get("BATCH_NODE_COMMAND", _command) if env.get("BATCH_NODE_COMMAND") else (),
        "api_key_secret": env.get("BATCH_API_KEY_SECRET", ""),
        "start_timeout_s": get("BATCH_START_TIMEOUT_S", duration, "1800"),
        "outage_timeout_s": get("BATCH_OUTAGE_TIMEOUT_S", duration, "300"),
        "drain_timeout_s": get("BATCH_DRAIN_TIMEOUT_S", duration, "20"),
        "spot_drain_timeout_s": get("BATCH_SPOT_DRAIN_TIMEOUT_S", duration, "90"),
        "watch_spot": get("BATCH_WATCH_SPOT", _flag, "false"),
        "concurrency": get("BATCH_CONCURRENCY", positive, "64"),
        "request_timeout_s": get("BATCH_REQUEST_TIMEOUT_S", _number(float, 0.1), "600"),
        "request_attempts": get("BATCH_REQUEST_ATTEMPTS", positive, "5"),
        "backoff_s": get("BATCH_BACKOFF_S", duration, "1"),
        "backoff_max_s": get("BATCH_BACKOFF_MAX_S", duration, "60"),
        "shard_lines": get("BATCH_SHARD_LINES", positive, "5000"),
        "shard_mib": get("BATCH_SHARD_MIB", positive, "256"),
        "part_lines": get("BATCH_PART_LINES", positive, "200"),
        "part_s": get("BATCH_PART_S", duration, "30"),
        "max_error_fraction": get("BATCH_MAX_ERROR_FRACTION", duration, "1"),
        "array_index": get("AWS_BATCH_JOB_ARRAY_INDEX", whole, "0"),
        "array_size": get("AWS_BATCH_JOB_ARRAY_SIZE", positive, env.get("BATCH_ARRAY_SIZE") or "1"),
        "node_index": get("AWS_BATCH_JOB_NODE_INDEX", whole, "0"),
        "main_node_index": get("AWS_BATCH_JOB_MAIN_NODE_INDEX", whole, "0"),
        "num_nodes": get("AWS_BATCH_JOB_NUM_NODES", positive, "1"),
        "main_node_address": env.get("AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS", ""),
        "scratch_dir": env.get("BATCH_SCRATCH_DIR", ""),
    }
    index, size = values["array_index"], values["array_size"]
    if isinstance(index, int) and isinstance(size, int) and index >= size:
        mistakes.append(f"AWS_BATCH_JOB_ARRAY_INDEX: found {index}, expected less than the array size {size}")
    if size != 1 and not env.get("BATCH_RUN_ID") and not env.get("AWS_BATCH_JOB_ID"):
        mistakes.append("BATCH_RUN_ID is not set: several children need one name for their run")
    source, target = values["input"], values["output"]
    if isinstance(source, S3Uri) and isinstance(target, S3Uri) and target == source:
        mistakes.append(f"BATCH_OUTPUT: found {target}, expected another prefix than BATCH_INPUT")
    if values["node_index"] != values["main_node_index"] and not env.get("BATCH_NODE_COMMAND"):
        mistakes.append("BATCH_NODE_COMMAND is not set: this node of a multi-node job has nothing to run")
    if mistakes:
        raise SettingsError("\n".join(mistakes))
    return Settings(**values)  # type: ignore[arg-type]  # no mistake, hence no None
