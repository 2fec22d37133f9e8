import subprocess
import sys

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
"""


def test_head_start_loads_everything(tmp_path):
    code = SCRIPT.format(out=str(tmp_path / "out"))
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "stacks" / "s" / "cdk.tf.json").is_file()
