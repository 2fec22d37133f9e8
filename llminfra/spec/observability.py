"""``Observability``: metrics of GPUs and engines, dashboards and alerts."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from llminfra.spec._base import Spec


class Observability(Spec):
    """Prometheus, Grafana and the DCGM exporter, in the cluster."""

    spec_section: ClassVar[str] = "observability"

    retention_days: Annotated[int, Field(ge=1, le=400)] = 15
    """Days that metrics are kept."""
    storage_gib: Annotated[int, Field(ge=10)] = 100
    """Size of Prometheus's volume."""
    grafana: bool = True
    """Whether Grafana is installed, with llminfra's dashboards."""
