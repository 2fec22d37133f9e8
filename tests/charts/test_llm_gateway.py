"""The chart of gateways: who may call, what it costs them, where requests wait, and who reaches whom."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from llminfra.charts.llm_gateway import Picker
from tests.charts.conftest import Render
from tests.charts.objects import of_kind, one
from tests.charts.samples import llm_gateway, llm_gateway_tokens


def _config(objects: list[dict[str, Any]], picker: str) -> dict[str, Any]:
    (found,) = [item for item in of_kind(objects, "ConfigMap") if item["metadata"]["name"] == picker]
    config: dict[str, Any] = yaml.safe_load(found["data"]["config.yaml"])
    return config


def test_keys_are_asked_for_and_taken_from_requests(render_chart: Render) -> None:
    objects = render_chart("llm-gateway", llm_gateway())
    auth = one(objects, "SecurityPolicy")["spec"]["apiKeyAuth"]
    assert auth["extractFrom"] == [{"headers": ["Authorization"]}]
    assert auth["sanitize"] is True
    (keys,) = [item for item in of_kind(objects, "ExternalSecret") if item["metadata"]["name"] == "gateway-llm-keys"]
    assert auth["credentialRefs"] == [{"name": keys["spec"]["target"]["name"]}]
    assert [item["secretKey"] for item in keys["spec"]["data"]] == ["search", "batch"]


def test_callers_cannot_say_who_they_are(render_chart: Render) -> None:
    objects = render_chart("llm-gateway", llm_gateway())
    told = one(objects, "SecurityPolicy")["spec"]["apiKeyAuth"]["forwardClientIDHeader"]
    dropped = one(objects, "ClientTrafficPolicy")["spec"]["headers"]["earlyRequestHeaders"]["remove"]
    limited = one(objects, "BackendTrafficPolicy")["spec"]["rateLimit"]["global"]["rules"]
    assert told in dropped
    assert {item["clientSelectors"][0]["headers"][0]["name"] for item in limited} == {told}
    with pytest.raises(ValidationError, match="who they are"):
        llm_gateway().replace(tenant_header="x-tenant")


def test_tokens_are_paid_by_the_answer_and_requests_at_once(render_chart: Render) -> None:
    rules = one(render_chart("llm-gateway", llm_gateway()), "BackendTrafficPolicy")["spec"]["rateLimit"]["global"][
        "rules"
    ]
    assert [(item["limit"]["requests"], "cost" in item) for item in rules] == [
        (600, False),
        (2_000_000, True),
        (100_000, True),
    ]
    assert all(item["limit"]["unit"] == "Minute" and item["shared"] for item in rules)
    cost = rules[1]["cost"]
    assert cost["request"] == {"from": "Number", "number": 0}
    route = one(render_chart("llm-gateway", llm_gateway()), "AIGatewayRoute")["spec"]
    assert cost["response"]["metadata"]["key"] == route["llmRequestCosts"][0]["metadataKey"]


def test_no_policy_where_nobody_is_known(render_chart: Render) -> None:
    values = llm_gateway().replace(tenants=[], api_keys=None)
    objects = render_chart("llm-gateway", values)
    assert of_kind(objects, "SecurityPolicy") == of_kind(objects, "BackendTrafficPolicy") == []
    with pytest.raises(ValidationError, match="nobody is one of them"):
        llm_gateway().replace(api_keys=None)
    with pytest.raises(ValidationError, match="name one of"):
        llm_gateway().replace(token_issuer=llm_gateway_tokens().token_issuer)


def test_a_token_of_nobody_is_refused(render_chart: Render) -> None:
    policy = one(render_chart("llm-gateway", llm_gateway_tokens()), "SecurityPolicy")["spec"]
    assert policy["authorization"]["defaultAction"] == "Deny"
    (claim,) = policy["authorization"]["rules"][0]["principal"]["jwt"]["claims"]
    assert (claim["name"], claim["values"]) == ("org.team", ["search", "free"])
    assert "apiKeyAuth" not in policy


def test_requests_wait_only_where_they_should(render_chart: Render) -> None:
    objects = render_chart("llm-gateway", llm_gateway())
    held = _config(objects, "chat-picker")
    assert held["featureGates"] == ["flowControl"]
    assert held["flowControl"]["defaultRequestTTL"] == "285s"
    assert held["flowControl"]["priorityBands"][0]["fairnessPolicyRef"] in {item["type"] for item in held["plugins"]}
    assert "flowControl" not in _config(objects, "code-picker")
    with pytest.raises(ValidationError, match="counts as full"):
        Picker(name="blind", hold_seconds=10)
    with pytest.raises(ValidationError, match="hold"):
        Picker(name="long", hold_seconds=300)


def test_what_names_no_model_is_told_by_its_exact_path_and_passed_on_unread(render_chart: Render) -> None:
    objects = render_chart("llm-gateway", llm_gateway())
    route = one(objects, "HTTPRoute")["spec"]
    assert route["parentRefs"] == one(objects, "AIGatewayRoute")["spec"]["parentRefs"]
    told = {item["matches"][0]["path"]["value"]: item["filters"][0]["urlRewrite"]["path"] for item in route["rules"]}
    assert told == {
        f"/endpoints/rank{path}": {"type": "ReplaceFullPath", "replaceFullPath": path}
        for path in ("/v1/rerank", "/v1/score")
    }
    assert {item["matches"][0]["path"]["type"] for item in route["rules"]} == {"Exact"}
    assert {item["matches"][0]["method"] for item in route["rules"]} == {"POST"}
    unread = _config(objects, "rank-picker")
    assert unread["requestHandler"] == {"parsers": [{"pluginRef": "passthrough-parser"}]}
    assert "passthrough-parser" in {item["type"] for item in unread["plugins"]}
    assert "requestHandler" not in _config(objects, "chat-picker")
    by_path = next(item for item in llm_gateway().routes if item.paths)
    for wrong in ({"paths": [], "prefix": None}, {"prefix": None}, {"api_key_secret": "key"}, {"models": ["m"]}):
        with pytest.raises(ValidationError, match="route to rank"):
            by_path.replace(**wrong)
    with pytest.raises(ValidationError, match="no beginning to compare"):
        by_path.picker.replace(prefix=True)


def test_no_object_is_made_for_routes_that_there_are_none_of(render_chart: Render) -> None:
    by_path = [item for item in llm_gateway().routes if item.paths]
    objects = render_chart("llm-gateway", llm_gateway().replace(routes=by_path, engine_keys=[]))
    assert not of_kind(objects, "AIGatewayRoute")
    assert not of_kind(render_chart("llm-gateway", llm_gateway_tokens()), "HTTPRoute")


def test_every_scorer_of_a_profile_is_a_plugin(render_chart: Render) -> None:
    objects = [
        *render_chart("llm-gateway", llm_gateway()),
        *render_chart("llm-gateway", llm_gateway_tokens()),
    ]
    configs = [yaml.safe_load(item["data"]["config.yaml"]) for item in of_kind(objects, "ConfigMap")]
    assert len(configs) == 5
    for config in configs:
        plugins = {item["type"] for item in config["plugins"]}
        named = {item["pluginRef"] for item in config["schedulingProfiles"][0]["plugins"]}
        assert named <= plugins
        assert ("metrics-data-source" in plugins) != ("dataLayer" in config)


def test_the_load_balancer_finds_envoy(render_chart: Render) -> None:
    objects = render_chart("llm-gateway", llm_gateway())
    binding, proxy = one(objects, "TargetGroupBinding"), one(objects, "EnvoyProxy")["spec"]["provider"]["kubernetes"]
    assert binding["spec"]["serviceRef"]["name"] == proxy["envoyService"]["name"]
    assert binding["spec"]["serviceRef"]["port"] == one(objects, "Gateway")["spec"]["listeners"][0]["port"]
    assert binding["metadata"]["namespace"] == "envoy-gateway-system"
    assert proxy["envoyService"]["type"] == "ClusterIP"
    assert not of_kind(render_chart("llm-gateway", llm_gateway_tokens()), "TargetGroupBinding")


def test_a_pool_has_its_picker_and_the_picker_its_pool(render_chart: Render) -> None:
    objects = render_chart("llm-gateway", llm_gateway())
    services = {item["metadata"]["name"] for item in of_kind(objects, "Service")}
    kinds = ("AIGatewayRoute", "HTTPRoute")
    routed = {item["backendRefs"][0]["name"] for kind in kinds for item in one(objects, kind)["spec"]["rules"]}
    pools = {item["metadata"]["name"]: item["spec"]["endpointPickerRef"] for item in of_kind(objects, "InferencePool")}
    assert routed == set(pools)
    assert {item["name"] for item in pools.values()} == services
    for item in of_kind(objects, "Deployment"):
        arguments = item["spec"]["template"]["spec"]["containers"][0]["args"]
        pool = next(text.removeprefix("--pool-name=") for text in arguments if text.startswith("--pool-name="))
        assert pools[pool]["name"] == item["metadata"]["name"]


def test_only_envoy_reaches_a_picker(render_chart: Render) -> None:
    policies = of_kind(render_chart("llm-gateway", llm_gateway_tokens()), "NetworkPolicy")
    (picker,) = [item for item in policies if item["metadata"]["name"] == "chat-picker"]
    (ingress,) = picker["spec"]["ingress"]
    (source,) = ingress["from"]
    assert source["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "envoy-gateway-system"}
    assert source["podSelector"]["matchLabels"]["gateway.envoyproxy.io/owning-gateway-name"] == "inside"
    assert ingress["ports"] == [{"port": 9002, "protocol": "TCP"}]
