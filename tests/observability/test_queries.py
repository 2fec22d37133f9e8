"""Every query that is shipped or generated names series and labels that exist, in the releases that are pinned."""

from __future__ import annotations

import json
import re

import pytest
from msgspec.structs import replace

from llminfra.catalog.engines import engine_release
from llminfra.compiler.releases.llm_server import llm_server_values
from llminfra.observability import rule_groups
from llminfra.observability.dashboards import NAMES
from llminfra.observability.metric_tables import EXPORTERS, MetricTable, Series, engine_table, exporter_table
from llminfra.observability.signals import release_of
from llminfra.planning.controllers.needs import scales
from tests.helpers.dashboards import read_dashboard
from tests.helpers.promql import Check

COMMON = [exporter_table(name) for name in EXPORTERS]
SCRAPE = frozenset({"namespace", "service", "pod", "container", "job", "instance", "endpoint"})


def _tables_of(endpoint):
    """Of a server of the user's own only what the spec says of it is known."""
    release, metrics = release_of(endpoint), endpoint.invocation.metrics
    said = [name for name in (metrics.waiting, metrics.running, metrics.kv_usage) if name] if metrics else []
    own = {name: Series(name=name, kind="gauge", labels=SCRAPE) for name in said}
    return [*COMMON, engine_table(release) if release else MetricTable("own", "", own)]


def _check(expression, tables, recorded):
    check = Check(tables, recorded)
    labels = check.run(expression)
    return check, labels


def _tables_by_group(full_plan, groups):
    by_name = {item.name: item for item in full_plan.endpoints}
    for group in groups:
        endpoint = by_name.get(group.name.removeprefix("llm-endpoint-"))
        yield group, _tables_of(endpoint) if endpoint else COMMON


def _recorded(plan, groups):
    """What the recording rules write, and with which labels; each rule sees those before it."""
    found = {}
    for group, tables in _tables_by_group(plan, groups):
        for rule in group.recording:
            check, labels = _check(rule.expr, tables, found)
            assert check.problems == [], (rule.record, rule.expr)
            found[rule.record] = found.get(rule.record, frozenset()) | labels | frozenset(rule.labels)
    return found


@pytest.fixture(scope="session")
def recorded(full_plan, groups):
    return _recorded(full_plan, groups)


@pytest.fixture(scope="session")
def shared_groups(full_plan):
    """The same on a cluster of several platforms."""
    plan = replace(full_plan, cluster=replace(full_plan.eks, shared=True))
    return rule_groups(plan, scaled={item.name for item in plan.endpoints if scales(item, plan)})


@pytest.fixture(scope="session")
def shared_recorded(full_plan, shared_groups):
    return _recorded(full_plan, shared_groups)


def test_recording_rules_name_what_exists(recorded):
    assert {"pod:llm_requests_waiting:sum", "pool:llm_cost_usd_per_hour:sum"} <= set(recorded)
    assert recorded["endpoint:llm_time_to_first_token_seconds_bucket:rate5m"] >= {"le", "namespace", "endpoint"}


@pytest.mark.parametrize("prefix", ["", "shared_"])
def test_alerts_name_what_exists(prefix, full_plan, request):
    seen = 0
    groups, recorded = (request.getfixturevalue(f"{prefix}{name}") for name in ("groups", "recorded"))
    for group, tables in _tables_by_group(full_plan, groups):
        for alert in group.alerts:
            check, _ = _check(alert.expr, tables, recorded)
            assert check.problems == [], (alert.alert, alert.expr)
            assert check.used, alert.alert
            seen += 1
    assert seen > 60


def test_texts_of_alerts_name_labels_of_their_result(full_plan, groups, recorded):
    for group, tables in _tables_by_group(full_plan, groups):
        for alert in group.alerts:
            _, labels = _check(alert.expr, tables, recorded)
            named = set(re.findall(r"\$labels\.(\w+)", alert.summary + alert.description))
            assert named <= labels | set(alert.labels), alert.alert


@pytest.mark.parametrize("name", NAMES)
def test_dashboards_name_what_exists(name, shared_recorded):
    board = read_dashboard(name)
    targets = [(panel["title"], item) for panel in board["panels"] for item in panel.get("targets", ())]
    assert targets
    for title, target in targets:
        check, labels = _check(target["expr"], COMMON, shared_recorded)
        assert check.problems == [], (title, target["expr"])
        legend = set(re.findall(r"\{\{(\w+)\}\}", target.get("legendFormat", "")))
        assert legend <= labels, (title, legend - labels)


