from llminfra import VLLM, Endpoint, GpuPool, Lustre, Model, ModelBucket, Platform
from llminfra.planning.findings import Findings
from llminfra.planning.references import check_references

POOL = GpuPool(name="l4", instance_types=["g6.xlarge"])
MODEL = Model(id="Qwen/Qwen3-8B")


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
