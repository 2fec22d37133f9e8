"""Every rule on the plan: production passes, and breaking the spec in its way fires it and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from llminfra import (
    Autoscaling,
    Image,
    Model,
    Oidc,
    Secret,
)
from llminfra.planning.platform import plan_platform
from llminfra.rules import LooksAt, rules, run_plan
from tests.rules.plan_mutants import (
    BY_DAY,
    MUTANTS,
    behind,
    cap_15,
    elsewhere,
    from_spec,
    guarded,
    overflowing,
    unfiltered,
)
from tests.rules.platforms import ROOT, changed, engine, fired, prod_plan
from tests.serving_targets.platforms import TARGETS
from tests.serving_targets.platforms import endpoint as target_endpoint
from tests.serving_targets.platforms import plan as target_plan

SECRET = "hf_" + "abcdEFGH1234ijklMNOP5678qrstUVWX"


def test_production_passes_every_rule() -> None:
    assert run_plan(prod_plan()) == ()


@pytest.mark.parametrize("code", MUTANTS)
def test_exactly_this_rule_kills_its_mutant(code: str) -> None:
    assert fired(MUTANTS[code]()) == {code}


def test_every_rule_on_the_plan_has_a_mutant() -> None:
    codes = {item.code for item in rules() if item.looks_at is LooksAt.PLAN and item.check is not None}
    assert codes == set(MUTANTS)


@pytest.mark.parametrize("code", MUTANTS)
def test_a_finding_says_where_and_what(code: str) -> None:
    for item in run_plan(MUTANTS[code]()):
        assert item.path
        assert item.message
        assert item.found
        assert item.expected
        assert item.fix
        assert item.file is not None
        assert item.file.endswith(".py")
        assert item.line


@pytest.mark.parametrize(
    ("region", "fields", "found"),
    [
        ("eu-west-1", {}, False),
        ("cn-north-1", {}, False),
        ("eu-west-3", {"throughput_mbps_per_tib": 125, "efa": False}, True),
        ("ca-west-1", {"throughput_mbps_per_tib": 250, "efa": False}, False),
        ("ca-west-1", {"throughput_mbps_per_tib": 500, "efa": False}, True),
        ("ca-west-1", {"throughput_mbps_per_tib": 250, "efa": True}, True),
    ],
)
def test_file_systems_of_regions_follow_aws_table(region: str, fields: dict[str, Any], *, found: bool) -> None:
    plan = elsewhere(region)
    changed_plan = replace(plan, lustre=tuple(replace(item, **fields) for item in plan.lustre))
    assert ("LLM_STO_14" in fired(changed_plan)) == found


def test_a_platform_without_guardrail_may_be_where_there_is_none() -> None:
    assert "LLM_BED_7" not in fired(guarded("ap-east-1", guardrail=None))
    assert "LLM_BED_7" not in fired(guarded("eu-west-1"))


def test_hours_wake_what_sleeps_outside_of_them() -> None:
    sleeping = Autoscaling(min=0, max=6, working_hours=[BY_DAY])
    assert fired(from_spec(endpoints={"assistant": {"replicas": sleeping}})()) == set()


def test_an_overflow_beside_replicas_that_stay_is_fine() -> None:
    assert fired(overflowing()()) == set()


def test_an_overflow_needs_a_prometheus_that_tells_the_queue() -> None:
    plan = overflowing()()
    unseen = replace(plan, platform=plan.platform.model_copy(update={"observability": None}))
    (found,) = (item for item in run_plan(unseen) if item.code == "LLM_SRV_69")
    assert found.path == "endpoints.assistant.overflow"
    assert "no Prometheus tells of it" in found.message
    assert found.fix == "set observability=Observability()"


def test_a_gateway_with_tenants_and_limits_is_fine() -> None:
    assert fired(behind()) == set()


def test_tokens_without_tenants_have_no_limits() -> None:
    oidc = Oidc(issuer="https://login.example.com", audiences=["llm"], jwks_uri="https://login.example.com/keys")
    assert fired(behind(tenants=[], oidc=oidc)) == {"LLM_GW_9"}


def test_requests_that_are_told_by_path_have_a_limit_of_their_own() -> None:
    plan = behind()
    assert fired(plan) == set()
    (gateway,) = plan.gateways
    routes = tuple(replace(item, models=(), prefix="/endpoints/it", paths=("/v1/rerank",)) for item in gateway.routes)
    assert fired(replace(plan, gateways=(replace(gateway, routes=routes),))) == {"LLM_GW_9"}


def test_a_gateway_wakes_an_endpoint_that_goes_to_zero() -> None:
    plan = from_spec(endpoints={"assistant": {"replicas": Autoscaling(min=0, max=6)}})()
    assert fired(plan) == {"LLM_SRV_69"}
    (gateway,) = behind().gateways
    held = replace(gateway, routes=tuple(replace(item, hold_s=285) for item in gateway.routes))
    assert "LLM_SRV_69" not in fired(replace(plan, gateways=(held,)))
    assert "LLM_SRV_69" in fired(replace(plan, gateways=(gateway,)))


def test_a_finding_points_at_the_object_in_the_spec_file() -> None:
    (finding,) = run_plan(cap_15())
    declared = (ROOT / "stacks/prod.py").read_text(encoding="utf-8").splitlines()
    assert finding.file == str(ROOT / "stacks/prod.py")
    assert 'GpuPool(name="l40s"' in declared[(finding.line or 0) - 1]


def test_a_key_lets_other_namespaces_call() -> None:
    plan = plan_platform(
        changed(endpoints={"assistant": {"allow_from_namespaces": ("web",), "api_key": Secret(name="acme/key")}})
    )
    assert fired(plan) == set()


@pytest.mark.parametrize("flag", ["--api-key=abc", "--hf-token=abc"])
def test_secret_flags_are_refused_whatever_their_value(flag: str) -> None:
    assert fired(unfiltered("assistant", args=(flag,))()) == {"LLM_SEC_11"}


def test_a_token_in_the_environment_is_found_by_its_shape() -> None:
    found = run_plan(unfiltered("assistant", env={"GREETING": SECRET})())
    assert {item.code for item in found} == {"LLM_SEC_11"}
    assert SECRET not in str(found[0])


@pytest.mark.parametrize("value", ["0", "", "false"])
def test_switches_that_are_off_are_fine(value: str) -> None:
    assert fired(unfiltered("assistant", env={"VLLM_SERVER_DEV_MODE": value})()) == set()


@pytest.mark.parametrize("on", ["ec2", "sagemaker"])
def test_an_unpinned_model_outside_the_cluster_is_copied_by_nothing(on: str) -> None:
    unpinned = Model(id="hugging-quants/Meta-Llama-3.1-8B-Instruct-AWQ-INT4")
    plan = target_plan(
        target_endpoint(TARGETS[on], model=unpinned, api_key=Secret(name="acme/key")), budget_usd_per_month=10_000
    )
    found = {item.code: item for item in run_plan(plan)}
    assert set(found) == {"LLM_SRV_2", "LLM_STO_13"}
    assert found["LLM_SRV_2"].path == "endpoints.chat.model.revision"
    assert "s3://acme-weights/" in (found["LLM_STO_13"].found or "")
    assert "revision" in (found["LLM_STO_13"].fix or "")


@pytest.mark.parametrize(
    ("image", "version", "told"),
    [
        (Image(repository="acme/vllm", tag="v0.11.0"), "0.11.0", []),
        (Image(repository="acme/vllm", tag="v0.11.0"), None, ["0.11.0"]),
        (Image(repository="acme/vllm", tag="0.11.0-gpu-py312-cu128-ubuntu22.04-ec2"), None, ["0.11.0"]),
        (Image(repository="acme/vllm", tag="v1"), None, []),
        (Image(repository="acme/vllm", tag="build-3.4.5"), None, []),
        (Image(repository="acme/vllm", digest=f"sha256:{'a' * 64}"), None, []),
    ],
)
def test_a_tag_tells_a_release_only_where_it_names_one(image: Image, version: str | None, told: list[str]) -> None:
    plan = plan_platform(changed(endpoints=engine("assistant", image=image, version=version)))
    assert [item.expected for item in run_plan(plan) if item.code == "LLM_SRV_78"] == told
