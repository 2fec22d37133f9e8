"""What adapters share: the image, secrets by reference, caches, EFA variables, unknown options."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from llminfra.catalog.container_env import HUB_TOKEN
from llminfra.diagnostics import entry_path
from llminfra.engines.invocation import EnvFromSecret, Probe
from llminfra.engines.job import UnknownOption
from llminfra.spec.engines.custom import CustomServer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llminfra.catalog.engines import EngineRelease
    from llminfra.engines.job import ServingJob
    from llminfra.spec.endpoint import Endpoint
    from llminfra.spec.engines.base import LlmEngine

Engine = TypeVar("Engine")

# A high id that owns nothing on the node.
RUN_AS_USER = 10001
STARTUP_PERIOD_S = 10

# Every cache that an engine and its libraries write, so that the container runs as any user (llm-d/llm-d#1430,
# vllm-project/vllm#38552, vllm-project/vllm#9118).
LIBRARY_CACHES = {
    "HOME": "home",
    "HF_HOME": "huggingface",
    "TORCHINDUCTOR_CACHE_DIR": "inductor",
    "TRITON_CACHE_DIR": "triton",
    "XDG_CACHE_HOME": "xdg",
    "FLASHINFER_WORKSPACE_BASE": "flashinfer",
}
LIBRARY_KERNELS = ("inductor", "triton", "flashinfer")
"""Folders of the libraries' caches that hold compiled kernels."""


class NoImageError(LookupError):
    """Neither the spec nor the catalog has an image that can run the job."""


def engine_of(job: ServingJob, kind: type[Engine]) -> tuple[Engine, EngineRelease]:
    """The engine of a job, which is of one adapter's kind, and its release.

    Raises:
        TypeError: The job is another adapter's.
    """
    engine = job.endpoint.engine
    if not isinstance(engine, kind) or job.release is None:
        msg = f"the {kind.__name__} adapter was given {type(engine).__name__}"
        raise TypeError(msg)
    return engine, job.release


def image_of(job: ServingJob, engine: LlmEngine) -> tuple[str, str | None, str | None]:
    """Repository, tag and digest: the user's image, else the release's.

    Raises:
        NoImageError: There is none (with EFA userspace, where the job needs it).
    """
    if engine.image is not None:
        return engine.image.repository, engine.image.tag, engine.image.digest
    found = job.release.image(efa=job.efa) if job.release else None
    if found is None:
        msg = f"{engine.__class__.__name__} has no image" + (" with EFA userspace" if job.efa else "")
        raise NoImageError(msg)
    return found.repository, found.tag, found.digest


