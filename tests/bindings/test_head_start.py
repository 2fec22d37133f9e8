import subprocess
import sys
import typing
from types import ModuleType

import pytest

from llminfra.bindings.type_hints import remember_hints

SCRIPT = """
import sys
from llminfra.bindings.head_start import head_start
wait = head_start()
wait()
assert "cdktf" in sys.modules and "cdktf_cdktf_provider_aws.vpc" in sys.modules
assert "unittest.mock" not in sys.modules and "asyncio" not in sys.modules
import unittest.mock
assert unittest.mock.Mock().anything is not None
from llminfra.bindings import aws, core
app = core.App(outdir={out!r})
stack = core.TerraformStack(app, "s")
core.LocalBackend(stack, path="s.tfstate")
aws.AwsProvider(stack, "aws", region="us-east-1")
aws.Vpc(stack, "v", cidr_block="10.0.0.0/16")
app.synth()
try:
    aws.Vpc(stack, "w", cidr_block=5)
except TypeError as error:
    print("refused:", "cidr_block" in str(error))
"""


def test_head_start_loads_everything_and_type_errors_stay(tmp_path):
    code = SCRIPT.format(out=str(tmp_path / "out"))
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "refused: True\n"
    assert (tmp_path / "out" / "stacks" / "s" / "cdk.tf.json").is_file()


def test_remembered_hints_are_typings_own():
    module = ModuleType("generated")
    module.typing = typing
    remember_hints(module)

    def stub(value: int, *, name: str | None = None) -> None: ...

    assert module.typing.get_type_hints(stub) == typing.get_type_hints(stub)
    assert module.typing.get_type_hints(stub) is module.typing.get_type_hints(stub)
    assert module.typing.Optional is typing.Optional
    with pytest.raises(AttributeError):
        _ = module.typing.no_such_name


def test_modules_without_typing_are_left_alone():
    module = ModuleType("plain")
    remember_hints(module)
    assert "typing" not in module.__dict__
