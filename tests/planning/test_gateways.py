"""Gateways: what planning decides and refuses, what the stacks and releases carry, and the same spec in YAML."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from llminfra import (
    VLLM,
    AsyncEndpoint,
    Autoscaling,
    CustomServer,
    Ec2,
    Endpoint,
    ExistingNetwork,
    Gateway,
    GpuPool,
    HttpProbe,
    Image,
    LoraAdapter,
    Model,
    ModelBucket,
    Network,
    Observability,
    Oidc,
    Platform,
    Secret,
    SpecError,
    Tenant,
)
from llminfra.charts.registry import IN_REPO_CHARTS
from llminfra.compiler import compile_platforms
from llminfra.compiler.releases.gateway import llm_gateway_values, proxy_labels, serving_labels
from llminfra.compiler.releases.llm_server import llm_server_values
from llminfra.loading.load import load
from llminfra.planning import plan_platform
from llminfra.planning.controllers.needs import needs_of, scales, secret_names
from llminfra.planning.endpoints.contract import contract, gateway_contract
from llminfra.planning.plan import Plan
from llminfra.rules.run import run_terraform
from llminfra.rules.views.terraform_view import read_synth_dir
from tests.helpers.yaml_spec import to_yaml

TODAY = dt.date(2026, 11, 23)
POOL = GpuPool(name="l40s", instance_types=["g6e.2xlarge"], nodes=(0, 6))
BUCKET = ModelBucket(name="acme-weights")
CERTIFICATE = "arn:aws:acm:us-east-1:111122223333:certificate/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
WEB_ACL = "arn:aws:wafv2:us-east-1:111122223333:regional/webacl/llm/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
TLS = {"hostname": "llm.example.com", "certificate_arn": CERTIFICATE}
OIDC = Oidc(issuer="https://login.example.com", audiences=["llm"], jwks_uri="https://login.example.com/jwks.json")


def endpoint(name: str = "chat", **fields: Any) -> Endpoint:
    given = {"model": Model(id="Qwen/Qwen3-8B"), "engine": VLLM(max_model_len=8_192), "on": POOL, "served_name": name}
    return Endpoint(**{"name": name, **given, **fields})


def tenant(name: str = "search", **fields: Any) -> Tenant:
    return Tenant(**{"name": name, "api_key": Secret(name=f"llm/{name}"), "tokens_per_minute": 1_000, **fields})


def gateway(*behind: Endpoint, **fields: Any) -> Gateway:
    given = {"name": "llm", "endpoints": list(behind), "tenants": [tenant()]}
    return Gateway(**given | (TLS if fields.get("exposure") != "cluster" else {}) | fields)


def platform(*behind: Endpoint, gateways: list[Gateway] | None = None, **fields: Any) -> Platform:
    given: dict[str, Any] = {
        "name": "acme",
        "region": "us-east-1",
        "account_id": "111122223333",
        "pools": [POOL],
        "storage": [BUCKET],
        "endpoints": list(behind),
        "gateways": [gateway(*behind)] if gateways is None else gateways,
    }
    return Platform(**given | fields)


def plan(*behind: Endpoint, gateways: list[Gateway] | None = None, **fields: Any) -> Plan:
    return plan_platform(platform(*behind, gateways=gateways, **fields), today=TODAY)


def codes(*behind: Endpoint, gateways: list[Gateway] | None = None, **fields: Any) -> set[str]:
    with pytest.raises(SpecError) as error:
        plan(*behind, gateways=gateways, **fields)
    return {item.code for item in error.value.diagnostics}


def test_each_model_leads_to_its_endpoint() -> None:
    sql = LoraAdapter(name="sql", bucket=BUCKET, key="adapters/sql", rank=16)
    (planned,) = plan(endpoint("chat", adapters=[sql]), endpoint("code")).gateways
    assert [(item.endpoint, item.models) for item in planned.routes] == [("chat", ("chat", "sql")), ("code", ("code",))]
    assert planned.url == "https://llm.example.com"
    assert planned.allow_from_cidrs == ("10.0.0.0/16",)


def test_a_gateway_for_the_cluster_has_no_load_balancer() -> None:
    chat = endpoint()
    planned = plan(chat, gateways=[gateway(chat, exposure="cluster")])
    assert planned.gateways[0].url == "http://gateway-llm.envoy-gateway-system.svc.cluster.local:8080"
    assert not needs_of(planned).load_balancer
    assert not [item for item in planned.costs if item.spec_path == "gateways.llm"]


def test_a_load_balancer_costs_money() -> None:
    (line,) = [item for item in plan(endpoint()).costs if item.spec_path == "gateways.llm"]
    assert line.usd_per_hour_min
    assert line.usd_per_hour_min == line.usd_per_hour_max


def test_only_an_endpoint_that_sleeps_has_its_requests_held() -> None:
    sleeps = endpoint("sleeps", replicas=Autoscaling(min=0, max=2))
    planned = plan(endpoint("chat", replicas=Autoscaling(min=1, max=2)), sleeps)
    assert [item.hold_s for item in planned.gateways[0].routes] == [None, 285]
    short = plan(sleeps, gateways=[gateway(sleeps, request_timeout_s=60)])
    assert short.gateways[0].routes[0].hold_s == 60


@pytest.mark.parametrize("blind", ["no Prometheus", "no queue"])
def test_nothing_is_held_that_nothing_would_wake(blind: str) -> None:
    fields: dict[str, Any] = {"replicas": Autoscaling(min=0, max=2)}
    if blind == "no queue":
        probe = HttpProbe(path="/health")
        image = Image(repository="acme/server", tag="1.0.0")
        fields["engine"] = CustomServer(image=image, port=8000, ready=probe, command=["serve"])
    behind = endpoint("chat", **fields)
    planned = plan(behind, observability=None if blind == "no Prometheus" else Observability())
    assert planned.gateways[0].routes[0].hold_s is None
    assert not scales(planned.endpoints[0], planned)


@pytest.mark.parametrize(
    ("code", "fields"),
    [
        ("LLM_GW_5", {"hostname": None}),
        ("LLM_GW_5", {"certificate_arn": None}),
        ("LLM_GW_6", {"exposure": "cluster", "hostname": "llm.example.com"}),
        ("LLM_GW_6", {"exposure": "cluster", "allow_from_cidrs": ["10.0.0.0/8"]}),
        ("LLM_GW_6", {"exposure": "cluster", "web_acl_arn": WEB_ACL}),
        ("LLM_GW_7", {"certificate_arn": CERTIFICATE.replace("us-east-1", "eu-west-1")}),
        ("LLM_GW_7", {"web_acl_arn": WEB_ACL.replace("us-east-1", "eu-west-1")}),
        ("LLM_GW_10", {"tenants": [Tenant(name="search")]}),
        ("LLM_GW_15", {"tenants": [tenant("a"), tenant("a", api_key=Secret(name="other"))]}),
        ("LLM_GW_15", {"tenants": [tenant("a"), tenant("b", api_key=Secret(name="llm/a"))]}),
        ("LLM_GW_15", {"oidc": OIDC, "tenants": [Tenant(name="a", claim="b"), Tenant(name="b")]}),
    ],
)
def test_a_gateway_that_cannot_work_is_refused(code: str, fields: dict[str, Any]) -> None:
    chat = endpoint()
    assert codes(chat, gateways=[gateway(chat, **fields)]) == {code}


def test_endpoints_must_be_there_on_a_pool_and_once() -> None:
    chat, other = endpoint(), endpoint("other")
    ec2 = endpoint("ec2", on=Ec2(instance_type="g6e.2xlarge", domain_name="a.example.com", certificate_arn=CERTIFICATE))
    assert codes(chat, gateways=[gateway(other)]) == {"LLM_GW_1"}
    assert codes(chat, ec2, gateways=[gateway(ec2)]) == {"LLM_GW_2"}
    assert codes(chat, gateways=[gateway(chat, chat)]) == {"LLM_GW_3"}
    assert codes(chat, gateways=[gateway(chat), gateway(chat, name="second")]) == {"LLM_GW_3"}


def test_a_model_name_leads_to_one_endpoint() -> None:
    twins = (endpoint("one", served_name="chat"), endpoint("two", served_name="chat"))
    assert codes(*twins) == {"LLM_GW_4"}


@pytest.mark.parametrize(
    "network",
    [
        Network(nat="none"),
        ExistingNetwork(
            vpc_id="vpc-0123456789abcdef0",
            private_subnet_ids={"us-east-1a": "subnet-0123456789abcdef0", "us-east-1b": "subnet-0123456789abcdef1"},
            cidr="10.0.0.0/16",
        ),
    ],
)
def test_a_public_gateway_needs_public_subnets(network: Network | ExistingNetwork) -> None:
    chat = endpoint()
    assert "LLM_GW_11" in codes(chat, gateways=[gateway(chat, exposure="public")], network=network)


def test_the_only_way_in_is_the_only_one() -> None:
    chat = endpoint(allow_from_namespaces=["web"], api_key=Secret(name="llm/chat"))
    assert codes(chat) == {"LLM_GW_14"}
    assert plan(chat, gateways=[gateway(chat, only_way_in=False)]).ok


def test_a_key_in_the_place_of_its_name_is_refused() -> None:
    with pytest.raises(SpecError) as error:
        Tenant(name="search", api_key={"name": "sk-" + "abcdEFGH1234ijklMNOP5678qrstUVWXyz012345"})  # type: ignore[arg-type]  # wrong on purpose
    assert {item.code for item in error.value.diagnostics} == {"LLM_SEC_1"}
    with pytest.raises(SpecError):
        Tenant(name="search", api_key="a-key")  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize("fields", [{"oidc": OIDC}, {"tenants": [tenant(claim="x")]}])
def test_keys_and_tokens_exclude_each_other(fields: dict[str, Any]) -> None:
    with pytest.raises(SpecError):
        gateway(endpoint(), **fields)


def test_applications_are_told_the_gateways_address() -> None:
    chat, code = endpoint("chat"), endpoint("code")
    planned = plan(chat, code, gateways=[gateway(chat)])
    first, second = (json.loads(contract(item, planned).as_json()) for item in planned.endpoints)
    assert first["address"] == "https://llm.example.com/v1"
    assert first["auth"]["secret"] == "llm/search"
    assert first["model"] == "chat"
    assert second["address"].startswith("http://code.llm-serving.svc")
    assert second["auth"]["kind"] == "none"


def test_the_gateways_own_contract_names_every_tenant_and_no_key() -> None:
    chat = endpoint()
    tenants = [tenant("search"), tenant("batch", api_key=Secret(name="llm/batch", key="api_key"))]
    planned = plan(chat, gateways=[gateway(chat, tenants=tenants)])
    told = json.loads(gateway_contract(planned.gateways[0], planned))
    assert told["models"] == ["chat"]
    assert told["tenants"]["batch"] == {"secret": "llm/batch", "key": "api_key"}
    assert json.loads(contract(planned.endpoints[0], planned).as_json())["auth"] == {
        "kind": "bearer", "secret": None, "key": None, "service": None
    }  # fmt: skip
    with_tokens = plan(chat, gateways=[gateway(chat, oidc=OIDC, tenants=[Tenant(name="search")])])
    told = json.loads(gateway_contract(with_tokens.gateways[0], with_tokens))
    assert (told["auth"], told["issuer"], told["tenants"]) == ("oidc", OIDC.issuer, {"search": {}})


def test_keys_come_from_the_secret_store_alone() -> None:
    chat = endpoint(api_key=Secret(name="llm/engine"))
    planned = plan(chat)
    values = llm_gateway_values(planned.gateways[0], planned, None)
    assert values.api_keys is not None
    assert [(item.secret_key, item.remote_key) for item in values.api_keys.data] == [("search", "llm/search")]
    assert [item.data[0].secret_key for item in values.engine_keys] == ["apiKey"]
    assert values.routes[0].api_key_secret == values.engine_keys[0].name
    assert {"llm/search", "llm/engine"} <= set(secret_names(planned))


def test_tenants_of_tokens_are_known_by_their_claim() -> None:
    chat = endpoint()
    tenants = [Tenant(name="search", claim="team-7", requests_per_minute=5), Tenant(name="free")]
    planned = plan(chat, gateways=[gateway(chat, oidc=OIDC, tenants=tenants)])
    values = llm_gateway_values(planned.gateways[0], planned, None)
    assert [item.id for item in values.tenants] == ["team-7", "free"]
    assert values.api_keys is None
    assert values.token_issuer is not None


def test_only_envoy_and_the_picker_reach_the_engine() -> None:
    chat = endpoint()
    planned = plan(chat)
    policy = llm_server_values(planned.endpoints[0], planned, None, None).network_policy
    assert not policy.from_same_namespace
    assert not policy.from_namespaces
    assert policy.from_pods is not None
    envoy, picker = policy.from_pods
    assert (envoy.namespace, envoy.pod_labels) == ("envoy-gateway-system", proxy_labels(planned.gateways[0]))
    assert (picker.namespace, picker.pod_labels["app.kubernetes.io/instance"]) == (None, "chat-picker")
    loose = plan(chat, gateways=[gateway(chat, only_way_in=False)])
    assert llm_server_values(loose.endpoints[0], loose, None, None).network_policy.from_same_namespace


def test_workers_of_a_queue_reach_the_engine_past_a_gateway() -> None:
    chat, other = endpoint(), endpoint(name="other", served_name="other")
    queue = AsyncEndpoint(name="jobs", behind=chat)
    planned = plan(chat, other, async_endpoints=[queue])
    admitted = {}
    for item in planned.endpoints:
        policy = llm_server_values(item, planned, None, None).network_policy
        assert not policy.from_same_namespace
        admitted[item.name] = [peer.pod_labels for peer in policy.from_pods or () if peer.namespace is None]
    worker = {"app.kubernetes.io/name": "async-worker", "app.kubernetes.io/instance": "async-jobs"}
    assert worker in admitted["chat"]
    assert worker not in admitted["other"]


def test_a_sleeping_endpoint_scales_on_what_exists_without_it() -> None:
    planned = plan(endpoint(replicas=Autoscaling(min=0, max=2)))
    autoscaling = llm_server_values(planned.endpoints[0], planned, None, None).autoscaling
    assert autoscaling is not None
    assert autoscaling.min_replicas == 0
    held, running, cache = autoscaling.triggers
    assert running.threshold == planned.endpoints[0].busy.running  # type: ignore[union-attr]  # it is scaled
    # Caches are there with replicas alone: they ask for more of them, and wake none.
    assert cache.activation_threshold == cache.threshold == 0.8
    for trigger in (held, running):
        assert trigger.wakes_from_zero
        assert "vllm:" not in trigger.query
    for trigger in autoscaling.triggers:
        assert 'service="chat-picker"' in trigger.query
        assert trigger.query.endswith(" * 0"), "no request yet is a zero, and no picker is none"


def test_the_picker_reads_the_engines_own_names() -> None:
    planned = plan(endpoint())
    (route,) = llm_gateway_values(planned.gateways[0], planned, None).routes
    assert route.picker.metrics is not None
    assert route.picker.metrics.queued == "vllm:num_requests_waiting"
    assert route.picker.metrics.kv_usage == "vllm:kv_cache_usage_perc"
    assert route.pod_labels == serving_labels(planned.endpoints[0])


def test_yaml_says_the_same(tmp_path: Path) -> None:
    spec = platform(endpoint("chat"), endpoint("code"))
    file = tmp_path / "spec.yaml"
    file.write_text(to_yaml(spec), encoding="utf-8")
    loaded = load(file)
    assert loaded.ok, loaded
    assert loaded.platforms == (spec,)
    assert "- chat" in file.read_text(encoding="utf-8")


def test_stacks_of_a_public_gateway(tmp_path: Path) -> None:
    chat = endpoint()
    front = gateway(chat, exposure="public", hosted_zone_id="Z0123456789ABCDEFGHIJ", web_acl_arn=WEB_ACL)
    planned = plan(chat, gateways=[front])
    compile_platforms([planned], tmp_path)
    stacks = {
        item.name.removeprefix("acme-"): json.loads((item / "cdk.tf.json").read_text(encoding="utf-8"))
        for item in (tmp_path / "stacks").iterdir()
    }
    assert [item.diagnostic.code for item in run_terraform(read_synth_dir(tmp_path))] == []
    serving = stacks["serving"]["resource"]
    balancer = serving["aws_lb"]["gateway-llm"]
    assert balancer["internal"] is False
    assert all("public_subnet" in item for item in balancer["subnets"])
    assert {"public_subnet_us-east-1a", "private_subnet_us-east-1a"} <= set(stacks["network"]["output"])
    firewall = serving["aws_wafv2_web_acl_association"]["gateway-llm"]
    assert (firewall["resource_arn"], firewall["web_acl_arn"]) == ("${aws_lb.gateway-llm.arn}", WEB_ACL)
    listener = serving["aws_lb_listener"]["gateway-llm"]
    assert (listener["protocol"], listener["certificate_arn"]) == ("HTTPS", CERTIFICATE)
    group = serving["aws_lb_target_group"]["gateway-llm"]
    assert (group["target_type"], group["port"], group["health_check"]["path"]) == ("ip", 8080, "/healthz")
    assert serving["aws_vpc_security_group_ingress_rule"]["gateway-llm-https-0"]["cidr_ipv4"] == "0.0.0.0/0"
    assert serving["aws_route53_record"]["gateway-llm"]["name"] == "llm.example.com"
    release = serving["helm_release"]["gateway-llm"]
    assert "aws_lb_listener.gateway-llm" in release["depends_on"]
    assert "aws_lb_target_group.gateway-llm.arn" in json.loads(release["values"][0])["targetGroupArn"]
    platform_releases = stacks["platform"]["resource"]["helm_release"]
    assert "helm_release.gateway-base" in platform_releases["gateway-helm"]["depends_on"]
    assert "helm_release.ai-gateway-crds-helm" in platform_releases["gateway-helm"]["depends_on"]
    assert "helm_release.gateway-helm" in platform_releases["ai-gateway-helm"]["depends_on"]
    assert "gateway-base" in IN_REPO_CHARTS
    documents = stacks["platform"]["data"]["aws_iam_policy_document"]["load-balancer-controller-targets"]["statement"]
    writes = [item for item in documents if item["resources"] != ["*"]]
    assert [item["actions"] for item in writes] == [
        ["elasticloadbalancing:DeregisterTargets", "elasticloadbalancing:RegisterTargets"]
    ]
