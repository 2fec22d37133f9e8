"""Charts of this repository, which travel with the stacks that install them."""

from __future__ import annotations

from llminfra.assets import chart_dir
from llminfra.constructs.cluster.helm_release import LocalChart, chart_digest


def local_chart(name: str, used: set[str]) -> LocalChart:
    """One of our charts; notes that it must travel with the stack."""
    used.add(name)
    return LocalChart(name, chart_digest(chart_dir(name)))
