"""A release must have code for the model: what is pinned, what is declared, and an image of one's own."""

import datetime as dt
from typing import Any

import pytest

from llminfra import (
    VLLM,
    DeepSpeedMII,
    Endpoint,
    GpuPool,
    Image,
    Model,
    ModelBucket,
    OnDemand,
    Platform,
    SGLang,
    SpecError,
)
from llminfra.catalog.engines import engine_info, engine_release, known_versions
from llminfra.catalog.models import known_models, load_model
from llminfra.catalog.task_classes import missing_class, pinned_version
from llminfra.planning import plan_platform
from llminfra.planning.plan import Plan

DAY = dt.date(2026, 11, 23)
POOL = GpuPool(name="h200", instance_types=["p5en.48xlarge"], nodes=(0, 2), efa=True, capacity=OnDemand())
NEW, GONE, NEVER = "zai-org/GLM-5.3-Flash", "meta-llama/Llama-3.2-11B-Vision-Instruct", "upstage/Solar-Open-100B"


def plan(model: str, engine: Any) -> Plan:
    endpoint = Endpoint(name="chat", model=Model(id=model), engine=engine, on=POOL)
    storage = [ModelBucket(name="acme-weights")]
    return plan_platform(
        Platform(name="p", region="us-east-1", pools=[POOL], storage=storage, endpoints=[endpoint]), today=DAY
    )


@pytest.mark.parametrize(
    ("model", "engine", "version"),
    [
        (NEW, VLLM(max_model_len=8192), "0.30.0"),
        (NEW, SGLang(max_model_len=8192), "0.5.20"),
        (GONE, VLLM(max_model_len=8192), "0.10.2"),
        ("Qwen/Qwen3-8B", VLLM(max_model_len=8192), engine_info("vllm").default_version),
    ],
)
def test_without_a_version_the_nearest_with_code_is_taken(model: str, engine: Any, version: str) -> None:
    (item,) = plan(model, engine).endpoints
    assert item.engine_version == version
    pinned = engine_info(engine.kind).default_version
    assert (f"since {pinned} has no code for" in item.engine_why) is (version != pinned)


@pytest.mark.parametrize(
    ("model", "engine", "expected"),
    [
        (NEW, VLLM(max_model_len=8192, version="0.27.1"), "vllm 0.30.0 or later"),
        (GONE, VLLM(max_model_len=8192, version="0.27.1"), "vllm 0.10.2 or earlier"),
        ("Qwen/Qwen3-Next-80B-A3B-Instruct", VLLM(max_model_len=8192, version="0.9.2"), "vllm 0.10.2 or later"),
        (NEW, SGLang(max_model_len=8192, version="0.5.17"), "sglang 0.5.20 or later"),
    ],
)
def test_a_version_without_code_is_refused(model: str, engine: Any, expected: str) -> None:
    with pytest.raises(SpecError) as caught:
        plan(model, engine)
    (found,) = [item for item in caught.value.diagnostics if item.code == "LLM_FIT_56"]
    assert (found.path, found.expected) == ("endpoints.chat.engine.version", expected)
    assert "are not supported for now" in (found.runtime_message or "")


def test_what_no_release_has_is_warned_about_and_so_are_own_images() -> None:
    (unknown,) = [item for item in plan(NEVER, VLLM(max_model_len=8192)).diagnostics if item.code == "LLM_FIT_57"]
    assert "Transformers" in unknown.fix
    own = VLLM(max_model_len=8192, image=Image(repository="acme/vllm", tag="v1"), version="0.27.1")
    (brought,) = [item for item in plan(NEW, own).diagnostics if item.code == "LLM_FIT_57"]
    assert "the image may" in brought.message


def test_deepspeed_has_a_short_list() -> None:
    image = Image(repository="acme/mii", tag="v1")
    (found,) = [
        item
        for item in plan("Qwen/Qwen3-8B", DeepSpeedMII(max_model_len=8192, image=image)).diagnostics
        if item.code == "LLM_FIT_57"
    ]
    assert found.runtime_message == "ValueError: Unsupported model type qwen3"
    served = plan("Qwen/Qwen2.5-7B-Instruct", DeepSpeedMII(max_model_len=8192, image=image))
    assert "LLM_FIT_57" not in {item.code for item in served.diagnostics}


@pytest.mark.parametrize("engine", ["vllm", "sglang"])
def test_what_is_missed_is_had_by_the_release_that_is_named(engine: Any) -> None:
    """For every model of the catalog and every release: the named one has the class, and none is nearer."""
    versions = known_versions(engine)
    kinds = {(facts.architecture, facts.task) for name in known_models() if (facts := load_model(name)) is not None}
    for architecture, task in sorted(kinds):
        lacking = []
        for version in versions:
            release = engine_release(engine, version)
            assert release is not None
            missing = missing_class(release, architecture, task)
            lacking.append(missing is not None)
            named = missing and (missing.since or missing.until)
            if missing and named:
                other = engine_release(engine, named)
                assert other is not None
                assert missing_class(other, architecture, task) is None
                later = versions.index(named) > versions.index(version)
                assert ("later" if later else "earlier") in missing.elsewhere
        chosen = versions.index(pinned_version(engine, architecture, task))
        assert all(lacking) or not lacking[chosen], (architecture, task)
