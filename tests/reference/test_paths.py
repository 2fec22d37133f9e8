"""Paths as findings print them lead to the fields of the declared types."""

import datetime as dt

import pytest

from llminfra import VLLM, Endpoint, GpuPool, Model, ModelBucket, Platform, Waiver
from llminfra.diagnostics import UsageError
from llminfra.reference.paths import known_paths, near_paths, places


@pytest.fixture
def platform() -> Platform:
    pool = GpuPool(name="h100", instance_types=["p5.48xlarge"], nodes=(0, 2))
    bucket = ModelBucket(name="acme.weights.v2")
    chat = Endpoint(name="chat", model=Model(id="Qwen/Qwen3-32B"), engine=VLLM(max_model_len=4096), on=pool)
    return Platform(name="acme", region="us-east-1", pools=[pool], storage=[bucket], endpoints=[chat])


def _names(path: str, platform: Platform | None = None) -> list[str]:
    return [f"{place.cls.__name__}.{place.field}" for place in places(path, platform)]


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("region", ["Platform.region"]),
        ("network.zones[1]", ["Network.zones", "ExistingNetwork.zones"][:1]),
        ("pools.h100.nodes", ["GpuPool.nodes"]),
        ("pools.h100.nodes[1]", ["GpuPool.nodes"]),
        ("pools[0].nodes", ["GpuPool.nodes"]),
        ("storage.acme.weights.v2.prefix", ["ModelBucket.prefix"]),
        ("models.llama.quantization", ["Model.quantization"]),
        ("endpoints.chat.engine.kind", ["Endpoint.engine"]),
        ("endpoints.chat.replicas.min", ["Autoscaling.min"]),
        ("tags.owner", ["Platform.tags"]),
        ("bedrock.models.opus.id", ["BedrockModel.id"]),
        ("endpoints.chat.on.zones", ["GpuPool.zones", "Ec2.zones", "SageMaker.zones", "SageMakerAsync.zones"]),
        ("platforms.acme.pools.h100.efa", ["GpuPool.efa"]),
    ],
)
def test_a_path_leads_to_the_fields_that_the_types_allow(path: str, fields: list[str]) -> None:
    assert _names(path) == fields


def test_a_platform_says_which_of_several_types_it_is(platform: Platform) -> None:
    (place,) = places("endpoints.chat.engine.max_model_len", platform)
    assert (place.cls, place.value) == (VLLM, 4096)
    (bucket,) = places("storage.acme.weights.v2.prefix", platform)
    assert (bucket.cls, bucket.value) == (ModelBucket, "models")


def test_an_entry_is_told_as_such(platform: Platform) -> None:
    (place,) = places("pools.h100", platform)
    assert place.entry == (GpuPool,)
    assert place.value is platform.pools[0]
    assert places("endpoints[0]", platform)[0].value is platform.workloads[0]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("endpoints.chat.engine.max_len", "has no field 'max_len'; did you mean endpoints.chat.engine.max_model_len?"),
        ("endpoints.chat.engin.max_model_len", "did you mean endpoints.chat.engine.max_model_len?"),
        ("poools.h100.nodes", "Platform has no field 'poools'; did you mean pools.h100.nodes?"),
        ("pools.h100.nodes.most", "entries of `nodes` have no names, and 'most' is no place in it"),
        ("region.zone", "`region` of Platform is a plain value, and has no 'zone'"),
    ],
)
def test_a_wrong_path_names_the_nearest(path: str, told: str) -> None:
    with pytest.raises(UsageError, match=r".") as error:
        places(path)
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("pools.h200.nodes", "nothing in `pools` is called 'h200'; did you mean pools.h100.nodes?"),
        ("endpoints.chatt.on", "did you mean endpoints.chat.on?"),
        ("endpoints.chat.slo.prompt_tokens", "`slo` is None there, and has no 'prompt_tokens'"),
        ("gateways.main.exposure", "nothing in `gateways` is called 'main'"),
        ("platforms.acne.region", "the platform is called 'acme', and not 'acne'; did you mean platforms.acme.region?"),
    ],
)
def test_a_wrong_path_of_a_platform_names_what_is_there(path: str, told: str, platform: Platform) -> None:
    with pytest.raises(UsageError, match=r".") as error:
        places(path, platform)
    assert told in str(error.value)


def test_the_end_of_a_path_is_enough_to_find_it() -> None:
    assert near_paths("max_model_len")[0] == "endpoints.NAME.engine.max_model_len"
    assert near_paths("chat.engine.max_model_len")[0] == "endpoints.chat.engine.max_model_len"
    assert near_paths("lustr") == []


def test_every_known_path_leads_somewhere(platform: Platform) -> None:
    known = known_paths()
    assert len(known) > 300
    for path in known:
        assert places(path)
    waiver = Waiver(rule="LLM_X_1", reason="because the test says so", owner="me", expires=dt.date(2099, 1, 1))
    declared = platform.model_copy(update={"waivers": (waiver,)})
    own = known_paths(declared)
    assert {"pools.h100.nodes", "waivers.LLM_X_1.reason", "storage.acme.weights.v2.prefix"} <= set(own)
    for path in own:
        assert places(path, declared)
