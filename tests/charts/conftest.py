from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from llminfra.assets import chart_dir
from llminfra.charts.values import ChartValues
from llminfra.helm.render import render
from tests.helpers.tools import require_helm

Objects = list[dict[str, Any]]
Render = Callable[[str, ChartValues], Objects]


@pytest.fixture
def render_chart() -> Render:
    """Renders a chart with typed values, as release ``r`` in namespace ``llm``."""
    require_helm()

    def run(chart: str, values: ChartValues) -> Objects:
        return render(chart_dir(chart), values.to_values(), release="r", namespace="llm")

    return run
