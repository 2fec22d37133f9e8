"""Rules on the plan outside the cluster: an engine is judged by what it is told, wherever it runs."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from llminfra import Secret, SGLang
from llminfra.loading.load import load
from llminfra.planning.platform import plan_platform
from llminfra.rules import run_plan
from tests.rules.platforms import ROOT, fired, outside
from tests.serving_targets.platforms import TARGETS
from tests.serving_targets.platforms import endpoint as target_endpoint
from tests.serving_targets.platforms import plan as target_plan


@pytest.mark.parametrize("on", ["ec2", "sagemaker", "sagemaker-async"])
def test_rules_on_models_and_money_hold_outside_the_cluster(on: str) -> None:
    assert fired(outside(on)) == set()
    assert fired(outside(on, budget_usd_per_month=None)) == {"LLM_CAP_7"}
    assert fired(outside(on, storage=[])) == {"LLM_STO_10"}


@pytest.mark.parametrize("cidrs", [(), ("10.8.0.0/16",)])
def test_on_ec2_every_caller_presents_a_key(cidrs: tuple[str, ...]) -> None:
    on = TARGETS["ec2"].model_copy(update={"allow_from_cidrs": cidrs})
    (found,) = run_plan(outside("ec2", {"api_key": None, "on": on}))
    assert (found.code, found.path) == ("LLM_SRV_72", "endpoints.chat.api_key")
    assert found.found == (", ".join(cidrs) or "the whole VPC")


@pytest.mark.parametrize("on", ["ec2", "sagemaker", "sagemaker-async"])
@pytest.mark.parametrize(
    ("code", "args", "env"),
    [
        ("LLM_SRV_11", ("--trust-remote-code",), {}),
        ("LLM_SRV_12", ("--load-format=pt",), {}),
        ("LLM_SRV_65", ("--enable-log-requests",), {}),
        ("LLM_SRV_66", (), {"VLLM_SERVER_DEV_MODE": "1"}),
        ("LLM_SRV_67", (), {"VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True"}),
        ("LLM_SRV_68", (), {"VLLM_ALLOW_LONG_MAX_MODEL_LEN": "1"}),
        ("LLM_SEC_11", ("--api-key=abc",), {}),
        ("LLM_SEC_11", (), {"ACME_API_KEY": "correct-horse"}),
    ],
)
def test_what_an_engine_is_told_is_judged_on_every_target(
    on: str, code: str, args: tuple[str, ...], env: dict[str, str]
) -> None:
    plan = outside(on)
    group = "ec2" if on == "ec2" else "sagemaker"
    (item,) = getattr(plan, group)
    call = item.serving.invocation
    told = replace(call, args=(*call.args, *args), env={**call.env, **env})
    broken = replace(plan, **{group: (replace(item, serving=replace(item.serving, invocation=told)),)})
    assert fired(plan) == set()
    assert {(found.code, found.path.split(".")[0]) for found in run_plan(broken)} == {(code, "endpoints")}


def test_what_an_engine_is_told_is_judged_in_jobs() -> None:
    (plan,) = (plan_platform(item) for item in load(ROOT / "examples/batch-inference/spec.py").platforms)
    assert "LLM_SRV_65" not in fired(plan)
    job, *others = plan.batches
    call = job.serving.invocation
    serving = replace(job.serving, invocation=replace(call, args=(*call.args, "--enable-log-requests")))
    loud = replace(plan, batches=(replace(job, serving=serving), *others))
    (found,) = [item for item in run_plan(loud) if item.code == "LLM_SRV_65"]
    assert found.path == f"batches.{job.name}.engine"


@pytest.mark.parametrize("on", ["eks", "ec2"])
def test_a_key_that_sglang_gets_by_reference_is_no_literal(on: str) -> None:
    engine = SGLang(max_model_len=16_384)
    plan = target_plan(target_endpoint(TARGETS[on], engine=engine, api_key=Secret(name="acme/key")))
    ((_, served),) = plan.served
    assert "--api-key=$(SGLANG_API_KEY)" in served.invocation.args
    assert "LLM_SEC_11" not in fired(plan)
    call = replace(served.invocation, secret_env=())
    if on == "eks":
        assert "LLM_SEC_11" in fired(replace(plan, endpoints=(replace(plan.endpoints[0], invocation=call),)))
