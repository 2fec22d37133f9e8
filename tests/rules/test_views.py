"""What rules see of Terraform JSON and Kubernetes objects, and where findings point."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llminfra.diagnostics import Severity, UsageError
from llminfra.loading.wording.origins import object_at, origin_of
from llminfra.rules import Hit, run_kubernetes, run_plan, run_terraform
from llminfra.rules.rule import rule
from llminfra.rules.views.helm_values import release_values
from llminfra.rules.views.kubernetes_view import KubernetesObject, KubernetesObjects, selects
from llminfra.rules.views.terraform_view import Stacks, read_stack, read_synth_dir, references, walk_strings
from tests.rules.platforms import prod, prod_plan

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=25,
)


def stack(**resources: object) -> Stacks:
    return Stacks((read_stack("s", "stacks/s/cdk.tf.json", {"resource": resources}),))


def test_a_nested_block_reads_alike_as_object_and_as_array() -> None:
    one, many = stack(aws_x={"a": {"b": {"c": 1}}}), stack(aws_x={"a": {"b": [{"c": 1}]}})
    for view in (one, many):
        assert [item.get("c") for item in view.resources("aws_x")[0].blocks("b")] == [1]


def test_a_block_without_spec_path_takes_the_one_of_the_construct_above() -> None:
    view = stack(
        aws_x={
            "a": {"//": {"metadata": {"path": "s/pool/template"}, "llminfra": {"spec_path": "pools.h100"}}},
            "b": {"//": {"metadata": {"path": "s/pool/group/rule"}}},
            "c": {"//": {"metadata": {"path": "s/other"}}},
        }
    )
    assert {item.name: item.spec_path for item in view.resources()} == {"a": "pools.h100", "b": "pools.h100", "c": ""}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("${aws_vpc.main.id}", ("aws_vpc.main",)),
        ("${data.aws_iam_policy_document.x-y.json}", ("data.aws_iam_policy_document.x-y",)),
        ("${jsonencode([aws_a.b.id, aws_c.d.id])}", ("aws_a.b", "aws_c.d")),
        ("aws_vpc.main.id", ()),
        ("${var.region}", ()),
        ("$${aws_vpc.main.id}", ("aws_vpc.main",)),
    ],
)
def test_references(text: str, found: tuple[str, ...]) -> None:
    assert references(text) == found


@given(JSON)
def test_walking_never_fails_and_skips_notes(value: object) -> None:
    assert all(isinstance(path, str) and isinstance(text, str) for path, text in walk_strings(value))
    assert list(walk_strings({"//": {"metadata": "x"}})) == []


@given(st.dictionaries(st.text(max_size=8), JSON, max_size=3))
def test_any_document_can_be_viewed_and_checked(document: dict[str, object]) -> None:
    view = Stacks((read_stack("s", "s.json", {"resource": {"aws_s3_bucket": document}, "data": document}),))
    for finding in run_terraform(view):
        assert finding.diagnostic.message


@given(JSON)
def test_any_manifest_can_be_checked(body: object) -> None:
    manifest = {"kind": "Deployment", "metadata": body, "spec": {"template": body}}
    objects = KubernetesObjects(
        (KubernetesObject(body=manifest), KubernetesObject(body={"kind": "NodePool", "spec": body}))
    )
    assert not [item for item in run_kubernetes(objects) if item.diagnostic.code == "LLM_RULE_1"]


@pytest.mark.parametrize("name", ["missing", "broken", "listed"])
def test_a_folder_that_is_not_synthesized_is_a_usage_error(tmp_path: Path, name: str) -> None:
    if name == "broken":
        (tmp_path / "manifest.json").write_text("{", encoding="utf-8")
    if name == "listed":
        manifest = {"stacks": {"s": {"synthesizedStackPath": "stacks/s/cdk.tf.json"}}}
        (tmp_path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(UsageError):
        read_synth_dir(tmp_path)


def test_values_merge_as_helm_merges_and_lose_terraforms_escapes() -> None:
    view = stack(helm_release={"r": {"values": ['{"a": {"b": 1, "c": "$${x}"}}', "a:\n  b: 2\n"]}})
    assert release_values(view.resources("helm_release")[0]) == {"a": {"b": 2, "c": "${x}"}}


@pytest.mark.parametrize(
    ("selector", "chosen"),
    [
        ({}, True),
        (None, True),
        ({"matchLabels": {"app": "chat"}}, True),
        ({"matchLabels": {"app": "other"}}, False),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["chat"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["chat"]}]}, False),
        ({"matchExpressions": [{"key": "gone", "operator": "Exists"}]}, False),
        ({"matchExpressions": [{"key": "gone", "operator": "DoesNotExist"}]}, True),
    ],
)
def test_selectors(selector: object, chosen: bool) -> None:
    assert selects(selector, {"app": "chat"}) is chosen


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("pools.h100", 'name="h100"'),
        ("pools.h100.capacity", "CapacityBlock("),
        ("storage.acme-llm-weights", "ModelBucket("),
        ("endpoints.chat.engine.max_model_len", "VLLM(max_model_len=32_768"),
        ("network.cidr", "Network("),
        ("platforms.acme-prod", "Platform("),
        ("nothing.of.the.kind", "Platform("),
    ],
)
def test_origins_are_lines_of_the_spec(path: str, text: str) -> None:
    file, line = origin_of(prod(), path) or ("", 0)
    lines = Path(file).read_text(encoding="utf-8").splitlines()
    assert any(text in each for each in lines[line - 1 : line + 1])


def test_objects_at_a_path() -> None:
    assert object_at(prod(), "pools.h100") is prod().pools[0]
    assert object_at(prod(), "") is prod()
    assert object_at(prod(), "pools.nothing") is None
    assert object_at(prod(), "pools.h100.name") is None


def test_a_rule_that_fails_is_a_finding_and_hides_no_other() -> None:
    @rule(code="ACME_BAD_1", title="t", severity="error", looks_at="plan", why="w", fix="f")
    def bad(_plan: object) -> list[Hit]:
        raise KeyError("oops")

    @rule(code="ACME_GOOD_1", title="t", severity="info", looks_at="plan", why="w", fix="f")
    def good(_plan: object) -> list[Hit]:
        return [Hit(message="seen", path="pools.h100")]

    found = run_plan(prod_plan(), [bad, good])
    assert [item.code for item in found] == ["LLM_RULE_1", "ACME_GOOD_1"]
    assert "ACME_BAD_1" in found[0].message
    assert found[0].severity is Severity.ERROR
    assert found[1].fix == "f"
