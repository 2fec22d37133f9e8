"""Who reaches an endpoint of the serving chart, and what its pods may do: policies, services, identities, secrets."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from llminfra.assets import chart_dir
from llminfra.charts.llm_server import Security, ServiceMonitor
from llminfra.diagnostics import ToolError
from llminfra.helm.render import render
from tests.charts.conftest import Render
from tests.charts.objects import engine, env_of, of_kind, one, pod_specs
from tests.charts.server_samples import autoscaled, multi_node, single_node


@pytest.mark.parametrize("sample", [single_node, autoscaled])
def test_restricted_pod_security(render_chart: Render, sample: Any) -> None:
    assert sample().pod_security_level == "restricted"
    spec = pod_specs(render_chart("llm-server", sample()))[0]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    context = engine(spec)["securityContext"]
    assert context["allowPrivilegeEscalation"] is False
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert "privileged" not in context


def test_privileges_are_recorded_with_their_reason(render_chart: Render) -> None:
    values = multi_node()
    assert values.pod_security_level == "privileged"
    objects = render_chart("llm-server", values)
    notes = one(objects, "LeaderWorkerSet")["metadata"]["annotations"]
    assert "locks the memory" in notes["llminfra.io/waiver.ipc-lock"]
    assert "ambient" in notes["llminfra.io/waiver.run-as-root"]
    for spec in pod_specs(objects):
        assert engine(spec)["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ["IPC_LOCK"]}


def test_privileged_container(render_chart: Render) -> None:
    security = Security(privileged_reason="NIXL registers GPU memory with the network card")
    objects = render_chart("llm-server", single_node().replace(security=security))
    context = engine(pod_specs(objects)[0])["securityContext"]
    assert context["privileged"] is True
    assert "allowPrivilegeEscalation" not in context
    assert "llminfra.io/waiver.privileged" in one(objects, "Deployment")["metadata"]["annotations"]


def test_root_needs_a_reason() -> None:
    with pytest.raises(ValidationError, match="run_as_root_reason"):
        Security(run_as_user=0)


@pytest.mark.parametrize(
    ("security", "level"),
    [
        (Security(), "restricted"),
        (Security(capabilities={"NET_BIND_SERVICE": "serves on port 80"}), "restricted"),
        (Security(capabilities={"CHOWN": "changes owners at start"}), "baseline"),
        (Security(run_as_user=0, run_as_root_reason="the image runs as root only"), "baseline"),
        (Security(capabilities={"IPC_LOCK": "locks memory for EFA"}), "privileged"),
        (Security(privileged_reason="NIXL registers GPU memory"), "privileged"),
    ],
)
def test_pod_security_level(security: Security, level: str) -> None:
    assert security.pod_security_level == level


def test_network_policy_denies_by_default(render_chart: Render) -> None:
    objects = render_chart("llm-server", autoscaled())
    spec = one(objects, "NetworkPolicy")["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    for rule in spec["ingress"] + spec["egress"]:
        assert rule.get("from") or rule.get("to"), "a rule without peers admits everybody"
    scraped = [rule for rule in spec["ingress"] if rule.get("ports") == [{"port": 9090, "protocol": "TCP"}]]
    namespace = scraped[0]["from"][0]["namespaceSelector"]["matchLabels"]
    assert namespace == {"kubernetes.io/metadata.name": "monitoring"}
    served = [rule for rule in spec["ingress"] if rule.get("ports") == [{"port": 8000, "protocol": "TCP"}]]
    assert served[0]["from"] == [{"podSelector": {}}]


def test_network_policy_without_callers_still_denies(render_chart: Render) -> None:
    closed = single_node().network_policy.replace(from_same_namespace=False, metrics_from_namespaces=[], egress=[])
    spec = one(render_chart("llm-server", single_node().replace(network_policy=closed)), "NetworkPolicy")["spec"]
    assert len(spec["ingress"]) == 1
    own = spec["ingress"][0]["from"]
    assert own == [{"podSelector": spec["podSelector"]}]


def test_a_load_balancer_reaches_pods_by_address(render_chart: Render) -> None:
    policy = single_node().network_policy.replace(from_cidrs=["10.20.0.0/16"], from_same_namespace=False)
    spec = one(render_chart("llm-server", single_node().replace(network_policy=policy)), "NetworkPolicy")["spec"]
    assert spec["ingress"][1] == {
        "from": [{"ipBlock": {"cidr": "10.20.0.0/16"}}],
        "ports": [{"port": 8000, "protocol": "TCP"}],
    }


def test_a_scrape_longer_than_its_interval() -> None:
    with pytest.raises(ValidationError, match="refuses the whole monitor"):
        ServiceMonitor(interval_seconds=5, scrape_timeout_seconds=10)


def test_prefill_and_decode_reach_each_other(render_chart: Render) -> None:
    policy = single_node().network_policy.replace(peer_endpoints=["decode"])
    spec = one(render_chart("llm-server", single_node().replace(network_policy=policy)), "NetworkPolicy")["spec"]
    for rules, key in ((spec["ingress"], "from"), (spec["egress"], "to")):
        peers = [peer["podSelector"]["matchLabels"]["app.kubernetes.io/instance"] for peer in rules[0][key]]
        assert peers == ["chat", "decode"]


def test_service_is_internal_and_its_ports_are_named(render_chart: Render) -> None:
    service = one(render_chart("llm-server", autoscaled()), "Service")["spec"]
    assert service["type"] == "ClusterIP"
    assert {port["name"]: port["port"] for port in service["ports"]} == {"http": 8000, "metrics": 9090}


def test_service_monitor_finds_the_service(render_chart: Render) -> None:
    objects = render_chart("llm-server", autoscaled())
    monitor, service = one(objects, "ServiceMonitor"), one(objects, "Service")
    selected = monitor["spec"]["selector"]["matchLabels"]
    assert selected.items() <= service["metadata"]["labels"].items()
    assert monitor["metadata"]["labels"]["release"] == "monitoring"
    assert monitor["spec"]["endpoints"][0]["port"] in {port["name"] for port in service["spec"]["ports"]}


def test_metrics_on_the_serving_port(render_chart: Render) -> None:
    values = single_node().replace(service_monitor=autoscaled().service_monitor)
    objects = render_chart("llm-server", values)
    assert one(objects, "ServiceMonitor")["spec"]["endpoints"][0]["port"] == "http"
    assert [port["name"] for port in one(objects, "Service")["spec"]["ports"]] == ["http"]


def test_identity(render_chart: Render) -> None:
    irsa = one(render_chart("llm-server", autoscaled()), "ServiceAccount")
    assert irsa["metadata"]["annotations"]["eks.amazonaws.com/role-arn"].endswith("role/acme-chat")
    pod_identity = one(render_chart("llm-server", single_node()), "ServiceAccount")
    assert "annotations" not in pod_identity["metadata"]


def test_secrets_are_references(render_chart: Render) -> None:
    objects = render_chart("llm-server", autoscaled())
    token = env_of(engine(pod_specs(objects)[0]))["HF_TOKEN"]
    assert token["valueFrom"]["secretKeyRef"] == {"name": "hf-token", "key": "token"}
    assert "value" not in token
    secret = one(objects, "ExternalSecret")
    assert secret["apiVersion"] == "external-secrets.io/v1"
    assert secret["spec"]["target"]["name"] == "hf-token"
    assert not of_kind(objects, "Secret")


@pytest.mark.parametrize(
    "change",
    [
        {"env": {"HF_TOKEN": "anything"}},
        {"env": {"HUGGING_FACE_HUB_TOKEN": "anything"}},
        {"env": {"VLLM_API_KEY": "anything"}},
        {"env": {"SOMETHING": "hf_abcdefghijklmnopqrstuvwxyz0123"}},
        {"args": ["--api-key", "s3cret"]},
        {"args": ["--api-key=s3cret"]},
        {"command": ["sh", "-c", "HF_TOKEN=hf_abcdefghijklmnopqrstuvwxyz0123 vllm serve"]},
    ],
)
def test_literal_secrets_are_refused_and_not_repeated(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        single_node().replace(**change)
    assert "secret" in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert "hf_abc" not in str(caught.value)


def test_the_chart_itself_refuses_a_literal_token(render_chart: Render) -> None:
    values = {**single_node().to_values(), "env": {"HF_TOKEN": "anything"}}
    with pytest.raises(ToolError, match="HF_TOKEN"):
        render(chart_dir("llm-server"), values, release="r", namespace="llm")