@pytest.mark.parametrize("name", NAMES)
def test_variables_of_dashboards_are_declared_filled_and_used(name, shared_recorded):
    board = read_dashboard(name)
    declared = {item["name"]: item for item in board["templating"]["list"]}
    text = json.dumps([board["panels"], [item["query"] for item in declared.values()]])
    used = set(re.findall(r"\$\{?(\w+)\}?", text)) - {"__rate_interval"}
    assert used == set(declared), name
    for variable in declared.values():
        if variable["type"] != "query":
            continue
        match = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"])
        assert match
        check, labels = _check(
            f"timestamp({match[1]})", COMMON, shared_recorded
        )  # which series there are, not their values
        assert check.problems == []
        assert match[2] in labels


def test_a_platform_asks_for_its_own_series_where_others_record_the_same(full_plan, shared_groups):
    name = f'platform="{full_plan.platform.name}"'
    rules = [rule for group in shared_groups for rule in (*group.recording, *group.alerts)]
    assert all(rule.labels["platform"] == full_plan.platform.name for rule in rules)
    # What is recorded of an endpoint has its namespace, which is a platform's own.
    own = ("node:llm_", "pool:llm_", "platform:llm_", "instance_type:llm_")
    named = [match for rule in rules for match in re.findall(r"\b([a-z_]+:llm_\w+:\w+)(\{[^}]*\})?", rule.expr)]
    assert [match for match in named if match[0].startswith(own)]
    assert not [match for match in named if match[0].startswith(own) and name not in match[1]]
    for group in shared_groups:
        for alert in group.alerts:
            if re.search(r"\bDCGM_|node_amazonefa_", alert.expr):
                assert f"node:llm_pool:info{{{name}" in alert.expr or f'pool="h100",{name}' in alert.expr, alert.alert


def test_scalers_name_what_exists(full_plan):
    scaled = [item for item in full_plan.endpoints if scales(item, full_plan)]
    assert len(scaled) >= 8
    for endpoint in scaled:
        values = llm_server_values(endpoint, full_plan, None, None)
        assert values.autoscaling is not None
        for trigger in values.autoscaling.triggers:
            check, labels = _check(trigger.query, _tables_of(endpoint), {})
            assert check.problems == [], trigger.query
            assert labels == frozenset()


def test_everything_that_examples_install_names_what_exists(shipped_plans):
    for plan in shipped_plans:
        scaled = {item.name for item in plan.endpoints if scales(item, plan)}
        groups = rule_groups(plan, scaled=scaled)
        recorded = _recorded(plan, groups)
        for group, tables in _tables_by_group(plan, groups):
            for alert in group.alerts:
                check, _ = _check(alert.expr, tables, recorded)
                assert check.problems == [], (alert.alert, alert.expr)
        for endpoint in plan.endpoints:
            if endpoint.name not in scaled or endpoint.weights.kind == "lustre":
                continue
            autoscaling = llm_server_values(endpoint, plan, None, None).autoscaling
            assert autoscaling is not None
            for trigger in autoscaling.triggers:
                check, _ = _check(trigger.query, _tables_of(endpoint), {})
                assert check.problems == [], trigger.query


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("sum(vllm:gpu_cache_usage_perc)", "no series"),
        ("rate(vllm:time_to_first_token_seconds[5m])", "no series"),
        ('vllm:num_requests_waiting{served_model="x"}', "no label 'served_model'"),
        ("sum by (modelname) (DCGM_FI_DEV_GPU_UTIL)", "no label 'modelname'"),
        ('DCGM_FI_DEV_GPU_UTIL{hostname="x"}', "no label 'hostname'"),
        ("DCGM_FI_DEV_ENC_UTIL", "no series"),
        ("sum by (pod) (up) / sum by (node) (up)", "different labels"),
        ("up and on (gpu) DCGM_FI_DEV_GPU_UTIL", "no label 'gpu'"),
        ("up * on (job) group_left (gpu) up", "no label 'gpu' in the right side"),
        ("histogram_quantile(0.9, sum(vllm:time_to_first_token_seconds_bucket))", "no label 'le'"),
        ("sum(up", "does not parse"),
        ("rate(vllm:num_requests_waiting[5m])", "rate of the gauge"),
        ("sum(vllm:generation_tokens_total) > 0", "is not read by its growth"),
        ("increase(DCGM_EXP_XID_ERRORS_COUNT[5m])", "increase of the gauge"),
    ],
)
def test_the_check_finds(expression, problem):
    release = engine_release("vllm", "0.33.0")
    assert release is not None
    check = Check([*COMMON, engine_table(release)])
    check.run(expression)
    assert any(problem in item for item in check.problems), check.problems
