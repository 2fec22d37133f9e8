"""A Prometheus that is there: no second one, and everything that it is to see carries its labels."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from llminfra import (
    VLLM,
    Autoscaling,
    Endpoint,
    ExistingPrometheus,
    Gateway,
    GpuPool,
    Model,
    Observability,
    Platform,
    Secret,
    SpecError,
    Tenant,
    plan_specs,
)
from llminfra.assets import chart_dir
from llminfra.cli.plan_page.shared import metrics_of, shared_lines
from llminfra.compiler import compile_platforms
from llminfra.compiler.releases.cluster_base import cluster_base_values
from llminfra.helm.render import parse_manifests, render_text
from llminfra.planning import plan_platform
from llminfra.planning.controllers.cluster_charts import upstream_charts
from llminfra.planning.controllers.namespaces import namespaces_of
from llminfra.planning.controllers.needs import needs_of, scales
from llminfra.planning.controllers.scraping import scraping_of
from llminfra.planning.plan import Plan
from llminfra.rehearsal.assumed import assumed_objects
from llminfra.rehearsal.namespaces import NAMESPACE, not_there_yet
from llminfra.rehearsal.stacks import read_stacks
from llminfra.rules import run_plan
from tests.compiler.shared_cluster import EFA, SPOT, VPC, existing
from tests.helpers.tools import require_helm

URL = "http://prometheus-operated.watch.svc:9090"
LABELS = {"release": "kube-prometheus-stack", "acme.com/team": "ml"}
THERE = ExistingPrometheus(namespace="watch", match_labels=LABELS, url=URL)


def plan_of(
    observability: ExistingPrometheus | Observability | None = THERE, *, on: GpuPool = SPOT, **cluster: Any
) -> Plan:
    """An endpoint behind a gateway, which it can sleep behind, in a shared cluster."""
    chat = Endpoint(
        name="chat",
        model=Model(id="Qwen/Qwen3-8B"),
        engine=VLLM(max_model_len=8192),
        on=on,
        replicas=Autoscaling(min=0, max=2) if on is SPOT else 1,
    )
    code = chat.model_copy(update={"name": "code", "replicas": Autoscaling(min=1, max=2)})
    tenants = [Tenant(name="a", api_key=Secret(name="acme/a"), requests_per_minute=9, tokens_per_minute=999)]
    certificate = "arn:aws:acm:us-east-1:111122223333:certificate/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
    front = Gateway(
        name="llm", endpoints=[chat], tenants=tenants, hostname="l.example.com", certificate_arn=certificate
    )
    return plan_platform(
        Platform(
            name="acme",
            region="us-east-1",
            account_id="111122223333",
            network=VPC,
            cluster=existing(**{"namespaces": [], **cluster}),
            pools=[on],
            endpoints=[chat, code] if on is SPOT else [chat],
            gateways=[front],
            observability=observability,
        )
    )


def releases(plan: Plan, folder: Path) -> Mapping[str, tuple[str, dict[str, Any]]]:
    """Namespace and values of every release, by its name."""
    compile_platforms([plan], folder)
    stacks = [json.loads(file.read_text(encoding="utf-8")) for file in (folder / "stacks").glob("*/cdk.tf.json")]
    return {
        name: (item["namespace"], json.loads(item["values"][0]) if item.get("values") else {})
        for stack in stacks
        for name, item in stack.get("resource", {}).get("helm_release", {}).items()
    }


def monitor_labels_in(value: Any) -> Iterator[dict[str, str]]:
    """Labels of whatever a values file says of monitors, wherever they stand in it."""
    if isinstance(value, dict):
        for key, each in value.items():
            if key == "serviceMonitor" and each is not None:
                yield each.get("labels", each.get("additionalLabels"))
            else:
                yield from monitor_labels_in(each)


def test_no_second_stack_is_installed_and_all_else_is(tmp_path: Path) -> None:
    found = releases(plan_of(), tmp_path)
    assert "kube-prometheus-stack" not in found
    assert "kube-prometheus-stack" not in upstream_charts(plan_of())
    assert found["dcgm-exporter"][0] == found["llm-observability"][0] == "acme-monitoring"
    assert not any(line.what.startswith("volume of Prometheus") for line in plan_of().costs)


def test_every_monitor_and_rule_carries_the_labels(tmp_path: Path) -> None:
    found = releases(plan_of(), tmp_path)
    labelled = {name: [*monitor_labels_in(values)] for name, (_, values) in found.items()}
    with_monitors = {name for name, labels in labelled.items() if labels}
    assert {"chat", "code", "dcgm-exporter", "keda", "external-secrets", "karpenter"} <= with_monitors
    assert "aws-load-balancer-controller" in with_monitors
    assert all(labels == LABELS for each in labelled.values() for labels in each)
    assert found["gateway-llm"][1]["monitorLabels"] == LABELS
    assert found["llm-observability"][1]["ruleLabels"] == LABELS


@pytest.mark.helm
def test_what_charts_render_is_what_its_selectors_match(tmp_path: Path) -> None:
    require_helm()
    found = releases(plan_of(), tmp_path)
    kinds = set()
    for name, chart in (("chat", "llm-server"), ("gateway-llm", "llm-gateway"), ("llm-observability",) * 2):
        namespace, values = found[name]
        for item in parse_manifests(render_text(chart_dir(chart), values, release=name, namespace=namespace)):
            if item["kind"] in {"ServiceMonitor", "PodMonitor", "PrometheusRule"}:
                kinds.add(item["kind"])
                assert LABELS.items() <= item["metadata"]["labels"].items()
    assert kinds == {"ServiceMonitor", "PodMonitor", "PrometheusRule"}


def test_its_pods_may_scrape_and_keda_asks_it(tmp_path: Path) -> None:
    found = releases(plan_of(), tmp_path)
    assert found["gateway-llm"][1]["metricsNamespace"] == "watch"
    for name in ("chat", "code"):
        values = found[name][1]
        assert values["networkPolicy"]["metricsFromNamespaces"] == ["watch"]
        assert {item["serverAddress"] for item in values["autoscaling"]["triggers"]} == {URL}
    text = json.dumps([values for _, values in found.values()])
    assert "kube-prometheus-stack-prometheus" not in text


def test_queries_name_the_cluster_where_the_address_answers_for_several(tmp_path: Path) -> None:
    far = THERE.model_copy(update={"external_labels": {"cluster": "shared"}, "url": "http://proxy.watch.svc/ws-1"})
    found = releases(plan_of(far), tmp_path)
    queries = [item["query"] for name in ("chat", "code") for item in found[name][1]["autoscaling"]["triggers"]]
    assert len(queries) == 6
    assert all('cluster="shared"' in query for query in queries)
    # Rules are evaluated in the cluster, where series do not have these labels yet.
    assert 'cluster=\\"shared\\"' not in json.dumps(found["llm-observability"][1])


def test_grafana_finds_dashboards_by_its_own_label(tmp_path: Path) -> None:
    labelled = THERE.model_copy(update={"dashboard_label": "acme_dashboard", "dashboard_label_value": "yes"})
    _, values = releases(plan_of(labelled), tmp_path / "a")["llm-observability"]
    assert (values["dashboardLabel"], values["dashboardLabelValue"]) == ("acme_dashboard", "yes")
    assert values["dashboards"]
    none = THERE.model_copy(update={"dashboard_label": None})
    assert releases(plan_of(none), tmp_path / "b")["llm-observability"][1]["dashboards"] == []


def test_nothing_is_said_of_efa_whose_counters_nobody_reads(tmp_path: Path) -> None:
    _, values = releases(plan_of(on=EFA), tmp_path / "there")["llm-observability"]
    assert "llm-efa" not in values["dashboards"]
    assert "Efa" not in json.dumps(values["ruleGroups"])
    (finding,) = [item for item in run_plan(plan_of(on=EFA)) if item.code == "LLM_OBS_16"]
    assert "no alerts on EFA" in finding.message
    _, own = releases(plan_of(Observability(), on=EFA), tmp_path / "own")["llm-observability"]
    assert "llm-efa" in own["dashboards"]


def test_without_an_address_nothing_asks() -> None:
    silent = THERE.model_copy(update={"url": None})
    assert not needs_of(plan_of(silent)).keda
    assert not any(scales(item, plan_of(silent)) for item in plan_of(silent).endpoints)
    told = {(item.code, item.path) for item in run_plan(plan_of(silent)) if item.severity == "error"}
    assert ("LLM_OBS_15", "endpoints.code.replicas") in told
    assert ("LLM_SRV_69", "endpoints.chat.replicas") in told


@pytest.mark.parametrize("observability", [THERE, Observability(), None])
def test_the_plan_and_the_compiler_know_the_same_namespaces(
    observability: ExistingPrometheus | Observability | None,
) -> None:
    plan = plan_of(observability)
    values = cluster_base_values(plan)
    assert {item.name for item in values.namespaces} == set(namespaces_of(plan))
    assert values.existing_namespaces is None


def test_namespaces_that_are_there_are_looked_for_and_not_made() -> None:
    plan = plan_of(Observability(), namespaces=["monitoring", "envoy-gateway-system", "keda"], installed=["keda"])
    values = cluster_base_values(plan)
    there = {item.name: item for item in values.existing_namespaces or ()}
    assert set(there) == {"monitoring", "envoy-gateway-system"}
    assert there["monitoring"].pod_security == "privileged"
    assert there["envoy-gateway-system"].labels == {"elbv2.k8s.aws/pod-readiness-gate-inject": "enabled"}
    assert {item.name for item in values.namespaces} == set(namespaces_of(plan)) - set(there)
    assert not [item for item in run_plan(plan) if item.code.startswith("LLM_CAP_5")]


def test_what_goes_into_the_scrapers_own_namespace_finds_it_there() -> None:
    plan = plan_of(THERE.model_copy(update={"install_into": "watch"}))
    values = cluster_base_values(plan)
    assert [(item.name, item.pod_security) for item in values.existing_namespaces or ()] == [("watch", "privileged")]


def test_a_namespace_of_two_uses_is_one_and_as_loose_as_it_must_be() -> None:
    plan = plan_of(THERE.model_copy(update={"install_into": "acme-serving"}))
    (serving,) = [item for item in cluster_base_values(plan).namespaces if item.name == "acme-serving"]
    assert serving.pod_security == "privileged"
    assert serving.default_deny_ingress


def test_a_rehearsal_says_what_it_takes_for_granted(tmp_path: Path) -> None:
    compile_platforms([plan_of(namespaces=["keda"])], tmp_path)
    stacks = read_stacks(tmp_path)
    assumed = [item.attributes for item in assumed_objects(stacks) if item.type_name == NAMESPACE]
    assert assumed == [{"name": "keda", "cluster": "shared"}]
    (text,) = not_there_yet(stacks)
    assert text.startswith("cluster shared is assumed to have none of the namespaces acme-serving, acme-monitoring")


@pytest.mark.parametrize(
    ("url", "fix"),
    [
        ("prometheus-operated.watch.svc:9090", "'http://prometheus-operated.watch.svc:9090'"),
        ("prometheus-operated.watch.svc:9090/api/v1/query", "'http://prometheus-operated.watch.svc:9090'"),
        ("watch", "'http://prometheus-operated.monitoring.svc:9090'"),
        ("http://p.watch.svc:port", "'http://prometheus-operated.monitoring.svc:9090'"),
        ("http://p.watch.svc:9090/api/v1/query", "'http://p.watch.svc:9090'"),
        ("https://aps-workspaces.us-east-1.amazonaws.com/workspaces/ws-1", "svc:8005/workspaces/ws-1'"),
        ("http://user:secret@p.watch.svc", "proxy"),
    ],
)
def test_an_address_that_cannot_be_asked_is_refused(url: str, fix: str) -> None:
    with pytest.raises(SpecError) as raised:
        ExistingPrometheus(namespace="watch", match_labels={}, url=url)
    (found,) = raised.value.diagnostics
    assert (found.code, found.path) == ("LLM_SPEC_1", "observability.url")
    assert fix in found.fix
    assert "secret" not in str(found)


def test_the_last_slash_of_an_address_is_not_asked_for() -> None:
    assert ExistingPrometheus(namespace="watch", match_labels={}, url=f"{URL}/").url == URL


def test_labels_that_charts_write_themselves_are_refused() -> None:
    with pytest.raises(SpecError, match="charts write this label themselves"):
        ExistingPrometheus(namespace="watch", match_labels={"app.kubernetes.io/part-of": "x"})


YAML = """
name: p
region: us-east-1
network:
  vpc_id: vpc-0123456789abcdef0
  cidr: 10.40.0.0/16
  private_subnet_ids: {us-east-1a: subnet-0123456789abcdef0, us-east-1b: subnet-0123456789abcdef1}
