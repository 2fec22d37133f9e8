"""Generated modules lose their type checks, the kernel keeps its own; nothing else of them changes."""

import subprocess
import sys
import typing
from types import ModuleType

import pytest

from llminfra.bindings.generated import drop_checks

SCRIPT = """
import sys
from llminfra.bindings import aws, core
app = core.App(outdir={out!r})
stack = core.TerraformStack(app, "s")
core.LocalBackend(stack, path="s.tfstate")
aws.AwsProvider(stack, "aws", region="us-east-1")
try:
    aws.Vpc(stack, "w", cidr_block=5)
except Exception as error:
    print(type(error).__name__, "cidrBlock" in str(error) or "cidr_block" in str(error))
"""


def test_the_kernel_refuses_a_wrong_type(tmp_path):
    code = SCRIPT.format(out=str(tmp_path / "out"))
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "RuntimeError True\n"


def _module() -> ModuleType:
    code = ModuleType("generated")
    source = (
        "import typing\n"
        "def check_type(argname, value, expected_type):\n    raise TypeError(argname)\n"
        "def _typecheckingstub__1(value: int) -> None: ...\n"
        "def call(value):\n"
        "    hints = typing.get_type_hints(_typecheckingstub__1)\n"
        "    check_type(argname='value', value=value, expected_type=hints['value'])\n"
        "    return value\n"
    )
    exec(source, vars(code))
    return code


def test_checks_and_their_hints_go():
    module = _module()
    with pytest.raises(TypeError):
        module.call("text")
    drop_checks(module)
    assert module.call("text") == "text"
    assert vars(module)["_typecheckingstub__1"] is None
    assert module.typing.Optional is typing.Optional
    with pytest.raises(AttributeError):
        _ = module.typing.no_such_name


def test_the_code_behind_a_published_module_is_found():
    private = _module()
    public = ModuleType("generated")
    vars(public)["_private"] = private
    drop_checks(public)
    assert private.call("text") == "text"


def test_modules_without_checks_are_left_alone():
    module = ModuleType("plain")
    vars(module)["typing"] = typing
    drop_checks(module)
    assert vars(module)["typing"] is typing