def startup_probe(job: ServingJob, path: str | None, port: int, *, timeout_s: int = 5, dial: str = "") -> Probe:
    """Asks until the start-up budget is used up; ``dial`` is Python that asks where there is no path."""
    return Probe(
        path=path,
        port=port,
        period_s=STARTUP_PERIOD_S,
        timeout_s=timeout_s,
        failure_threshold=-(-job.startup_budget_s // STARTUP_PERIOD_S),
        command=("python3", "-c", dial) if dial else (),
    )


def worker_probe(job: ServingJob, port: int) -> Probe:
    """Workers answer no HTTP; a rank whose leader does not listen on ``port`` must restart."""
    dial = f"import os,socket;socket.create_connection((os.environ['LWS_LEADER_ADDRESS'],{port}),timeout=5).close()"
    return startup_probe(job, None, port, timeout_s=10, dial=dial)


def ready_probe(path: str, port: int) -> Probe:
    """A replica takes requests as soon as, and as long as, it says so."""
    return Probe(path=path, port=port, period_s=5, timeout_s=5, failure_threshold=3)


def live_probe(path: str, port: int, *, timeout_s: int = 10) -> Probe:
    """A minute without an answer ends a replica: a long prompt must not."""
    return Probe(path=path, port=port, period_s=10, timeout_s=timeout_s, failure_threshold=6)


def secret_env(job: ServingJob, *, api_key: str | None) -> tuple[EnvFromSecret, ...]:
    """The Hub token where the engine downloads the model itself, and the API key under the engine's own name."""
    refs = []
    if (token := job.endpoint.model.token) and job.from_hub:
        refs.append(EnvFromSecret(name=HUB_TOKEN, secret_name=token.name, secret_key=token.key))
    if (key := job.endpoint.api_key) and api_key:
        refs.append(EnvFromSecret(name=api_key, secret_name=key.name, secret_key=key.key))
    return tuple(refs)


def efa_env(job: ServingJob) -> dict[str, str]:
    """Libfabric and NCCL over EFA; no huge pages, which costs under 5 % and spares a reservation on every node.

    Source: ai-dynamo/aiconfigurator src/aiconfigurator/generator/facts/transport.yaml (huge pages, shared memory);
    awslabs/awsome-distributed-training 1.architectures/efa-cheatsheet.md (interface names).
    """
    if not job.efa:
        return {}
    return {
        "FI_PROVIDER": "efa",
        "FI_EFA_USE_HUGE_PAGE": "0",
        "FI_EFA_ENABLE_SHM_TRANSFER": "0",
        "NCCL_SOCKET_IFNAME": "eth0",
        "GLOO_SOCKET_IFNAME": "eth0",
    }


_PARSERS: Mapping[str, str] = {
    "vllm": "error: unrecognized arguments: {}",
    "sglang": "error: unrecognized arguments: {}",
    "tgi": "error: unexpected argument '{}' found",
}
"""What the parsers of command lines say: argparse of Python, clap of Rust."""


def _when_known(removed: str | None, added: str | None, close: tuple[str, ...]) -> tuple[str, str]:
    """When other releases knew an option, to be added to the message, and what would help."""
    if removed:
        return f"; it was removed in {removed}", f"remove it, or pin a version before {removed}"
    if added:
        return f"; it came with {added}", f"pin {added} or newer, or remove it"
    return "", f"did you mean {close[0]}?" if close else "remove it"


def unknown_options(
    endpoint: Endpoint, release: EngineRelease | None, *, own_env: str | None
) -> tuple[UnknownOption, ...]:
    """Flags among the extra arguments, and variables that begin with ``own_env``, that the release does not know."""
    engine = endpoint.engine
    if release is None or isinstance(engine, CustomServer):
        return ()
    base = f"endpoints.{endpoint.name}.engine"
    # Variables are looked through since there is the flag that makes them fatal: vllm/envs.py.
    checks_env = release.engine == "vllm" and release.knows_flag("--fail-on-environ-validation")
    found = []
    for index, argument in enumerate(engine.extra_args):
        if not argument.startswith("-") or release.knows_flag(argument):
            continue
        flag = argument.partition("=")[0]
        when, fix = _when_known(release.removed_in(flag), release.added_in(flag), release.suggest_flag(flag))
        alone, blank, value = argument.partition(" ")
        if blank and release.knows_flag(alone):  # no shell splits what an entry holds
            fix = f"write two entries, {alone!r} and {value.strip()!r}, or one, {f'{alone}={value.strip()}'!r}"
        found.append(
            UnknownOption(
                path=entry_path(f"{base}.extra_args", index),
                name=flag,
                message=f"{release.engine} {release.version} does not know the flag {flag}{when}",
                fix=fix,
                seen=_PARSERS.get(release.engine, "").format(flag) or None,
            )
        )
    for name in engine.env:
        if own_env is None or not name.startswith(own_env) or release.knows_env(name):
            continue
        when, fix = _when_known(release.env_removed_in(name), release.env_added_in(name), ())
        found.append(
            UnknownOption(
                path=f"{base}.env.{name}",
                name=name,
                message=f"{release.engine} {release.version} does not know the variable {name}{when}",
                fix=fix,
                seen=f"Unknown vLLM environment variable detected: {name}" if checks_env else None,
            )
        )
    return tuple(found)
