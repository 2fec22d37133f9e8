"""A build project that copies one model from the Hugging Face Hub into a bucket, started by hand or by a pipeline.

Sources: AWS CodeBuild User Guide, "Build specification reference" and "Run builds"; the script is that of the chart
``weights-copy``, which does nothing about files that are there already.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from llminfra.assets import chart_dir
from llminfra.bindings import aws
from llminfra.catalog.container_env import HUB_TOKEN
from llminfra.catalog.hub_copy import hub_copy_machine
from llminfra.charts.weights_copy import WeightsCopyValues
from llminfra.constructs.basis.iam import Statement, role, trusts_service
from llminfra.constructs.basis.kms import Key
from llminfra.constructs.basis.names import literal
from llminfra.constructs.basis.scope import Maker
from llminfra.constructs.basis.secrets import reads_secrets, secret_arn
from llminfra.planning.plan.hub_copies import HubCopyPlan

_SCRATCH = "/tmp/scratch"  # noqa: S108  # in the container of one build


def hub_copy(
    make: Maker, item: HubCopyPlan, *, writes: Sequence[Statement], log_group: aws.CloudwatchLogGroup, key: Key
) -> str:
    """The project and its role, which writes one prefix of one bucket; returns its name."""
    scope = make.scope
    token = item.model.token
    statements = [
        *writes,
        Statement(
            sid="WriteLogs",
            actions=["logs:CreateLogStream", "logs:PutLogEvents"],
            resources=[f"{log_group.arn}:*"],
        ),
    ]
    if token is not None:
        statements += reads_secrets(scope, [secret_arn(scope, token.name)], sid="ReadToken")
    identity = role(
        make,
        item.name,
        trust=trusts_service(
            f"codebuild.{scope.dns_suffix}", ("StringEquals", "aws:SourceAccount", [scope.account_id])
        ),
        description=f"{scope.platform}: copies {item.model.id} into {item.bucket}",
        inline={"copy": statements},
    )
    machine = hub_copy_machine()
    project = make(
        aws.CodebuildProject,
        item.name,
        name=scope.name(item.name),
        description=f"Copies {item.model.id} at {item.revision[:7]} into {item.bucket}",
        service_role=identity.arn,
        build_timeout=item.minutes,
        # One after the other: two builds would copy the same files.
        concurrent_build_limit=1,
        encryption_key=key.arn,
        source=aws.CodebuildProjectSource(type="NO_SOURCE", buildspec=literal(_buildspec())),
        artifacts=aws.CodebuildProjectArtifacts(type="NO_ARTIFACTS"),
        environment=aws.CodebuildProjectEnvironment(
            type="LINUX_CONTAINER",
            compute_type=machine.compute_type,
            image=machine.image,
            image_pull_credentials_type="CODEBUILD",
            privileged_mode=False,
            environment_variable=[
                *(
                    aws.CodebuildProjectEnvironmentEnvironmentVariable(name=name, value=value)
                    for name, value in sorted(_settings(item).items())
                ),
                *(
                    [
                        aws.CodebuildProjectEnvironmentEnvironmentVariable(
                            name=HUB_TOKEN,
                            value=f"{token.name}:{token.key}" if token.key else token.name,
                            type="SECRETS_MANAGER",
                        )
                    ]
                    if token
                    else []
                ),
            ],
        ),
        logs_config=aws.CodebuildProjectLogsConfig(
            cloudwatch_logs=aws.CodebuildProjectLogsConfigCloudwatchLogs(
                group_name=log_group.name, stream_name=item.name, status="ENABLED"
            )
        ),
        depends_on=list(identity.ready),
    )
    return project.name


def _settings(item: HubCopyPlan) -> dict[str, str]:
    ignored: list[str] = WeightsCopyValues.model_fields["ignore_patterns"].default
    return {
        "MODEL_ID": item.model.id,
        "MODEL_REVISION": item.revision,
        "BUCKET": item.bucket,
        "PREFIX": f"{item.key}/",
        "ALLOW_PATTERNS": "[]",
        "IGNORE_PATTERNS": json.dumps(ignored),
        "SCRATCH_DIR": _SCRATCH,
        "HF_HOME": f"{_SCRATCH}/huggingface",
    }


def _buildspec() -> str:
    """JSON is YAML, and CodeBuild reads YAML; the script and its packages stand in it word for word."""
    script = (chart_dir("weights-copy") / "files" / "copy_weights.py").read_text(encoding="utf-8")
    requirements = "\n".join(hub_copy_machine().requirements)
    commands = [
        f"cat >/tmp/requirements.txt <<'END_OF_FILE'\n{requirements}\nEND_OF_FILE",
        "python3 -m pip install --quiet --no-cache-dir --require-hashes -r /tmp/requirements.txt",
        f"mkdir -p {_SCRATCH}",
        f"cat >/tmp/copy_weights.py <<'END_OF_FILE'\n{script}END_OF_FILE",
        "python3 /tmp/copy_weights.py",
    ]
    return json.dumps({"version": 0.2, "phases": {"build": {"commands": commands}}}, indent=1)
