"""Declared types refuse what they do not know, collect all errors, and never show a credential."""

import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from llminfra import (
    VLLM,
    Autoscaling,
    Cluster,
    Endpoint,
    GpuPool,
    Model,
    ModelBucket,
    Network,
    Platform,
    Secret,
    SpecError,
    Waiver,
)
from llminfra.spec.base.spec import Spec, collecting, watching
from llminfra.spec.errors.shape_errors import looks_like_credential
from tests.spec.types import EVERY_TYPE

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("cls", EVERY_TYPE, ids=lambda cls: cls.__name__)
def test_an_unknown_field_is_an_error_with_a_code(cls: type[Spec]) -> None:
    with collecting() as found:
        cls(no_such_field=1)
    assert "LLM_SPEC_2" in {item.code for item in found}
    assert any(item.path.endswith("no_such_field") for item in found)


@pytest.mark.parametrize("cls", EVERY_TYPE, ids=lambda cls: cls.__name__)
def test_every_field_has_a_type_that_yaml_can_hold(cls: type[Spec]) -> None:
    schema = cls.model_json_schema()
    assert schema["additionalProperties"] is False
    assert set(schema.get("properties", {})) == set(cls.model_fields)


@pytest.mark.parametrize("cls", EVERY_TYPE, ids=lambda cls: cls.__name__)
@given(data=st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.differing_executors])
def test_any_values_give_an_object_and_findings_never_another_exception(cls: type[Spec], data: st.DataObject) -> None:
    names = st.sampled_from([*cls.model_fields, "nonsense"])
    values = data.draw(st.dictionaries(names, ANYTHING, max_size=5))
    with collecting() as found:
        item = cls(**values)
    assert not item.broken or [each for each in found if each.code != "LLM_SEC_1"]
    for each in found:
        assert each.code.startswith("LLM_S")
        assert each.path
        assert each.message
        assert each.fix
    if not found:
        assert cls.model_validate(item.model_dump()) == item
    elif any(each.severity == "error" for each in found):
        with pytest.raises(SpecError) as raised:
            cls(**values)
        assert {each.code for each in raised.value.diagnostics} == {each.code for each in found}


TOKENS = st.from_regex(r"\A(hf_[A-Za-z0-9]{20}|sk-[A-Za-z0-9]{20}|AKIA[0-9A-Z]{16}|ghp_[A-Za-z0-9]{20})\Z")


@given(token=TOKENS)
@settings(max_examples=30, deadline=None)
def test_a_credential_is_refused_everywhere_and_shown_nowhere(token: str) -> None:
    assert looks_like_credential(token)
    with collecting() as found:
        Model(id="Qwen/Qwen3-8B", token=token)
        Secret(name=token)
        Endpoint(name=token, model=token, engine=token, on=token, api_key=token)
        Cluster(version=token)
        Network(cidr=token)
        Waiver(rule=token, reason="long enough a reason for this", owner="me", expires=token)
    assert {item.code for item in found} >= {"LLM_SEC_1"}
    assert not any(token in str(item) for item in found)


def test_what_is_declared_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        GpuPool(name="a", instance_types=["g6.xlarge"]).name = "b"


def test_equal_declarations_are_equal_wherever_they_stand() -> None:
    first = Secret(name="x")
    second = Secret(name="x")
    assert first == second
    assert hash(first) == hash(second)
    assert first.origin != second.origin
    assert first != ModelBucket(name="xxx")


def test_endpoints_count_however_they_came_to_the_platform() -> None:
    pool = GpuPool(name="a", instance_types=["g6.xlarge"])
    chat = Endpoint(name="chat", model=Model(id="Qwen/Qwen3-8B"), engine=VLLM(), on=pool)
    declared = Platform(name="p", region="us-east-1", pools=[pool], endpoints=[chat])
    added = Platform(name="p", region="us-east-1", pools=[pool])
    assert added != declared
    added.add(chat)
    assert added == declared


