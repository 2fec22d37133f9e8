"""Monitoring as it is declared: managed Prometheus and Grafana, receivers, EFA counters, the rules' release."""

from __future__ import annotations

import json

import pytest

from llminfra import Cluster, Observability, PagerDutyAlerts, Secret, SlackAlerts, SnsAlerts, SpecError
from llminfra.catalog.charts import unknown_keys
from llminfra.compiler.releases.alerting import alertmanager_config
from tests.compiler import plans

TOPIC = "arn:aws:sns:eu-west-1:111122223333:llm-alerts"
WORKSPACE = "${aws_prometheus_workspace.prometheus."


def _values(release):
    (text,) = release["values"]
    return json.loads(text)


def _platform(synth, observability, **changes):
    spec = plans.platform_spec(observability=observability)
    return synth(plans.plan(plans.assistant(), plans.chat(), platform=spec, **changes))["platform"]


def test_managed_prometheus_takes_what_the_cluster_scrapes(synth):
    stack = _platform(synth, Observability(prometheus="managed", retention_days=90))
    resources = stack["resource"]
    workspace = resources["aws_prometheus_workspace"]["prometheus"]
    assert workspace["alias"] == "acme-metrics"
    assert workspace["kms_key_arn"] == "${data.terraform_remote_state.cluster.outputs.cluster_key_arn}"
    kept = resources["aws_prometheus_workspace_configuration"]["prometheus"]
    assert kept["retention_period_in_days"] == 90
    release = resources["helm_release"]["kube-prometheus-stack"]
    values = _values(release)
    spec = values["prometheus"]["prometheusSpec"]
    url = WORKSPACE + "prometheus_endpoint}api/v1/remote_write"
    assert spec["remoteWrite"] == [{"url": url, "sigv4": {"region": "us-east-1"}}]
    assert spec["retention"] == "2d"
    assert unknown_keys("kube-prometheus-stack", values) == ()
    association = resources["aws_eks_pod_identity_association"]["prometheus"]
    assert (association["namespace"], association["service_account"]) == ("monitoring", "prometheus")
    assert "terraform_data.prometheus" in release["depends_on"]
    (statement,) = stack["data"]["aws_iam_policy_document"]["prometheus-write"]["statement"]
    assert statement["actions"] == ["aps:RemoteWrite"]
    assert statement["resources"] == [WORKSPACE + "arn}"]
    assert "aws_grafana_workspace" not in resources


def test_prometheus_drops_blocks_before_its_volume_is_full(synth):
    """Its "GB" are powers of 2: counted by thousands, 85 % of a volume would be 91 %, and compacting could fill it."""
    releases = _platform(synth, Observability(storage_gib=200))["resource"]["helm_release"]
    spec = _values(releases["kube-prometheus-stack"])["prometheus"]["prometheusSpec"]
    assert spec["storageSpec"]["volumeClaimTemplate"]["spec"]["resources"]["requests"]["storage"] == "200Gi"
    assert spec["retentionSize"] == "170GB"


def test_managed_prometheus_by_service_account_role(synth):
    stack = _platform(synth, Observability(prometheus="managed"), cluster=plans.cluster_plan(identity="irsa"))
    values = _values(stack["resource"]["helm_release"]["kube-prometheus-stack"])
    annotations = values["prometheus"]["serviceAccount"]["annotations"]
    assert annotations == {"eks.amazonaws.com/role-arn": "${aws_iam_role.prometheus.arn}"}
    assert "aws_eks_pod_identity_association" not in stack["resource"]


def test_managed_grafana_reads_one_workspace_and_no_other(synth):
    group = "12345678-1234-1234-1234-123456789abc"
    stack = _platform(synth, Observability(prometheus="managed", grafana="managed", grafana_admin_groups=[group]))
    grafana = stack["resource"]["aws_grafana_workspace"]["grafana"]
    assert grafana["permission_type"] == "CUSTOMER_MANAGED"
    assert grafana["role_arn"] == "${aws_iam_role.grafana.arn}"
    assert stack["resource"]["aws_grafana_role_association"]["grafana-admin"]["group_ids"] == [group]
    (statement,) = stack["data"]["aws_iam_policy_document"]["grafana-metrics"]["statement"]
    assert statement["resources"] == [WORKSPACE + "arn}"]
    assert not any("RemoteWrite" in action for action in statement["actions"])
    releases = stack["resource"]["helm_release"]
    assert _values(releases["kube-prometheus-stack"])["grafana"]["enabled"] is False
    assert _values(releases["llm-observability"])["dashboards"] == []
    assert set(stack["output"]) == {"prometheus_endpoint", "grafana_endpoint"}


def test_managed_grafana_needs_managed_prometheus():
    with pytest.raises(SpecError, match='set prometheus="managed"'):
        Observability(grafana="managed")


