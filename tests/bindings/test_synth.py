import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llminfra.bindings.synth import assert_clean

TRAP = """
import sys
from pathlib import Path
from llminfra.bindings import aws, core
from llminfra.bindings.synth import UncleanStackError, open_app, synthesize
app = open_app(Path(sys.argv[1]) / "deep" / "folder")
stack = core.TerraformStack(app, "trap")
core.LocalBackend(stack, path="x.tfstate")
aws.AwsProvider(stack, "aws", region="eu-west-1")
template = aws.LaunchTemplate(stack, "lt", network_interfaces=[{"network_card_index": 1}])
core.TerraformOutput(stack, "name", value=template.name.upper())
try:
    synthesize(app)
except UncleanStackError as error:
    print("\\n".join(error.problems))
"""


def body(**attributes):
    return {"resource": {"aws_thing": {"x": attributes}}}


def test_a_clean_stack_has_no_problems():
    stack = {
        "//": {"metadata": {}},
        "data": {"aws_caller_identity": {"current": {}}},
        "provider": {"helm": [{}]},
        "resource": {"aws_thing": {"x": {"//": {}, "tags": {}, "rule": [{"filter": {}, "name": "${var.x}"}]}}},
        "output": {"empty": {"value": {}}},
    }
    assert assert_clean(stack) == []


@pytest.mark.parametrize(
    ("attributes", "path"),
    [
        ({"network_interfaces": [{}]}, "network_interfaces[0]"),
        ({"rule": [{"a": 1}, {"to": {}}]}, "rule[1].to"),
        ({"vpc_config": {}}, "vpc_config"),
        ({"matrix": [[{}]]}, "matrix[0][0]"),
    ],
)
def test_an_empty_block_is_named_by_its_path(attributes, path):
    (problem,) = assert_clean(body(**attributes))
    assert problem.startswith(f"resource.aws_thing.x.{path}: an empty block")


@pytest.mark.parametrize(
    "token",
    [
        "${TfToken[TOKEN.1]}",
        "x-${TFTOKEN[TOKEN.7]}",
        "${TfToken[TO",
        "-1.8881545897087968e+298",
        -1.8881545897087968e298,
    ],
)
def test_an_unresolved_token_is_named_by_its_path(token):
    (problem,) = assert_clean(body(names=["fine", token]))
    assert problem == f"resource.aws_thing.x.names[1]: {str(token)!r} is an unresolved token"


def test_a_token_in_a_key_is_found():
    assert len(assert_clean(body(map={"${TfToken[TOKEN.1]}": "value"}))) == 1


def test_tokens_are_looked_for_outside_of_resources_too():
    assert len(assert_clean({"output": {"o": {"value": "${TfToken[TOKEN.1]}"}}})) == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(alphabet="ab{}$\n", max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("xyz", min_size=1, max_size=3), inner, max_size=3)
    ),
)


@given(JSON, st.booleans())
def test_any_json_is_judged_the_same_after_a_round_trip(value, hide_token):
    stack = body(attribute=value, other="${TfToken[TOKEN.0]}" if hide_token else "text")
    problems = assert_clean(stack)
    assert any("unresolved token" in problem for problem in problems) is hide_token
    assert assert_clean(json.loads(json.dumps(stack))) == problems


def test_both_traps_are_caught_when_a_real_app_is_written(run, tmp_path):
    result = run("-c", TRAP, tmp_path)
    assert result.stdout.splitlines() == [
        "trap: output.name.value: '${TFTOKEN[TOKEN.0]}' is an unresolved token",
        (
            "trap: resource.aws_launch_template.lt.network_interfaces[0]: an empty block; "
            "was a dict with snake_case keys passed instead of a struct class?"
        ),
    ], result.stderr
