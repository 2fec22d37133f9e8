"""Which series exist, with which labels: the tables of exporters and of engine releases, typed."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Literal, get_args

from msgspec import Struct, field

from llminfra.catalog.datafile import read_data

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from llminfra.catalog.engines import EngineRelease

Exporter = Literal[
    "dcgm-exporter", "efa", "endpoint-picker", "envoy", "karpenter", "keda", "kube-state-metrics", "prometheus"
]
EXPORTERS: tuple[Exporter, ...] = get_args(Exporter)

_HISTOGRAM_SUFFIXES = ("_bucket", "_sum", "_count")


class Series(Struct, frozen=True, kw_only=True):
    """A metric as queries name it (histograms by their base), and the labels it can have.

    A label that ends in ``*`` stands for all that begin so.
    """

    name: str
    kind: str
    labels: frozenset[str]

    def has_label(self, label: str) -> bool:
        """Whether the series can carry the label."""
        return label in self.labels or any(
            known.endswith("*") and label.startswith(known.removesuffix("*")) for known in self.labels
        )


class MetricTable(Struct, frozen=True):
    """All series that one source exposes, by name."""

    source: str
    version: str
    series: Mapping[str, Series] = field(default_factory=dict)

    def find(self, name: str) -> Series | None:
        """The series behind a name in a query: also ``_bucket``, ``_sum`` and ``_count`` of a histogram."""
        if name in self.series and self.series[name].kind != "histogram":
            return self.series[name]
        for suffix in _HISTOGRAM_SUFFIXES:
            base = self.series.get(name.removesuffix(suffix)) if name.endswith(suffix) else None
            if base is not None and base.kind in {"histogram", "unknown"}:
                extra = {"le"} if suffix == "_bucket" else set()
                return Series(name=name, kind="counter", labels=base.labels | extra)
        return None


@cache
def exporter_table(exporter: Exporter) -> MetricTable:
    """The table of an exporter; of the DCGM exporter only what it is told to collect."""
    data = read_data(f"metrics/{exporter}.json")
    shared = (*data["target_labels"], *data.get("labels", ()))
    series = {
        name: Series(name=name, kind=row["kind"], labels=frozenset((*shared, *row.get("labels", ()))))
        for name, row in data["metrics"].items()
        if row.get("collected", True)
    }
    return MetricTable(exporter, data["version"], series)


def engine_table(release: EngineRelease) -> MetricTable:
    """The table of an engine's release, by the names that Prometheus stores."""
    data = read_data("metrics/engine_labels.json")
    known: dict[str, Any] = data["engines"].get(release.engine, {"labels": [], "metrics": {}})
    shared = frozenset((*data["target_labels"], *known["labels"]))
    series = {}
    for base, declared in release.metric_kinds():
        labels = shared | frozenset(known["metrics"].get(base.removesuffix("_total"), ()))
        for name, kind in _stored_names(base, declared, release):
            series[name] = Series(name=name, kind=kind, labels=labels)
    return MetricTable(release.engine, release.version, series)


def dcgm_counters() -> str:
    """The DCGM exporter's counters file: exactly the collected rows of the table."""
    rows = read_data("metrics/dcgm-exporter.json")["metrics"]
    lines = [f"{name}, {row['kind']}, {row['help']}." for name, row in rows.items() if row["collected"]]
    return "\n".join((*lines, "DCGM_FI_DRIVER_VERSION, label, Driver version.")) + "\n"


def _stored_names(base: str, kind: str, release: EngineRelease) -> Iterable[tuple[str, str]]:
    """What a declared metric becomes: Python's counters end in ``_total``; histograms keep their base name."""
    names = (base, f"{base}_total") if kind == "counter" else (base,)
    return ((name, kind) for name in names if kind in {"histogram", "unknown"} or release.knows_metric(name))
