"""cluster-base, cluster-secrets and llm-observability."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from llminfra.assets import chart_dir
from llminfra.charts.cluster_base import Namespace
from llminfra.charts.llm_observability import AlertRule, RuleGroup
from llminfra.diagnostics import ToolError
from tests.charts.conftest import Render
from tests.charts.objects import of_kind, one
from tests.charts.samples import cluster_base, cluster_secrets, llm_observability
from tests.helpers.dashboards import read_dashboard


def test_namespaces_enforce_pod_security(render_chart: Render) -> None:
    found = {
        item["metadata"]["name"]: item["metadata"]
        for item in of_kind(render_chart("cluster-base", cluster_base()), "Namespace")
    }
    assert found["llm"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert found["llm-efa"]["labels"]["pod-security.kubernetes.io/enforce"] == "privileged"
    assert "IPC_LOCK" in found["llm-efa"]["annotations"]["llminfra.io/waiver.pod-security"]
    assert found["llm-efa"]["labels"]["pod-security.kubernetes.io/audit"] == "restricted"
    assert found["llm"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_only_the_named_namespaces_deny_by_default(render_chart: Render) -> None:
    policies = of_kind(render_chart("cluster-base", cluster_base()), "NetworkPolicy")
    assert [item["metadata"]["namespace"] for item in policies] == ["llm"]
    assert policies[0]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress"]}


def test_a_looser_level_needs_a_reason() -> None:
    with pytest.raises(ValidationError, match="reason"):
        Namespace(name="llm", pod_security="baseline")
    with pytest.raises(ValidationError, match="reason"):
        Namespace(name="llm", reason="because I can do so")


def test_volumes_are_encrypted_and_made_where_the_pod_is(render_chart: Render) -> None:
    storage = one(render_chart("cluster-base", cluster_base()), "StorageClass")
    assert storage["parameters"]["encrypted"] == "true"
    assert storage["parameters"]["kmsKeyId"].startswith("arn:aws:kms:")
    assert storage["volumeBindingMode"] == "WaitForFirstConsumer"


def test_the_store_is_for_named_namespaces_and_holds_no_credential(render_chart: Render) -> None:
    spec = one(render_chart("cluster-secrets", cluster_secrets()), "ClusterSecretStore")["spec"]
    assert spec["conditions"] == [{"namespaces": ["llm"]}]
    assert spec["provider"] == {"aws": {"service": "SecretsManager", "region": "us-east-1"}}


def _rules(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return list(one(objects, "PrometheusRule")["spec"]["groups"][0]["rules"])


def test_alert_texts_are_left_to_prometheus(render_chart: Render) -> None:
    """Helm's own braces and those of Prometheus look the same."""
    rules = _rules(render_chart("llm-observability", llm_observability()))
    assert rules[0] == {"record": "llm:queue:sum", "expr": "sum by (model_name) (vllm:num_requests_waiting)"}
    assert rules[1]["annotations"]["summary"] == "Requests wait for {{ $labels.model_name }}"
    assert rules[1]["annotations"]["description"] == '{{ $value | humanize }} requests wait; "why": see the runbook'
    assert rules[1]["for"] == "300s"
    assert rules[1]["labels"] == {"severity": "warning"}


def test_dashboards_reach_grafana_unchanged(render_chart: Render) -> None:
    values = llm_observability()
    config = one(render_chart("llm-observability", values), "ConfigMap")
    assert config["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert config["metadata"]["annotations"] == {"grafana_folder": "LLM"}
    assert json.loads(config["data"]["llm-efa.json"]) == read_dashboard("llm-efa")


def test_every_dashboard_fits_a_config_map() -> None:
    for file in (chart_dir("llm-observability") / "dashboards").glob("*.json"):
        assert file.stat().st_size < 1_000_000, "a ConfigMap holds 1 MiB"


def test_a_dashboard_that_the_chart_lacks_is_refused(render_chart: Render) -> None:
    with pytest.raises(ToolError, match=r"this chart has no dashboards/llm-nothing\.json"):
        render_chart("llm-observability", llm_observability().replace(dashboards=["llm-nothing"]))


def test_every_alert_names_the_command_that_prints_its_runbook(render_chart: Render) -> None:
    """And an address only where one is known: a link that opens nothing is worse than none."""
    values = llm_observability()
    rule = values.rule_groups[0].alerts[0]
    annotations = _rules(render_chart("llm-observability", values))[1]["annotations"]
    assert annotations["runbook"] == "llminfra explain LlmQueueGrows"
    assert annotations["runbook_url"] == "https://example.com/runbooks/queue"
    group = values.rule_groups[0].replace(alerts=[rule.replace(runbook_url=None)])
    annotations = _rules(render_chart("llm-observability", values.replace(rule_groups=[group])))[1]["annotations"]
    assert annotations["runbook"] == "llminfra explain LlmQueueGrows"
    assert "runbook_url" not in annotations


def test_an_address_of_a_runbook_can_be_opened() -> None:
    rule = {"alert": "X", "expr": "1", "for_seconds": 0, "severity": "info", "summary": "s", "description": "d"}
    with pytest.raises(ValidationError, match="runbook_url"):
        AlertRule.model_validate({**rule, "runbook_url": "docs/runbooks/x.md"})


def test_a_group_has_rules() -> None:
    with pytest.raises(ValidationError, match="no rules"):
        RuleGroup(name="empty")
