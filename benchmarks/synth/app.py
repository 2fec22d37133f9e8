"""The measured app: buckets with the settings that a bucket of weights gets. Arguments: output folder, count."""

import sys
from pathlib import Path

from llminfra.bindings import aws, core
from llminfra.bindings.synth import open_app, synthesize

REGION = "us-east-1"


def main(outdir: Path, count: int) -> None:
    """Writes one stack with `count` buckets."""
    app = open_app(outdir)
    stack = core.TerraformStack(app, "buckets")
    core.LocalBackend(stack, path="terraform.buckets.tfstate")
    aws.AwsProvider(stack, "aws", region=REGION)
    for number in range(count):
        aws.S3Bucket(stack, f"bucket{number}", bucket=f"weights-{number}", tags={"number": str(number)})
    synthesize(app)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
