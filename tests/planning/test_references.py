import pytest

from llminfra import VLLM, Disaggregation, Ec2, Endpoint, GpuPool, Lustre, Model, ModelBucket, Platform, SpecError
from llminfra.planning import plan_platform
from llminfra.planning.findings import Findings
from llminfra.planning.references import check_references

POOL = GpuPool(name="l4", instance_types=["g6.xlarge"])
MODEL = Model(id="Qwen/Qwen3-8B")


def test_an_object_that_stands_twice_is_one_finding_and_no_crash_later() -> None:
    pool = GpuPool(name="l4", instance_types=["g6.xlarge"])
    bucket = ModelBucket(name="acme-llm-weights")
    twice = Platform(name="p", region="us-east-1", pools=[pool, pool], storage=[bucket, bucket])
    assert codes(twice) == [("LLM_SPEC_4", "pools.l4"), ("LLM_SPEC_4", "storage.acme-llm-weights")]


def codes(platform: Platform) -> list[tuple[str, str]]:
    findings = Findings()
    check_references(platform, findings)
    return [(item.code, item.path) for item in findings.items]


def test_endpoint_on_a_pool_of_another_platform() -> None:
    platform = Platform(name="p", region="us-east-1", pools=[POOL])
    platform.add(
        Endpoint(name="chat", model=MODEL, engine=VLLM(), on=GpuPool(name="other", instance_types=["g6.xlarge"]))
    )
    assert codes(platform) == [("LLM_REF_1", "endpoints.chat.on")]


def test_duplicate_names_are_reported_once_per_copy() -> None:
    twin = GpuPool(name="l4", instance_types=["g6.2xlarge"])
    endpoints = [Endpoint(name="a", model=MODEL, engine=VLLM(), on=POOL) for _ in range(3)]
    platform = Platform(name="p", region="us-east-1", pools=[POOL, twin], endpoints=endpoints)
    found = codes(platform)
    assert found.count(("LLM_SPEC_4", "pools.l4")) == 1
    assert ("LLM_SPEC_4", "endpoints.a") in found


def test_an_endpoint_that_was_added_twice_needs_no_room_twice() -> None:
    pool = GpuPool(name="l4", instance_types=["g6.2xlarge"], nodes=(0, 1))
    chat = Endpoint(name="chat", model=MODEL, engine=VLLM(max_model_len=8192), on=pool)
    platform = Platform(name="p", region="us-east-1", pools=[pool])
    platform.add(chat, chat)
    with pytest.raises(SpecError) as caught:
        plan_platform(platform)
    assert {item.code for item in caught.value.diagnostics} == {"LLM_SPEC_4"}, "no LLM_FIT_10 for the second"


def test_storage_outside_the_platform() -> None:
    bucket = ModelBucket(name="acme-weights")
    lustre = Lustre(name="w", source=bucket)
    endpoint = Endpoint(name="a", model=MODEL, engine=VLLM(), on=POOL, weights=bucket)
    platform = Platform(name="p", region="us-east-1", pools=[POOL], storage=[lustre], endpoints=[endpoint])
    assert codes(platform) == [("LLM_REF_2", "endpoints.a.weights"), ("LLM_REF_2", "storage.w.source")]


def test_a_sound_platform_has_no_findings() -> None:
    bucket = ModelBucket(name="acme-weights")
    platform = Platform(name="p", region="us-east-1", pools=[POOL], storage=[bucket])
    platform.add(Endpoint(name="a", model=MODEL, engine=VLLM(), on=POOL, weights=bucket))
    assert codes(platform) == []


def test_one_name_is_made_once_in_a_zone() -> None:
    """Where users make the name themselves they may share it between two load balancers."""
    on = Ec2(
        instance_type="g6e.xlarge",
        domain_name="chat.example.com",
        certificate_arn="arn:aws:acm:us-east-1:111122223333:certificate/0f1e2d3c",
        hosted_zone_id="Z0123456789",
    )
    blue, green = (Endpoint(name=name, model=MODEL, engine=VLLM(), on=on) for name in ("blue", "green"))
    twice = Platform(name="p", region="us-east-1", endpoints=[blue, green])
    assert codes(twice) == [("LLM_SPEC_4", "endpoints.green.on.domain_name")]
    own = on.model_copy(update={"hosted_zone_id": None})
    shared = [item.model_copy(update={"on": own}) for item in (blue, green)]
    assert codes(Platform(name="p", region="us-east-1", endpoints=shared)) == []


def test_a_role_has_its_name_to_itself() -> None:
    chat = Endpoint(name="chat", model=MODEL, engine=VLLM(), on=POOL, disaggregation=Disaggregation())
    other = Endpoint(name="chat-decode", model=MODEL, engine=VLLM(), on=POOL)
    assert codes(Platform(name="p", region="us-east-1", pools=[POOL], endpoints=[chat, other])) == [
        ("LLM_SPEC_4", "endpoints.chat-decode")
    ]
