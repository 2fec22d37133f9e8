"""Definitions (CRDs) that Helm installs with the first release of a chart, and that stay as they are with the next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llminfra.catalog.charts import chart_pin, pinned_charts


def left_behind(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What to do beside another version of an upstream chart, or an empty string.

    A chart from a mirror is told by its name, as are those from their publishers.
    """
    chart, was, will = str(after.get("chart")), before.get("version"), after.get("version")
    name = chart.rpartition("/")[2]
    if not was or not will or was == will or name not in pinned_charts() or chart_pin(name).definitions_once is None:
        return ""
    repository = str(after.get("repository") or "")
    where = f"{repository}/{name}" if repository.startswith("oci://") else f"{name} --repo {repository}"
    if not repository:
        where = chart
    return (
        f"from {was} to {will}, and Helm leaves the chart's definitions (CRDs) as they are: before the apply, "
        f"`helm show crds {where} --version {will} | kubectl apply --server-side --force-conflicts -f -`"
    )
