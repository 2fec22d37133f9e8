"""How the provider package behaves on the fast path; each case is a process of its own."""

import pytest

LATE = "from llminfra.bindings import aws, prepare; aws.S3Bucket; "
SPEC_STYLE = """
from llminfra.bindings import prepare, submodules_imported_by
source = "from cdktf_cdktf_provider_aws.iot_thing import IotThing"
prepare(submodules_imported_by(source))
from llminfra.bindings import aws, core
core.App
exec(source)
import sys
app = core.App(outdir=sys.argv[1])
stack = core.TerraformStack(app, "s")
aws.AwsProvider(stack, "aws", region="eu-west-1")
IotThing(stack, "thing", name="x")
app.synth()
print("aws_iot_thing" in open(sys.argv[1] + "/stacks/s/cdk.tf.json").read())
"""
START = """
import sys
from llminfra.bindings import aws, core
stack = core.TerraformStack(core.App(outdir=sys.argv[1]), "s")
"""


@pytest.fixture(scope="module")
def wider_cache(tmp_path_factory) -> str:
    """For entries with submodules that are not in the table."""
    return str(tmp_path_factory.mktemp("wider"))


@pytest.mark.parametrize(
    "statement",
    [
        "import llminfra",
        "from llminfra.bindings import aws, core, helm, synth",
        "import llminfra.bindings as b; b.prepare()",
    ],
)
def test_importing_llminfra_imports_no_cdktf(run, statement):
    result = run(
        "-c",
        f"{statement}\nimport sys\nprint([m for m in sys.modules if m.startswith(('cdktf', 'jsii', 'constructs'))])",
    )
    assert result.stdout == "[]\n", result.stderr


def test_the_package_and_its_submodules_look_as_installed(run):
    result = run(
        "-c",
        """
from llminfra.bindings import prepare
prepare()
import cdktf_cdktf_provider_aws
from cdktf_cdktf_provider_aws import s3_bucket
assert cdktf_cdktf_provider_aws.s3_bucket is s3_bucket
assert cdktf_cdktf_provider_aws.vpc.Vpc.__module__ == "cdktf_cdktf_provider_aws.vpc"
assert cdktf_cdktf_provider_aws.__file__.endswith("__init__.py")
import sys
print(len([m for m in sys.modules if m.startswith("cdktf_cdktf_provider_aws.") and "_" not in m.split(".", 1)[1][:1]]))
try:
    cdktf_cdktf_provider_aws.no_such_thing
except AttributeError as error:
    print(error)
""",
    )
    assert result.returncode == 0, result.stderr
    count, message = result.stdout.splitlines()
    assert int(count) < 10
    assert message == "module 'cdktf_cdktf_provider_aws' has no attribute 'no_such_thing'"


def test_a_submodule_that_the_spec_imports_is_loaded_with_the_rest(run, wider_cache, tmp_path):
    result = run("-c", SPEC_STYLE, tmp_path / "out", LLMINFRA_CACHE_DIR=wider_cache)
    assert result.stdout == "True\n", result.stderr


def test_a_direct_import_before_the_first_use_needs_no_announcement(run, wider_cache):
    code = "from llminfra.bindings import prepare; prepare(); from cdktf_cdktf_provider_aws.iot_thing import IotThing"
    result = run("-c", f"{code}; print(IotThing)", LLMINFRA_CACHE_DIR=wider_cache)
    assert "IotThing" in result.stdout, result.stderr


def test_a_submodule_that_comes_too_late_is_an_error_with_the_fix(run):
    result = run("-c", LATE + "from cdktf_cdktf_provider_aws.iot_thing import IotThing")
    last = result.stderr.strip().splitlines()[-1]
    assert "SubmoduleNotLoadedError: the part of cdktf_cdktf_provider_aws that is loaded lacks iot_thing" in last
    assert "prepare(['iot_thing'])" in last
    assert "LLMINFRA_BINDINGS=plain" in last


def test_preparing_too_late_is_the_same_error(run):
    result = run("-c", LATE + "prepare(['s3_bucket']); prepare(['iot_thing'])")
    assert "SubmoduleNotLoadedError" in result.stderr.strip().splitlines()[-1]


def test_a_submodule_that_does_not_exist_is_named(run):
    result = run("-c", "from llminfra.bindings import prepare; prepare(['s3_buckets'])")
    assert "UnknownSubmoduleError: cdktf_cdktf_provider_aws has no submodule s3_buckets" in result.stderr
    result = run("-c", LATE + "import cdktf_cdktf_provider_aws.s3_buckets")
    assert "ModuleNotFoundError: No module named 'cdktf_cdktf_provider_aws.s3_buckets'" in result.stderr


@pytest.mark.parametrize(
    ("name", "module"), [("S3Buckets", "aws"), ("Relase", "helm"), ("_private", "aws"), ("Apps", "core")]
)
def test_a_name_that_does_not_exist_is_an_attribute_error_with_the_fix(run, name, module):
    result = run("-c", f"from llminfra.bindings import {module}; {module}.{name}")
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith(f"AttributeError: llminfra.bindings.{module} has no '{name}'")
    assert module == "core" or f"add a line for its submodule to {module}.pyi" in last


def test_an_unknown_mode_is_an_error(run):
    result = run("-c", "from llminfra.bindings import prepare; prepare()", LLMINFRA_BINDINGS="quick")
    assert "ValueError: LLMINFRA_BINDINGS is 'quick'; expected fast or plain" in result.stderr


def test_plain_mode_leaves_the_imports_alone(run):
    code = "import sys; before = list(sys.meta_path); from llminfra.bindings import prepare; print(prepare().mode)"
    result = run("-c", f"{code}; print(before == sys.meta_path)", LLMINFRA_BINDINGS="plain")
    assert result.stdout == "plain\nTrue\n", result.stderr


def test_a_provider_that_is_imported_already_stays_plain(run):
    code = "import sys; sys.modules['cdktf_cdktf_provider_aws'] = sys; before = list(sys.meta_path)"
    result = run("-c", f"{code}; from llminfra.bindings import prepare; print(prepare().mode, before == sys.meta_path)")
    assert result.stdout == "plain True\n", result.stderr


def test_the_environment_is_as_before_once_the_kernel_runs(run):
    code = "import os; before = dict(os.environ); from llminfra.bindings import core; core.App"
    result = run("-c", f"{code}; print(before == dict(os.environ))", NODE_OPTIONS="--max-http-header-size=9000")
    assert result.stdout == "True\n", result.stderr


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("aws.S3Bucket(stack, 'x', buckets='x')", "got an unexpected keyword argument 'buckets'"),
        ("aws.LaunchTemplateNetworkInterfaces(networkcardindex=1)", "got an unexpected keyword argument"),
        ("aws.SubnetConfig()", "missing 1 required keyword-only argument: 'vpc_id'"),
    ],
)
def test_wrong_argument_names_are_still_type_errors(run, tmp_path, code, error):
    result = run("-c", START + code, tmp_path / "out")
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("TypeError: ")
    assert error in last
