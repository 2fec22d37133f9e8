"""Every alert has a page that says what to do, and every page an alert."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from llminfra.cli.terminal.runbook_page import find_runbook
from llminfra.observability import rule_groups
from llminfra.observability.alerts.make import runbook_page
from llminfra.observability.metric_tables import EXPORTERS, exporter_table
from tests.helpers.promql import Check

PAGES = Path(__file__).parents[2] / "docs" / "runbooks"
RECORDED = {
    "pod:llm_kv_cache_usage:max": frozenset({"pod", "endpoint"}),
    "pool:llm_cost_usd_per_hour:sum": frozenset({"pool"}),
    "pool:llm_gpus_held:sum": frozenset({"pool"}),
}


def test_pages_and_alerts_match(groups):
    alerts = {item.alert for group in groups for item in group.alerts}
    assert {runbook_page(name) for name in alerts} == {item.name for item in PAGES.glob("*.md")}
    for name in alerts:
        text = (PAGES / runbook_page(name)).read_text(encoding="utf-8")
        assert text.startswith(f"# {name}\n")
        assert "\n## Look\n" in text
        assert "\n## Do\n" in text


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda page: page.stem)
def test_links_and_queries_of_a_page(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)]+\.md)\)", text):
        assert (PAGES / target).is_file(), target
    for query in re.findall(r"```promql\n(.+?)\n```", text, re.DOTALL):
        check = Check([exporter_table(name) for name in EXPORTERS], RECORDED)
        check.run(query)
        assert check.problems == [], query


def test_runbooks_are_found_where_they_are_published(full_plan):
    there = rule_groups(full_plan, scaled=frozenset(), base_url="https://wiki.example.com/runbooks/")
    here = rule_groups(full_plan, scaled=frozenset())
    urls = {item.runbook_url for group in there for item in group.alerts}
    assert "https://wiki.example.com/runbooks/llm-endpoint-down.md" in urls
    assert {item.runbook_url for group in here for item in group.alerts} == {None}


def test_the_command_that_an_alert_names_prints_its_page(groups):
    for name in {item.alert for group in groups for item in group.alerts}:
        found = find_runbook(name)
        assert found is not None, name
        assert found[0] == name
