"""Writes the dashboards of the chart ``llm-observability`` with grafana-foundation-sdk.

It comes with ``pip install llminfra[dashboards]``.

Usage:
    python scripts/dashboards.py [folder]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from grafana_foundation_sdk.builders import common, stat, timeseries
from grafana_foundation_sdk.builders import dashboard as builder
from grafana_foundation_sdk.builders import prometheus as prom
from grafana_foundation_sdk.cog import variants
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models

sys.path.insert(0, str(Path(__file__).parent))

from boards import BOARDS
from boards.shapes import Board, Panel, Variable

FOLDER = Path(__file__).parents[1] / "modules" / "charts" / "llm-observability" / "dashboards"
_SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
_HEIGHT = 8


def _targets(panel: Panel) -> list[Builder[variants.Dataquery]]:
    found: list[Builder[variants.Dataquery]] = []
    for index, query in enumerate(panel.queries):
        target = prom.Dataquery().expr(query.expr).ref_id(chr(ord("A") + index)).datasource(_SOURCE)
        target = target.instant() if panel.kind == "stat" else target.range()
        found.append(target.legend_format(query.legend) if query.legend else target)
    return found


def _thresholds(panel: Panel) -> builder.ThresholdsConfig | None:
    if panel.yellow is None and panel.red is None:
        return None
    steps = [models.Threshold(value=None, color="green")]
    steps += [
        models.Threshold(value=value, color=color)
        for value, color in ((panel.yellow, "yellow"), (panel.red, "red"))
        if value is not None
    ]
    return builder.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)


def _panel(panel: Panel) -> stat.Panel | timeseries.Panel:
    made: stat.Panel | timeseries.Panel
    if panel.kind == "stat":
        made = stat.Panel().graph_mode(common_models.BigValueGraphMode.NONE)
        made = made.color_mode(common_models.BigValueColorMode.VALUE).height(_HEIGHT // 2)
    else:
        made = (
            timeseries.Panel().fill_opacity(20 if panel.stacked else 5).show_points(common_models.VisibilityMode.NEVER)
        )
        made = made.legend(
            common.VizLegendOptions()
            .display_mode(common_models.LegendDisplayMode.LIST)
            .placement(common_models.LegendPlacement.BOTTOM)
            .show_legend(show_legend=True)
        ).height(_HEIGHT)
        if panel.stacked:
            made = made.stacking(common.StackingConfig().mode(common_models.StackingMode.NORMAL).group("A"))
        made = made.min(0)
    made = made.title(panel.title).unit(panel.unit).datasource(_SOURCE).span(panel.width).targets(_targets(panel))
    if panel.about:
        made = made.description(panel.about)
    if panel.most is not None:
        made = made.max(panel.most)
    if (thresholds := _thresholds(panel)) is not None:
        made = made.thresholds(thresholds)
        if isinstance(made, timeseries.Panel):
            made = made.thresholds_style(
                common.GraphThresholdsStyleConfig().mode(common_models.GraphTresholdsStyleMode.DASHED)
            )
    return made


def _variable(variable: Variable) -> builder.QueryVariable:
    made = (
        builder.QueryVariable(variable.name)
        .label(variable.label)
        .datasource(_SOURCE)
        .query(variable.query)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
        .multi(variable.multi)
        .include_all(include_all=True)
        .current(models.VariableOption(text="All", value="$__all", selected=True))
    )
    return made if variable.listed else made.all_value(".*")


def render(board: Board) -> str:
    """Grafana's JSON of a dashboard."""
    made = (
        builder.Dashboard(board.title)
        .uid(board.uid)
        .description(board.about)
        .tags(["llm", "llminfra"])
        .refresh("30s")
        .time("now-3h", "now")
        .timezone("utc")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .readonly()
        .with_variable(builder.DatasourceVariable("datasource").label("Data source").type("prometheus"))
    )
    if board.by_platform:
        # The chart writes a name there where several platforms are in one Prometheus; what has no such label matches.
        made = made.with_variable(builder.ConstantVariable("platform").label("Platform").value(".*"))
    for variable in board.variables:
        made = made.with_variable(_variable(variable))
    for title, panels in board.rows:
        made = made.with_row(builder.Row(title))
        for panel in panels:
            made = made.with_panel(_panel(panel))
    content = json.loads(json.dumps(made.build(), cls=JSONEncoder))
    for variable in content["templating"]["list"]:
        if variable["type"] == "constant":
            variable["hide"] = models.VariableHide.HIDE_VARIABLE.value  # the builder of constants has no such method
    return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def main() -> None:
    """Write every dashboard."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for board in BOARDS:
        (folder / f"{board.uid}.json").write_text(render(board), encoding="utf-8")


if __name__ == "__main__":
    main()
