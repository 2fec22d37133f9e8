"""Bedrock: where requests may go, and who may send them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llminfra import (
    Bedrock,
    BedrockModel,
    Cluster,
    Guardrail,
    InvocationLogging,
    Network,
    PodAccess,
    ProvisionedThroughput,
    RoleAccess,
    Topic,
)
from llminfra.catalog import bedrock, regions
from llminfra.catalog.datafile import read_data
from llminfra.constructs.bedrock.profile import ANYWHERE
from llminfra.diagnostics import SpecError
from llminfra.planning import plan_platform
from llminfra.planning.plan import Plan
from llminfra.rules import run_plan
from tests.targets.platforms import MICRO, SONNET, bedrock_plan, codes, findings, plan
from tests.targets.stack_view import allowed, only, statements

Compiled = Callable[[Plan, str], dict[str, Any]]
FUNCTION = RoleAccess(role_name="summaries")


def test_bedrock_alone_needs_no_cluster() -> None:
    planned = bedrock_plan()
    assert planned.cluster is None
    assert not planned.network.there
    assert [item.what for item in planned.costs] == ["KMS key of the stack bedrock, without requests"]
    assert {item.code for item in run_plan(planned)}.isdisjoint({"LLM_NET_12"})
    named = plan_platform(planned.platform.model_copy(update={"network": Network(cidr="10.0.0.0/16")}))
    assert "bedrock-runtime" in named.network.interface_endpoints, "a VPC that is named is for who calls from it"


@pytest.mark.parametrize(
    ("model", "code"),
    [
        (BedrockModel(name="a", id="anthropic.claude-99"), "LLM_BED_2"),
        (BedrockModel(name="a", id="us.anthropic.claude-sonnet-4-5-20250929-v1:0"), "LLM_BED_2"),
        (BedrockModel(name="a", id=SONNET.id, routing="region"), "LLM_BED_3"),
        (BedrockModel(name="a", id="deepseek.r1-v1:0", routing="global"), "LLM_BED_3"),
    ],
    ids=["unknown", "with a geography", "not alone", "not everywhere"],
)
def test_models_that_cannot_be_called_are_refused(model: BedrockModel, code: str) -> None:
    assert code in codes(bedrock=Bedrock(models=[model]), storage=[])


def test_a_model_that_cannot_be_called_from_here_names_where_it_can() -> None:
    nova = BedrockModel(name="nova", id="amazon.nova-pro-v1:0", routing="global")
    with pytest.raises(SpecError) as caught:
        plan(bedrock=Bedrock(models=[nova]), storage=[], region="eu-central-1")
    (found,) = [item for item in caught.value.diagnostics if item.code == "LLM_BED_3"]
    region = found.expected.partition("routing='region' in ")[2].partition(",")[0]
    there = nova.model_copy(update={"routing": "region"})
    assert plan(bedrock=Bedrock(models=[there]), storage=[], region=region).bedrock


def test_only_models_that_the_region_has_are_proposed() -> None:
    llama = BedrockModel(name="a", id="meta.llama3-1-8b-instruct-v1:0")
    for model in (llama, llama.model_copy(update={"id": "meta.llama3-3-70b-instruct-v1:0"})):
        with pytest.raises(SpecError) as caught:
            plan(bedrock=Bedrock(models=[model]), storage=[], region="eu-central-1")
        (found,) = [item for item in caught.value.diagnostics if item.code in {"LLM_BED_2", "LLM_BED_3"}]
        named = [name for name in bedrock.names() if name in f"{found.expected} {found.fix}"]
        assert named
        for name in named:
            there = model.model_copy(update={"id": name})
            assert plan(bedrock=Bedrock(models=[there]), storage=[], region="eu-central-1").bedrock


def test_a_geography_before_the_id_is_explained() -> None:
    assert bedrock.suggest(f"eu.{SONNET.id}") == (SONNET.id,)


def test_pods_need_a_cluster() -> None:
    access = [PodAccess(namespace="a", service_account="b")]
    assert "LLM_BED_4" in codes(bedrock=Bedrock(models=[SONNET], access=access), cluster=None, storage=[])


def test_model_units_belong_to_one_region() -> None:
    bought = [ProvisionedThroughput(model=SONNET)]
    assert "LLM_BED_5" in codes(bedrock=Bedrock(models=[SONNET], throughput=bought), storage=[])


def test_model_units_are_those_that_aws_sells() -> None:
    units = {context: ProvisionedThroughput(model=MICRO, context=context) for context in (None, "24k", "300k")}
    sold = [bedrock_plan(throughput=[units[context]]).bedrock for context in (None, "24k")]
    assert [item.units[0].model_id for item in sold if item] == [f"{MICRO.id}:128k", f"{MICRO.id}:24k"]
    (found,) = findings(bedrock=Bedrock(models=[MICRO], throughput=[units["300k"]]), storage=[])
    assert (found.code, found.expected) == ("LLM_BED_6", "context='24k' or '128k'")


def test_models_are_named_before_they_are_used() -> None:
    with pytest.raises(SpecError, match="not among models"):
        Bedrock(models=[MICRO], access=[RoleAccess(role_name="summaries", models=[SONNET])])


def test_a_role_names_the_model_in_every_region_that_may_answer(compiled: Compiled) -> None:
    stack = compiled(bedrock_plan(access=[FUNCTION]), "bedrock")
    mine = statements(stack, "bedrock-summaries")
    wanted = {
        f"arn:aws:bedrock:{region}::foundation-model/{SONNET.id}" for region in bedrock_plan().bedrock.models[0].regions
    }  # type: ignore[union-attr]  # Bedrock is planned here
    assert len(wanted) == 3
    assert set(mine["CallModels"]["resources"]) == wanted | {f"arn:aws:bedrock:us-east-1::foundation-model/{MICRO.id}"}
    through = mine["CallModels"]["condition"][0]
    assert through["variable"] == "bedrock:InferenceProfileArn"
    assert set(mine["CallProfiles"]["resources"]) <= set(through["values"])


def test_nothing_is_allowed_on_everything(compiled: Compiled) -> None:
    stack = compiled(bedrock_plan(access=[FUNCTION], logging=InvocationLogging()), "bedrock")
    wide = [
        entry
        for entry in allowed(stack)
        if entry[1] == "bedrock:*" or "*" in entry[2] or any(arn.endswith("/*") for arn in entry[2])
    ]
    assert wide == []


def test_an_access_to_one_model_is_to_one_model(compiled: Compiled) -> None:
    stack = compiled(bedrock_plan(access=[RoleAccess(role_name="summaries", models=[MICRO])]), "bedrock")
    mine = statements(stack, "bedrock-summaries")
    assert mine["CallProfiles"]["resources"] == ["${aws_bedrock_inference_profile.bedrock-micro.arn}"]
    assert not any(SONNET.id in arn for arn in mine["CallModels"]["resources"])


def test_calls_without_the_guardrail_are_refused(compiled: Compiled) -> None:
    mine = statements(compiled(bedrock_plan(access=[FUNCTION]), "bedrock"), "bedrock-summaries")
    (condition,) = mine["CallProfiles"]["condition"]
    # Callers that still name an earlier version go on when the guardrail changes.
    assert condition == {
        "test": "StringLike",
        "variable": "bedrock:GuardrailIdentifier",
        "values": ["${aws_bedrock_guardrail.guardrail.guardrail_arn}:*"],
    }
    without = compiled(bedrock_plan(access=[FUNCTION], guardrail=None), "bedrock")
    assert "condition" not in statements(without, "bedrock-summaries")["CallProfiles"]
    assert "aws_bedrock_guardrail" not in without["resource"]


def test_every_change_of_the_guardrail_is_a_new_version(compiled: Compiled) -> None:
    topic = Topic(name="Investment advice", definition="Which securities to buy: ${not} a Terraform expression.")
    stack = compiled(bedrock_plan(guardrail=Guardrail(blocked_topics=[topic])), "bedrock")
    version = only(stack, "aws_bedrock_guardrail_version")
    assert version["lifecycle"] == {"replace_triggered_by": ["aws_bedrock_guardrail.guardrail"]}
    assert version["skip_destroy"] is True
    guardrail = only(stack, "aws_bedrock_guardrail")
    assert "$${not}" in guardrail["topic_policy_config"][0]["topics_config"][0]["definition"]
    filters = {item["type"]: item for item in guardrail["content_policy_config"][0]["filters_config"]}
    assert filters["PROMPT_ATTACK"]["output_strength"] == "NONE"
    assert filters["HATE"]["output_strength"] == "HIGH"


def test_the_accounts_logging_is_left_alone_unless_asked_for(compiled: Compiled) -> None:
    kind = "aws_bedrock_model_invocation_logging_configuration"
    assert kind not in compiled(bedrock_plan(), "bedrock")["resource"]
    assert only(compiled(bedrock_plan(logging=InvocationLogging(days=90)), "bedrock"), kind)["logging_config"]


def test_profiles_copy_the_right_thing(compiled: Compiled) -> None:
    profiles = compiled(bedrock_plan(), "bedrock")["resource"]["aws_bedrock_inference_profile"]
    sources = {name: item["model_source"][0]["copy_from"] for name, item in profiles.items()}
    assert sources == {
        "bedrock-sonnet": f"arn:aws:bedrock:us-east-1:111122223333:inference-profile/us.{SONNET.id}",
        "bedrock-micro": f"arn:aws:bedrock:us-east-1::foundation-model/{MICRO.id}",
    }


def test_anywhere_in_the_world_is_an_arn_without_a_region(compiled: Compiled) -> None:
    anywhere = BedrockModel(name="sonnet", id=SONNET.id, routing="global")
    stack = compiled(bedrock_plan(models=[anywhere], access=[FUNCTION]), "bedrock")
    assert statements(stack, "bedrock-summaries")["CallModels"]["resources"] == [
        f"arn:aws:bedrock:::foundation-model/{SONNET.id}",
        f"arn:aws:bedrock:us-east-1::foundation-model/{SONNET.id}",
    ]


def test_committed_model_units_are_not_destroyed(compiled: Compiled) -> None:
    bought = ProvisionedThroughput(model=MICRO, units=2, commitment="1-month")
    planned = bedrock_plan(throughput=[bought], access=[FUNCTION])
    unit = only(compiled(planned, "bedrock"), "aws_bedrock_provisioned_model_throughput")
    assert (unit["model_units"], unit["commitment_duration"]) == (2, "OneMonth")
    # Units are sold by context length; the model's own id is refused.
    assert unit["model_arn"] == f"arn:aws:bedrock:us-east-1::foundation-model/{MICRO.id}:128k"
    assert unit["lifecycle"] == {"prevent_destroy": True}
    line = next(item for item in planned.costs if item.spec_path == "bedrock.throughput")
    assert line.usd_per_hour_max is None


@pytest.mark.parametrize("identity", ["pod-identity", "irsa"])
def test_a_service_account_gets_a_role(compiled: Compiled, identity: Any) -> None:
    access = [PodAccess(namespace="assistant", service_account="web")]
    planned = plan(bedrock=Bedrock(models=[SONNET], access=access), cluster=Cluster(identity=identity), storage=[])
    stack = compiled(planned, "bedrock")
    associated = "aws_eks_pod_identity_association" in stack["resource"]
    assert associated == (identity == "pod-identity")
    assert "assistant_web_role_arn" in stack["output"]


def test_the_catalog_names_regions_that_exist() -> None:
    for name in bedrock.names():
        facts = bedrock.model(name)
        assert facts is not None
        assert facts.regions or facts.profiles
        for profile in facts.profiles:
            for source, targets in profile.destinations.items():
                assert regions.zones(source), source
                assert all(item == ANYWHERE or regions.zones(item) for item in targets)
                assert targets == (ANYWHERE,) or source in targets
    assert set(read_data("bedrock.json")["sources"]) == {
        row["source"] for row in read_data("bedrock.json")["models"].values()
    }


@given(st.text(max_size=40))
def test_any_text_is_answered(text: str) -> None:
    assert bedrock.model(text) is None or text in bedrock.names()
    assert set(bedrock.suggest(text)) <= set(bedrock.names())
