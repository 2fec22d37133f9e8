"""What an engine tells about itself, under one name whatever the engine and its release call it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast

from msgspec import Struct, field

from llminfra.catalog.datafile import read_data
from llminfra.catalog.engine_facts import EngineName
from llminfra.catalog.engines import EngineRelease, engine_release

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llminfra.planning.plan.endpoint import EndpointPlan

Kind = Literal["gauge", "ratio", "counter", "histogram"]


class Signal(Struct, frozen=True, kw_only=True):
    """A signal and the series that carries it.

    Attributes:
        name: llminfra's name, such as ``requests_waiting``.
        kind: ``gauge`` (a number of things), ``ratio`` (0 to 1), ``counter`` or ``histogram``.
        metric: Name of the series; of a histogram without ``_bucket``.
        like: Labels and the regular expressions that they must match.
        minus: A counter to take away.
    """

    name: str
    kind: Kind
    metric: str
    like: Mapping[str, str] = field(default_factory=dict)
    minus: str | None = None


def release_of(endpoint: EndpointPlan) -> EngineRelease | None:
    """The release in the catalog that the endpoint runs, or ``None`` for a server of the user's own."""
    names = read_data("metrics/engine_labels.json")["engines"]
    if endpoint.engine not in names:
        return None
    return engine_release(cast("EngineName", endpoint.engine), endpoint.engine_version)


def signals_of(endpoint: EndpointPlan) -> dict[str, Signal]:
    """Signals that the endpoint's engine exposes, by name; for a custom server what the spec says of it."""
    metrics = endpoint.invocation.metrics
    if metrics is None:
        return {}
    release = release_of(endpoint)
    found = _declared(endpoint) if release is None else release_signals(release)
    # An own image may be of a release before these series.
    untold = {"requests_waiting": metrics.waiting, "kv_cache_usage": metrics.kv_usage}
    absent = _without(endpoint) | {name for name, series in untold.items() if series is None}
    return {name: signal for name, signal in found.items() if name not in absent}


# Of what writes no text the V1 engine counts the time to the answer as that to a first token, and no token after it
# (``IterationStats.update_from_output``, vllm/v1/metrics/stats.py 0.27.1).
_OF_ANSWERS = frozenset({"generation_tokens", "inter_token_latency_seconds"})
_OF_CACHES = frozenset({"kv_cache_usage", "preemptions"})


def _without(endpoint: EndpointPlan) -> frozenset[str]:
    """Signals that are exposed and never say anything: of words that are not written, of a cache that is not kept."""
    absent = frozenset() if endpoint.task in {"generate", "transcribe"} else _OF_ANSWERS
    if endpoint.task == "generate":
        return absent
    cacheless = endpoint.fit.fits is True and endpoint.fit.kv_cache_tokens is None
    return absent | _OF_CACHES if cacheless else absent


def release_signals(release: EngineRelease) -> dict[str, Signal]:
    """Signals that a release exposes: for each the first of its series that the release knows."""
    found = {}
    for name, row in read_data("metrics/engine_signals.json")["signals"].items():
        for candidate in row.get(release.engine, ()):
            signal = _signal(name, row["kind"], candidate)
            if all(release.knows_metric(series) for series in _series(signal)):
                found[name] = signal
                break
    return found


def _declared(endpoint: EndpointPlan) -> dict[str, Signal]:
    metrics = endpoint.invocation.metrics
    if metrics is None:
        return {}
    said: dict[str, tuple[Kind, str | None]] = {
        "requests_running": ("gauge", metrics.running),
        "requests_waiting": ("gauge", metrics.waiting),
        "kv_cache_usage": ("ratio", metrics.kv_usage),
    }
    return {name: Signal(name=name, kind=kind, metric=metric) for name, (kind, metric) in said.items() if metric}


def _signal(name: str, kind: Kind, row: dict[str, Any]) -> Signal:
    return Signal(name=name, kind=kind, metric=row["metric"], like=row.get("matchers", {}), minus=row.get("minus"))


def _series(signal: Signal) -> tuple[str, ...]:
    base = f"{signal.metric}_bucket" if signal.kind == "histogram" else signal.metric
    return (base, signal.minus) if signal.minus else (base,)
