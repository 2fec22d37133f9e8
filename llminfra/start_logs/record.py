"""One start of an engine as its log tells it."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field


class Stated(Struct, frozen=True):
    """Something that a log says.

    Attributes:
        value: As a case of `llminfra fit --jsonl` takes it.
        line: Number of its line, from 1.
    """

    value: Any
    line: int


class Failure(Struct, frozen=True, kw_only=True):
    """Why the engine did not start.

    Attributes:
        outcome: ``oom_at_load``, ``max_len_exceeds_kv``, ``no_kv_blocks`` or ``not_free``.
        text: The engine's own words.
        line: Number of their line, from 1.
        others_gib: What other processes have of the device, where the words tell of them.
    """

    outcome: str
    text: str
    line: int
    others_gib: float = 0.0


class StartLog(Struct, frozen=True, kw_only=True):
    """One start.

    Attributes:
        engine: ``vllm``, ``sglang`` or ``tgi``.
        inputs: What it was started with, by key of `FitCase`.
        figures: What it printed, by key of measured rows: GiB of one GPU, tokens, requests.
        seconds: How long phases took: ``download``, ``weights``, ``shard`` (from the start of a process of TGI to its
            weights), ``compile``, ``warmup``, ``graphs``, ``engine`` (from the profiling run on), ``ready`` (from the
            first line that has a time).
        failure: Why it did not start; None where it did, or where the log does not say.
        started: It says that it takes requests, or that all of its start is through.
        not_counted: Arguments that change memory and that no case has: name and what they are.
        asked: It prints the arguments that are no defaults, so that what is not among them is one.
        decided: What the engine says that it decided by itself, in its words.
        releases: First and last release that it may be of, where the log does not name one.
        starts: How many starts the log has; this is the last that says anything of its memory.
    """

    engine: str
    inputs: dict[str, Stated] = field(default_factory=dict)
    figures: dict[str, Stated] = field(default_factory=dict)
    seconds: dict[str, Stated] = field(default_factory=dict)
    failure: Failure | None = None
    started: bool = False
    not_counted: dict[str, str] = field(default_factory=dict)
    asked: bool = False
    decided: dict[str, Stated] = field(default_factory=dict)
    releases: tuple[str, str] | None = None
    starts: int = 1

    @property
    def outcome(self) -> str | None:
        """``ok``, why it failed, or None where the log does not say."""
        return self.failure.outcome if self.failure else "ok" if self.started else None
