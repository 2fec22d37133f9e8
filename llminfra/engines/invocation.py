"""How an engine is started and watched: what an engine adapter answers, and a Helm release or user data carries."""

from __future__ import annotations

from msgspec import Struct, field


class Probe(Struct, frozen=True, kw_only=True):
    """An HTTP or exec probe; times in seconds."""

    path: str | None
    port: int
    period_s: int
    timeout_s: int
    failure_threshold: int
    command: tuple[str, ...] = ()


class EnvFromSecret(Struct, frozen=True, kw_only=True):
    """An environment variable whose value comes from a secret: by reference only."""

    name: str
    secret_name: str
    secret_key: str | None


class Metrics(Struct, frozen=True, kw_only=True):
    """Where an engine's metrics are and what they are called (without rate or aggregation).

    Series are told apart by the Service that they are scraped from; ``model_label`` is a label that must have the
    served name as well, where a server tells of several models. ``max_running`` is how many requests a replica runs at
    once, where the server's author says it.
    """

    port: int
    path: str
    waiting: str | None
    running: str | None
    kv_usage: str | None
    model_label: str | None = None
    max_running: int | None = None


class Invocation(Struct, frozen=True, kw_only=True):
    """A container, fully determined.

    ``field_env`` maps environment variables to fields of the pod (``status.podIP``); ``cache_env`` maps them to
    directories under the writable cache volume; ``kernel_folders`` are those of it that hold what the engine compiles.
    ``worker_command`` is what the other nodes of a replica run; empty: ``command``.
    """

    image_repository: str
    image_tag: str | None
    image_digest: str | None
    command: tuple[str, ...]
    args: tuple[str, ...]
    env: dict[str, str]
    cache_env: dict[str, str]
    secret_env: tuple[EnvFromSecret, ...]
    port: int
    startup: Probe
    readiness: Probe
    liveness: Probe
    drain_flag_s: int
    run_as_user: int
    worker_args: tuple[str, ...] = ()
    field_env: dict[str, str] = field(default_factory=dict)
    worker_probe: Probe | None = None
    metrics: Metrics | None = None
    added_capabilities: tuple[str, ...] = ()
    privileged: bool = False
    worker_command: tuple[str, ...] = ()
    kernel_folders: tuple[str, ...] = ()