def test_objects_know_the_line_that_declared_them() -> None:
    item = Autoscaling(max=3)
    assert item.origin is not None
    assert item.origin[0] == __file__
    assert Autoscaling(max=3).origin == (__file__, item.origin[1] + 3)


def test_watching_sees_every_object_even_broken_ones() -> None:
    with collecting(), watching() as built:
        Autoscaling(max=3)
        Autoscaling(min=4, max=3)
    assert [item.broken for item in built if isinstance(item, Autoscaling)] == [False, True]


def test_a_broken_part_is_reported_once() -> None:
    with collecting() as found:
        pool = GpuPool(name="a", instance_types=["g6.xlarge"], nodes=(3, 1))
        Platform(name="p", region="us-east-1", pools=[pool])
    assert [(item.code, item.path) for item in found] == [("LLM_SPEC_1", "pools.a")]


def test_a_bad_item_of_a_list_leaves_the_others() -> None:
    pool = GpuPool(name="a", instance_types=["g6.xlarge"])
    with collecting() as found:
        platform = Platform(name="p", region="us-east-1", pools=[pool, "l40s"])
    assert [item.path for item in found] == ["platforms.p.pools[1]"]
    assert platform.pools == (pool,)


def test_a_type_knows_of_others_no_more_than_their_names_and_kinds() -> None:
    """With their whole schemas a platform compiled everything that can be declared, a quarter of the time of a plan."""
    Platform(name="p", region="us-east-1")
    schema = str(Platform.__pydantic_core_schema__)
    assert [name in schema for name in ("budget_usd_per_month", "image_snapshot")] == [True, False]


def test_a_part_in_a_field_is_dumped_whole() -> None:
    model = Model(id="Qwen/Qwen3-8B", revision="0" * 40)
    pool = GpuPool(name="l40s", instance_types=["g6e.12xlarge"])
    endpoint = Endpoint(name="chat", model=model, engine=VLLM(), on=pool)
    assert endpoint.model_dump()["model"]["revision"] == "0" * 40


def test_a_dictionary_in_place_of_an_object_is_reported_like_the_object() -> None:
    with collecting() as found:
        Platform(name="p", region="us-east-1", pools=[{"name": "b", "nope": 1}, 7])
    assert {(item.code, item.path, item.expected) for item in found} == {
        ("LLM_SPEC_2", "pools.b.nope", ", ".join(sorted(GpuPool.model_fields))),
        ("LLM_SPEC_3", "pools.b.instance_types", "EC2 instance types with the same GPUs; exactly one when efa is set"),
        ("LLM_SPEC_1", "platforms.p.pools[1]", "GpuPool(…)"),
    }


@pytest.mark.parametrize("cls", EVERY_TYPE, ids=lambda cls: cls.__name__)
def test_patterns_are_ascii(cls: type[Spec]) -> None:
    """In Unicode ``\\d`` takes what AWS refuses, and a repeated ``\\w`` takes 70 ms to compile, each time."""
    patterns = re.findall(r'"pattern": "((?:[^"\\\\]|\\\\.)*)"', json.dumps(cls.model_json_schema()))
    assert [pattern for pattern in patterns if "\\\\d" in pattern or "\\\\w" in pattern] == []


@pytest.mark.parametrize(("name", "slug"), [("gpt2", "gpt2"), ("Qwen/Qwen3-8B", "qwen3-8b"), ("a/B.c_D", "b-c-d")])
def test_ids_of_the_hub_may_lack_an_organization(name: str, slug: str) -> None:
    assert Model(id=name).slug == slug


@pytest.mark.parametrize("name", ["", "x/", "a//b", "a/b/c", "-x", "a b"])
def test_what_is_no_id_of_the_hub_is_refused(name: str) -> None:
    with pytest.raises(SpecError, match="id does not have the right form"):
        Model(id=name)
