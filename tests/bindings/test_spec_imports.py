import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llminfra.bindings import submodules_imported_by


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from cdktf_cdktf_provider_aws.sqs_queue import SqsQueue", {"sqs_queue"}),
        ("from cdktf_cdktf_provider_aws import sqs_queue, sns_topic as topic", {"sqs_queue", "sns_topic"}),
        ("import cdktf_cdktf_provider_aws.sqs_queue", {"sqs_queue"}),
        ("import cdktf_cdktf_provider_aws.sqs_queue as q", {"sqs_queue"}),
        ("import cdktf_cdktf_provider_aws as p\nx = p.sqs_queue.SqsQueue", {"sqs_queue"}),
        ("import cdktf_cdktf_provider_aws\ncdktf_cdktf_provider_aws.sns_topic.SnsTopic", {"sns_topic"}),
        ("import cdktf_cdktf_provider_aws.a as p\np.B", {"a"}),
        ("def f():\n    if True:\n        from cdktf_cdktf_provider_aws.eip import Eip", {"eip"}),
        ("from cdktf_cdktf_provider_aws import *", set()),
        ("from cdktf_cdktf_provider_aws._jsii import x", set()),
        ("from cdktf_cdktf_provider_aws_more.eip import Eip", set()),
        ("from .cdktf_cdktf_provider_aws.eip import Eip", set()),
        ("from llminfra import Platform\nfrom llminfra.bindings import aws\naws.S3Bucket", set()),
        ("text = 'from cdktf_cdktf_provider_aws.eip import Eip'", set()),
        ("", set()),
    ],
)
def test_direct_imports_of_the_provider_are_found(source, found):
    assert submodules_imported_by(source) == found


def test_a_file_that_is_not_python_is_a_syntax_error():
    with pytest.raises(SyntaxError):
        submodules_imported_by("from from")


@given(st.lists(st.from_regex(r"[a-z][a-z0-9_]{0,12}", fullmatch=True), unique=True, max_size=5))
def test_every_imported_submodule_is_found_once(names):
    source = "\n".join(f"from cdktf_cdktf_provider_aws.{name}_x import A" for name in names)
    ast.parse(source)
    assert submodules_imported_by(source) == {f"{name}_x" for name in names}