cluster: {name: c, version: "1.35", installed: [kube-prometheus-stack], namespaces: []}
pools: {l40s: {instance_types: [g6e.xlarge], nodes: [0, 2]}}
endpoints:
  chat:
    model: {id: Qwen/Qwen3-8B}
    engine: {kind: vllm, max_model_len: 8192}
    on: l40s
    replicas: {min: 1, max: 2}
"""


@pytest.mark.parametrize(
    ("observability", "told"),
    [
        ("", ("LLM_OBS_14", "cluster.installed")),
        ("{namespace: watch, match_labels: {}}", ("LLM_OBS_15", "endpoints.chat.replicas")),
        ("{namespace: watch, url: 'http://p.watch:9090'}", ("LLM_SPEC_3", "observability.match_labels")),
        ("{match_labels: {}, url: 'http://p.watch:9090'}", ("LLM_SPEC_3", "observability.namespace")),
        ("{namespace: watch, match_labels: {}, url: p.watch}", ("LLM_SPEC_1", "observability.url")),
    ],
)
def test_a_mistake_in_yaml_is_the_only_error_that_is_told(
    observability: str, told: tuple[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text(YAML + (f"observability: {observability}\n" if observability else ""), encoding="utf-8")
    with pytest.raises(SpecError) as raised:
        plan_specs([file])
    errors = [item for item in raised.value.diagnostics if item.severity == "error"]
    assert [(item.code, item.path) for item in errors] == [told]


def test_python_and_yaml_say_the_same(tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text(
        f"{YAML}observability: {{namespace: watch, match_labels: {{release: x}}, url: '{URL}'}}\n", encoding="utf-8"
    )
    (plan,) = plan_specs([file])
    found = scraping_of(plan)
    assert found is not None
    assert (found.url, found.match_labels, found.scraper_namespace) == (URL, {"release": "x"}, "watch")
    assert not found.own


def test_the_page_of_a_plan_says_what_is_shared() -> None:
    plan = plan_of(namespaces=["keda"])
    metrics, namespaces = shared_lines(plan)
    assert metrics == f"metrics: the Prometheus in watch, asked at {URL}"
    assert namespaces.startswith("namespaces to make: acme-serving, acme-monitoring, ")
    assert namespaces.endswith("there already: keda")
    assert metrics_of(plan_of(Observability())) == "a Prometheus of its own"
    assert metrics_of(plan_of(THERE.model_copy(update={"url": None}))).endswith("asked by nobody")


def test_who_has_a_stack_and_uses_none_is_told_how() -> None:
    (found,) = [
        item for item in run_plan(plan_of(None, installed=["kube-prometheus-stack"])) if item.code == "LLM_OBS_1"
    ]
    assert "ExistingPrometheus(namespace=" in found.fix
    (plain,) = [item for item in run_plan(plan_of(None)) if item.code == "LLM_OBS_1"]
    assert plain.fix == "keep Platform(observability=Observability())"
