"""Resources that know their address tell their attributes; all others still ask the kernel."""

import subprocess
import sys
from types import ModuleType

import pytest

from llminfra.bindings.references import has_address, refer_locally

APP = """
import sys
from llminfra.bindings import aws, core
from llminfra.bindings.references import has_address
app = core.App(outdir=sys.argv[1])
stack = core.TerraformStack(app, "s")
aws.AwsProvider(stack, "aws", region="us-east-1")
vpc = aws.Vpc(stack, "main", cidr_block="10.0.0.0/16")
document = aws.DataAwsIamPolicyDocument(stack, "trust")
if sys.argv[2] == "told":
    has_address(vpc, "aws_vpc.main")
    has_address(document, "data.aws_iam_policy_document.trust")
    assert (vpc.id, vpc.arn) == ("${aws_vpc.main.id}", "${aws_vpc.main.arn}")
else:
    assert vpc.id.startswith("${TfToken[")
aws.Subnet(stack, "a", vpc_id=vpc.id, cidr_block="10.0.0.0/24", tags={"of": f"arn={vpc.arn}"})
aws.IamRole(stack, "r", assume_role_policy=document.json)
app.synth()
"""


def test_the_same_bytes_as_from_the_kernel(tmp_path):
    for name in ("told", "asked"):
        command = [sys.executable, "-c", APP, str(tmp_path / name), name]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    files = [(tmp_path / name / "stacks" / "s" / "cdk.tf.json").read_bytes() for name in ("told", "asked")]
    assert files[0] == files[1]


def _resource():
    class Resource:
        __jsii_type__ = "a.Resource"

        def __init__(self):
            self.set_to = None

        @property
        def arn(self) -> str:
            return "asked"

        @property
        def name(self) -> str:
            return "asked"

        @name.setter
        def name(self, value: str) -> None:
            self.set_to = value

        @property
        def id(self) -> int:
            return 7

        @property
        def other(self) -> str:
            return "asked"

    module = ModuleType("generated")
    vars(module)["Resource"] = Resource
    return module, Resource


def test_only_known_texts_of_known_addresses_are_told():
    module, kind = _resource()
    refer_locally(module)
    element = kind()
    assert element.arn == "asked"
    has_address(element, "aws_x.y")
    assert (element.arn, element.name) == ("${aws_x.y.arn}", "${aws_x.y.name}")
    assert (element.id, element.other) == (7, "asked")
    element.name = "new"
    assert element.set_to == "new"
    with pytest.raises(AttributeError):
        element.arn = "x"
