"""The router of a disaggregated endpoint, and the sidecar of its decode pods."""

from __future__ import annotations

import pytest
import yaml
from pydantic import ValidationError

from tests.charts.conftest import Render
from tests.charts.objects import one
from tests.charts.samples import pd_router
from tests.charts.server_samples import decode_role, multi_node

pytestmark = pytest.mark.helm


def test_callers_reach_the_sidecar_and_monitoring_the_engine(render_chart: Render) -> None:
    objects = render_chart("llm-server", decode_role())
    spec = one(objects, "Deployment")["spec"]["template"]["spec"]
    (front,) = spec["initContainers"]
    (engine,) = spec["containers"]
    assert front["restartPolicy"] == "Always", "else the engine would wait for it to end"
    assert front["ports"] == [{"name": "http", "containerPort": 8000}]
    assert engine["ports"] == [{"name": "metrics", "containerPort": 8200}]
    ports = {item["name"]: item["targetPort"] for item in one(objects, "Service")["spec"]["ports"]}
    assert ports == {"http": "http", "metrics": "metrics"}
    assert engine["startupProbe"]["httpGet"]["port"] == 8200


def test_only_the_engine_is_privileged(render_chart: Render) -> None:
    spec = one(render_chart("llm-server", decode_role()), "Deployment")["spec"]["template"]["spec"]
    assert spec["containers"][0]["securityContext"]["privileged"] is True
    front = spec["initContainers"][0]["securityContext"]
    assert "privileged" not in front
    assert front["runAsNonRoot"] is True
    assert front["allowPrivilegeEscalation"] is False
    assert front["capabilities"] == {"drop": ["ALL"]}


def test_workers_have_no_sidecar(render_chart: Render) -> None:
    values = multi_node().replace(front=decode_role().front)
    template = one(render_chart("llm-server", values), "LeaderWorkerSet")["spec"]["leaderWorkerTemplate"]
    assert "initContainers" in template["leaderTemplate"]["spec"]
    assert "initContainers" not in template["workerTemplate"]["spec"]


def test_steering_headers_go_before_the_picker_is_asked(render_chart: Render) -> None:
    config = one(render_chart("pd-router", pd_router()), "ConfigMap")["data"]
    envoy = yaml.safe_load(config["envoy.yaml"])["static_resources"]
    callers = next(item for item in envoy["listeners"] if item["name"] == "callers")
    manager = callers["filter_chains"][0]["filters"][0]["typed_config"]
    names = [item["name"].rpartition(".")[2] for item in manager["http_filters"]]
    assert names == ["header_mutation", "ext_proc", "router"]
    mutations = manager["http_filters"][0]["typed_config"]["mutations"]["request_mutations"]
    assert {item["remove"] for item in mutations} >= {"x-prefiller-host-port", "x-gateway-destination-endpoint"}
    assert manager["http_filters"][1]["typed_config"]["failure_mode_allow"] is False


def test_the_picker_runs_both_profiles_and_decides_by_tokens(render_chart: Render) -> None:
    config = one(render_chart("pd-router", pd_router().replace(remote_from_tokens=300)), "ConfigMap")["data"]
    picker = yaml.safe_load(config["picker.yaml"])
    declared = {item["type"]: item.get("parameters", {}) for item in picker["plugins"]}
    assert declared["prefix-based-pd-decider"] == {"nonCachedTokens": 300}
    assert declared["disagg-profile-handler"] == {"deciders": {"prefill": "prefix-based-pd-decider"}}
    profiles = {item["name"]: [each["pluginRef"] for each in item["plugins"]] for item in picker["schedulingProfiles"]}
    assert set(profiles) == {"prefill", "decode"}
    for name, plugins in profiles.items():
        assert plugins[0] == f"{name}-filter"
        assert set(plugins) <= set(declared)


def test_a_new_configuration_starts_new_pods(render_chart: Render) -> None:
    def mark(tokens: int) -> str:
        objects = render_chart("pd-router", pd_router().replace(remote_from_tokens=tokens))
        template = one(objects, "Deployment")["spec"]["template"]
        found: str = template["metadata"]["annotations"]["llminfra.io/configuration"]
        return found

    assert mark(16) == mark(16) != mark(17)


def test_the_router_leaves_after_its_requests(render_chart: Render) -> None:
    spec = one(render_chart("pd-router", pd_router()), "Deployment")["spec"]["template"]["spec"]
    for container in spec["containers"]:
        sleep = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert sleep == 150
        assert spec["terminationGracePeriodSeconds"] > sleep


def test_the_picker_may_see_pods_and_nothing_else(render_chart: Render) -> None:
    objects = render_chart("pd-router", pd_router())
    assert one(objects, "Role")["rules"] == [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}
    ]


@pytest.mark.parametrize("change", [{"engines": ["chat"]}, {"engine_labels": {}}, {"protected_headers": []}], ids=str)
def test_a_router_without_its_parts_is_no_router(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        pd_router().replace(**change)


def test_the_alert_watches_the_deployment_of_the_chart(render_chart: Render) -> None:
    values = pd_router()
    name = one(render_chart("pd-router", values), "Deployment")["metadata"]["name"]
    assert name == f"{values.name}-router"
