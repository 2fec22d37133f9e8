"""The shipped dashboards are what the script builds, and Grafana can tell them apart."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from llminfra.observability.dashboards import NAMES, dashboards_of
from tests.compiler import plans
from tests.helpers.dashboards import read_dashboard
from tests.helpers.tools import require_module

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "modules" / "charts" / "llm-observability" / "dashboards"


def test_files_are_what_the_script_builds(tmp_path):
    require_module("grafana_foundation_sdk")
    script = ROOT / "scripts" / "dashboards.py"
    subprocess.run([sys.executable, script, tmp_path], check=True, capture_output=True)
    built = {item.name: item.read_text(encoding="utf-8") for item in tmp_path.glob("*.json")}
    shipped = {item.name: item.read_text(encoding="utf-8") for item in SHIPPED.glob("*.json")}
    assert set(built) == {f"{name}.json" for name in NAMES}
    assert built == shipped, "run scripts/dashboards.py"


@pytest.mark.parametrize("name", NAMES)
def test_panels_have_places_of_their_own(name):
    board = read_dashboard(name)
    assert board["uid"] == name
    taken = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                 for y in range(place["y"], place["y"] + place["h"])}  # fmt: skip
        assert not taken & cells, panel["title"]
        taken |= cells


@pytest.mark.parametrize("name", NAMES)
def test_panels_read_the_chosen_data_source(name):
    for panel in read_dashboard(name)["panels"]:
        for target in panel.get("targets", ()):
            assert target["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


def test_only_what_the_plan_has_is_shown():
    both = plans.plan(plans.assistant(), plans.chat())
    assert set(dashboards_of(both)) == set(NAMES)
    without_efa = plans.plan(plans.assistant(), pools=(plans.l40s_pool(),))
    assert set(dashboards_of(without_efa)) == set(NAMES) - {"llm-efa"}
    assert dashboards_of(plans.plan(pools=())) == []
