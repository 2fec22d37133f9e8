"""Known answers are not waited for, and each is compared with what the kernel says in the end."""

import subprocess
import sys
from queue import SimpleQueue
from types import SimpleNamespace

import pytest
from jsii._kernel.types import CreateRequest, CreateResponse, InvokeRequest, InvokeResponse, ObjRef, Override

from llminfra.bindings.pipeline import Pipeline, UnexpectedAnswerError

APP = """
import contextlib, sys
from llminfra.bindings import aws, core
from llminfra.bindings.pipeline import pipelined
app = core.App(outdir=sys.argv[1])
with pipelined() if sys.argv[2] == "yes" else contextlib.nullcontext():
    stack = core.TerraformStack(app, "s")
    core.LocalBackend(stack, path="s.tfstate")
    aws.AwsProvider(stack, "aws", region="us-east-1")
    vpc = aws.Vpc(stack, "v", cidr_block="10.0.0.0/16")
    vpc.add_override("lifecycle", {"prevent_destroy": True})
    for index in range(40):
        subnet = aws.Subnet(stack, f"n{index}", vpc_id=vpc.id, cidr_block=f"10.0.{index}.0/24")
        subnet.override_logical_id(f"subnet_{index}")
    nodes = vpc.node.children  # makes objects in the kernel
    aws.Subnet(stack, "last", vpc_id=vpc.id, cidr_block="10.0.99.0/24", depends_on=[subnet])
app.synth()
"""

AFTER = """
import sys
from llminfra.bindings import aws, core
from llminfra.bindings.pipeline import pipelined
app = core.App(outdir=sys.argv[1])
stack = core.TerraformStack(app, "s")
aws.AwsProvider(stack, "aws", region="us-east-1")
for attempt in (1, 2):
    try:
        with pipelined():
            for name in "abc":
                aws.Vpc(stack, name, cidr_block="10.0.0.0/16")
            if attempt == 1:
                raise KeyError("a bug of the caller")
    except KeyError:
        pass
    except RuntimeError as error:
        print("already" in str(error), "'a'" in str(error))
vpc = aws.Vpc(stack, "d", cidr_block="10.0.0.0/16")
print(vpc.node.id)
app.synth()
"""

LATE = """
import sys
from llminfra.bindings import aws, core
from llminfra.bindings.pipeline import pipelined
app = core.App(outdir=sys.argv[1])
with pipelined():
    stack = core.TerraformStack(app, "s")
    vpc = aws.Vpc(stack, "v", cidr_block="10.0.0.0/16")
    aws.Vpc(stack, "v", cidr_block="10.0.0.0/16")
    aws.Vpc(stack, "other", cidr_block="10.0.0.0/16")
"""


def _run(code, *args):
    return subprocess.run([sys.executable, "-c", code, *args], check=False, capture_output=True, text=True)


def test_the_same_bytes_with_and_without(tmp_path):
    for name in ("yes", "no"):
        done = _run(APP, str(tmp_path / name), name)
        assert done.returncode == 0, done.stderr
    files = [(tmp_path / name / "stacks" / "s" / "cdk.tf.json").read_bytes() for name in ("yes", "no")]
    assert files[0] == files[1]
    assert b"subnet_39" in files[0]


def test_a_failure_shows_late_and_names_what_failed(tmp_path):
    done = _run(LATE, str(tmp_path / "out"))
    assert done.returncode == 1
    assert "There is already a Construct with name 'v'" in done.stderr
    assert "(while creating @cdktf/provider-aws.vpc.Vpc 'v')" in done.stderr


def test_the_kernel_can_be_used_after_a_failure(tmp_path):
    done = _run(AFTER, str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "True True\nd\n"


class _Pipe:
    def __init__(self):
        self.written = b""

    def write(self, data):
        self.written += data

    def flush(self):
        pass


def _pipeline(answers=(), wait=None):
    lines = SimpleQueue()
    for answer in answers:
        lines.put(answer)
    process = SimpleNamespace(_process=SimpleNamespace(stdin=_Pipe()), _serializer=SimpleNamespace(unstructure=str))
    return Pipeline(process, wait or (lambda request, kind: None), active=True, lines=lines, next_object=10001)


def test_a_new_object_is_known_before_the_kernel_answers():
    pipeline = _pipeline([b'{"ok": {"$jsii.byref": "a.B@10001"}}'])
    answer = pipeline.send(CreateRequest(fqn="a.B", args=["scope", "id"]), CreateResponse)
    assert answer.ref == "a.B@10001"
    assert pipeline.next_object == 10002
    assert pipeline.process._process.stdin.written.endswith(b"\n")
    pipeline.drain()
    assert not pipeline.outstanding


@pytest.mark.parametrize(
    "answer",
    [b'{"ok": {"$jsii.byref": "a.B@10007"}}', b'{"callback": {"cbid": "1"}}', b'{"ok": {}}'],
)
def test_another_answer_than_told_is_an_error(answer):
    pipeline = _pipeline([answer])
    pipeline.send(CreateRequest(fqn="a.B", args=["scope", "the-id"]), CreateResponse)
    with pytest.raises(UnexpectedAnswerError, match=r"a\.B@10001 was expected \(while creating a\.B 'the-id'\)"):
        pipeline.drain()


def test_a_kernel_that_ends_is_an_error():
    pipeline = _pipeline()
    pipeline.process._process.stdout = []
    pipeline.read_answers()
    pipeline.send(InvokeRequest(objref=ObjRef("x@1"), method="addOverride", args=["a", 1]), InvokeResponse)
    with pytest.raises(RuntimeError, match=r"the jsii kernel ended \(while calling addOverride\)"):
        pipeline.drain()
    assert pipeline.next_message()["error"] == "the jsii kernel ended"


def test_what_may_call_back_or_answers_something_is_waited_for():
    asked = []

    def wait(request, kind):
        asked.append(request)
        return kind(ref="Object@5") if kind is CreateResponse else kind(result=ObjRef("made@6"))

    pipeline = _pipeline(wait=wait)
    pipeline.send(CreateRequest(fqn="Object", overrides=[Override(method="visit")]), CreateResponse)
    assert pipeline.next_object == 6
    pipeline.send(InvokeRequest(objref=ObjRef("x@1"), method="find"), InvokeResponse)
    assert pipeline.next_object is None  # an object was made: its number, and so the next, is the kernel's to tell
    pipeline.send(CreateRequest(fqn="a.B"), CreateResponse)
    assert len(asked) == 3