def test_receivers_hear_of_their_severities(synth):
    receivers = [
        SnsAlerts(topic_arn=TOPIC, at_least="info"),
        SlackAlerts(webhook=Secret(name="acme/slack", key="url"), channel="#llm"),
        PagerDutyAlerts(routing_key=Secret(name="acme/pagerduty")),
    ]
    stack = _platform(synth, Observability(receivers=receivers))
    releases = stack["resource"]["helm_release"]
    manager = _values(releases["kube-prometheus-stack"])["alertmanager"]
    routes = manager["config"]["route"]["routes"]
    assert [item["matchers"] for item in routes[1:]] == [
        ['severity =~ "info|warning|critical"'],
        ['severity =~ "warning|critical"'],
        ['severity =~ "critical"'],
    ]
    assert all(item["continue"] for item in routes[1:])
    sns, slack, pagerduty = manager["config"]["receivers"][1:]
    assert sns["sns_configs"] == [{"topic_arn": TOPIC, "sigv4": {"region": "eu-west-1"}, "send_resolved": True}]
    (text,) = {item["text"] for item in slack["slack_configs"]}
    assert "{{ .Annotations.runbook_url }}" in text
    assert "{{ .Annotations.runbook }}" in text
    wanted = {item["name"]: item["data"] for item in _values(releases["llm-observability"])["externalSecrets"]}
    assert set(wanted) == set(manager["alertmanagerSpec"]["secrets"])
    files = [slack["slack_configs"][0]["api_url_file"], pagerduty["pagerduty_configs"][0]["routing_key_file"]]
    assert files == [f"/etc/alertmanager/secrets/{name}/value" for name in manager["alertmanagerSpec"]["secrets"]]
    assert {(row["remoteKey"], row.get("remoteProperty")) for rows in wanted.values() for row in rows} == {
        ("acme/slack", "url"),
        ("acme/pagerduty", None),
    }
    (publishing,) = stack["data"]["aws_iam_policy_document"]["alertmanager-publish"]["statement"]
    assert (publishing["actions"], publishing["resources"]) == (["sns:Publish"], [TOPIC])
    assert "monitoring" in _values(releases["cluster-secrets"])["namespaces"]
    assert "helm_release.cluster-secrets" in releases["llm-observability"]["depends_on"]
    reading = stack["data"]["aws_iam_policy_document"]["external-secrets-read"]["statement"][0]
    assert any(arn.endswith(":secret:acme/slack-??????") for arn in reading["resources"])


def test_without_receivers_the_charts_configuration_stays():
    assert alertmanager_config((), region="us-east-1") is None


def test_efa_pools_bring_the_counters(stacks):
    exporter = _values(stacks["platform"]["resource"]["helm_release"]["kube-prometheus-stack"])[
        "prometheus-node-exporter"
    ]
    (sidecar,) = exporter["sidecars"]
    (mount,) = exporter["sidecarVolumeMount"]
    assert f"--collector.textfile.directory={mount['mountPath']}" in exporter["extraArgs"]
    assert any(item.startswith("--collector.filesystem.mount-points-exclude") for item in exporter["extraArgs"])
    assert "OUT=$${OUT:-/run/prometheus/efa.prom}" in sidecar["command"][2]
    assert sidecar["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_without_efa_the_node_exporter_is_the_charts(synth):
    plan = plans.plan(pools=(plans.l40s_pool(),), buckets=(), lustre=())
    values = _values(synth(plan)["platform"]["resource"]["helm_release"]["kube-prometheus-stack"])
    exporter = values["prometheus-node-exporter"]
    assert "extraArgs" not in exporter
    assert exporter["sidecars"] == []


def test_rules_come_after_the_operator_and_name_the_endpoints(stacks):
    release = stacks["platform"]["resource"]["helm_release"]["llm-observability"]
    assert release["depends_on"] == ["helm_release.kube-prometheus-stack"]
    values = _values(release)
    assert [item["name"] for item in values["ruleGroups"]] == [
        "llm-fleet",
        "llm-gpus",
        "llm-efa",
        "llm-endpoint-assistant",
        "llm-endpoint-chat",
    ]
    assert set(values["dashboards"]) == {"llm-fleet", "llm-gpu", "llm-endpoint", "llm-efa"}


def test_gpu_metrics_carry_the_node_and_their_user(stacks):
    values = _values(stacks["platform"]["resource"]["helm_release"]["dcgm-exporter"])
    monitor = values["serviceMonitor"]
    assert monitor["honorLabels"] is True
    assert {"action": "replace", "sourceLabels": ["__meta_kubernetes_pod_node_name"], "targetLabel": "node"} in monitor[
        "relabelings"
    ]
    assert any(item["action"] == "labeldrop" and "pod" in item["regex"] for item in monitor["relabelings"])
    assert "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL, counter" in values["customMetrics"]


def test_a_private_network_reaches_managed_prometheus():
    from llminfra.planning.network.vpc import endpoint_services

    spec = plans.platform_spec(cluster=Cluster(), observability=Observability(prometheus="managed"))
    assert "aps-workspaces" in endpoint_services(spec)
    assert "aps-workspaces" not in endpoint_services(plans.platform_spec())
