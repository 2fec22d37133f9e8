"""Names, retention, user data, node-template tags, values: no CDKTF needed."""

import base64
import doctest
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llminfra.charts.llm_server import SecretEnv
from llminfra.charts.values import ChartValues
from llminfra.constructs.basis import log_group, names
from llminfra.constructs.basis.log_group import RETENTION_DAYS, retention
from llminfra.constructs.basis.names import identifier, literal, partition
from llminfra.constructs.basis.scope import Scope
from llminfra.constructs.cluster.autoscaler_tags import node_template_tags
from llminfra.constructs.cluster.helm_release import chart_digest, dump_values
from llminfra.constructs.machines.user_data import encoded, mime_user_data, node_config
from llminfra.planning.network.mirror import ImageNames
from llminfra.planning.plan.infrastructure import Taint
from llminfra.planning.plan.made_names import bounded


class _Values(ChartValues):
    text: str = ""
    mapping: dict[str, str] = {}


@given(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=90), st.integers(12, 64))
def test_bounded_names_fit_and_short_ones_stay(name, limit):
    short = bounded(name, limit)
    assert len(short) <= limit
    assert (short == name) == (len(name) <= limit)


def test_long_names_that_differ_at_the_end_stay_different():
    assert bounded("x" * 70 + "a", 64) != bounded("x" * 70 + "b", 64)


@pytest.mark.parametrize(
    ("region", "expected"), [("us-east-1", "aws"), ("us-gov-west-1", "aws-us-gov"), ("cn-north-1", "aws-cn")]
)
def test_partition(region, expected):
    assert partition(region) == expected


@given(st.from_regex(r"[a-z]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True))
def test_names_of_declared_objects_are_identifiers_as_they_are(name):
    assert identifier(name) == name


@given(st.text())
def test_escaped_text_has_no_live_template(text):
    live = re.compile(r"(?<![$%])(?:\$\$|%%)*[$%]\{")
    assert not live.search(literal(text).replace("$${", "").replace("%%{", ""))
    assert literal(text).replace("$${", "${").replace("%%{", "%{") == text or "$${" in text or "%%{" in text


@given(st.integers(1, 3653))
def test_retention_is_the_next_that_cloudwatch_knows(days):
    kept = retention(days)
    assert kept in RETENTION_DAYS
    assert kept >= days
    assert not [item for item in RETENTION_DAYS if days <= item < kept]


def test_no_node_config_where_there_is_nothing_to_say():
    assert node_config() is None


def test_mime_parts_are_closed():
    text = base64.b64decode(encoded(mime_user_data(node_config(raid0=True) or ""))).decode()
    assert text.rstrip().endswith("--llminfra-node-config--")
    assert text.count("--llminfra-node-config") == 2


def test_node_template_tags():
    tags = node_template_tags(
        {"a/b": "c"}, [Taint(key="k", value="v", effect="NoExecute")], {"ephemeral-storage": "100Gi"}
    )
    prefix = "k8s.io/cluster-autoscaler/node-template"
    assert tags == {
        f"{prefix}/label/a/b": "c",
        f"{prefix}/taint/k": "v:NoExecute",
        f"{prefix}/resources/ephemeral-storage": "100Gi",
    }


def _scope(made=None):
    images = ImageNames(region="us-east-1")
    return Scope(
        stack=None, platform="p", region="us-east-1", account_id="1", tags={}, images=images, spec_paths=made or {}
    )


def test_outputs_of_other_stacks_stay_live_in_values_and_all_else_is_escaped():
    live = "${data.terraform_remote_state.storage.outputs.bucket_acme-weights_arn}"
    token = "${TfToken[TOKEN.12]}"
    values = _Values(text=f"{live}/${{x}}", mapping={"${key}": token, "grafana": "${datasource}"})
    text = dump_values(values.to_values(), _scope())
    assert json.loads(text) == {
        "text": f"{live}/$${{x}}",
        "mapping": {"$${key}": token, "grafana": "$${datasource}"},
    }


def test_attributes_of_the_stack_stay_live_and_those_of_nothing_are_text():
    values = _Values(text="${aws_iam_role.mine.arn} ${aws_iam_role.other.arn} ${data.aws_iam_role.mine.arn}")
    text = dump_values(values.to_values(), _scope({"resource": {"aws_iam_role": {"mine": {}}}}))
    assert (
        json.loads(text)["text"] == "${aws_iam_role.mine.arn} $${aws_iam_role.other.arn} $${data.aws_iam_role.mine.arn}"
    )


def test_what_only_looks_like_an_output_is_text():
    values = _Values(text='${data.aws_secretsmanager_secret_version.x.secret_string} ${file("/etc/passwd")}')
    text = dump_values(values.to_values(), _scope())
    assert "$${data.aws_secretsmanager" in text
    assert "$${file(" in text


def test_absent_values_are_left_out():
    assert "optional" in dump_values(SecretEnv(name="A", secret_name="b", secret_key="c").to_values(), _scope())
    assert "null" not in dump_values(_Values().to_values(), _scope())


def test_a_charts_digest_follows_names_and_contents(tmp_path):
    (tmp_path / "templates").mkdir()
    file = tmp_path / "templates" / "a.yaml"
    file.write_text("a", encoding="utf-8")
    first = chart_digest(tmp_path)
    file.write_text("b", encoding="utf-8")
    second = chart_digest(tmp_path)
    file.rename(tmp_path / "templates" / "c.yaml")
    assert len({first, second, chart_digest(tmp_path)}) == 3


@pytest.mark.parametrize("module", [names, log_group])
def test_examples_in_docstrings_are_true(module):
    result = doctest.testmod(module)
    assert result.attempted
    assert not result.failed
