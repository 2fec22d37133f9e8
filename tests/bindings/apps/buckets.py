"""Twenty buckets; argument: the output folder. Not a test: tests run it in processes of their own."""

import sys
from pathlib import Path

from llminfra.bindings import aws, core
from llminfra.bindings.synth import open_app, synthesize

app = open_app(Path(sys.argv[1]))
stack = core.TerraformStack(app, "buckets")
core.LocalBackend(stack, path="buckets.tfstate")
aws.AwsProvider(stack, "aws", region="eu-west-1")
for number in range(20):
    aws.S3Bucket(stack, f"bucket{number}", bucket=f"acme-{number}", tags={"number": str(number)})
synthesize(app)
