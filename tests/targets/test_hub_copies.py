"""Models that come from the Hub into a bucket without a cluster."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from llminfra import Model, ModelBucket, Secret
from llminfra.assets import chart_dir
from llminfra.catalog.hub_copy import hub_copy_machine
from llminfra.planning.plan import Plan
from llminfra.planning.storage.hub_copies import Reader, plan_hub_copies
from tests.targets.platforms import BUCKET, EC2, POOL, SAGEMAKER, batch, endpoint, plan
from tests.targets.stack_view import allowed, only, statements

Compiled = Callable[[Plan, str], dict[str, Any]]
GATED = Model(id="meta-llama/Llama-3.1-8B-Instruct", token=Secret(name="acme/hf", key="token"))


@pytest.mark.parametrize("on", [EC2, SAGEMAKER], ids=["ec2", "sagemaker"])
def test_a_model_outside_the_cluster_has_a_copy_that_fits_where_it_is_read(on: Any) -> None:
    planned = plan(endpoints=[endpoint(on)])
    (copy,) = planned.hub_copies
    item = [*planned.ec2, *planned.sagemaker][0]
    assert (copy.bucket, copy.key) == (item.serving.weights.storage, item.serving.weights.key)
    assert copy.revision == item.serving.revision
    seconds = item.serving.weights.bytes_total / 1e6 / 50
    assert seconds < copy.minutes * 60 <= hub_copy_machine().most_minutes * 60


def test_readers_of_one_model_share_a_copy_and_the_cluster_fills_its_own() -> None:
    planned = plan(endpoints=[endpoint(EC2), endpoint(SAGEMAKER, name="managed")], batches=[batch(jobs=2)])
    assert len(planned.hub_copies) == 1
    both = plan(endpoints=[endpoint(EC2), endpoint(POOL, name="pods")], pools=[POOL])
    assert both.hub_copies == ()


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"storage": [ModelBucket(name="acme-weights", existing=True)]}, "a bucket of others"),
        ({"storage": []}, "no bucket"),
    ],
    ids=["existing", "none"],
)
def test_nothing_is_copied_without_a_bucket_of_our_own(fields: dict[str, Any], why: str) -> None:
    assert plan(endpoints=[endpoint(EC2)], **fields).hub_copies == (), why


def test_without_a_pinned_commit_there_is_no_copy() -> None:
    planned = plan(endpoints=[endpoint(EC2)])
    serving = planned.ec2[0].serving
    reader = Reader(spec_path="endpoints.chat", model=serving.spec.model, revision=None, weights=serving.weights)
    assert plan_hub_copies([reader], (), planned.buckets) == ()
    assert len(plan_hub_copies([replace(reader, revision="0" * 40)], (), planned.buckets)) == 1


def test_the_project_writes_one_prefix_and_reads_its_token_by_reference(compiled: Compiled) -> None:
    planned = plan(endpoints=[endpoint(EC2, model=GATED, weights=BUCKET)])
    stack = compiled(planned, "storage")
    project = only(stack, "aws_codebuild_project")
    variables = {item["name"]: item for item in project["environment"]["environment_variable"]}
    assert variables["HF_TOKEN"]["type"] == "SECRETS_MANAGER"
    assert variables["HF_TOKEN"]["value"] == "acme/hf:token"
    assert variables["PREFIX"]["value"] == f"{planned.hub_copies[0].key}/"
    assert project["build_timeout"] == planned.hub_copies[0].minutes
    assert project["environment"]["privileged_mode"] is False
    name = planned.hub_copies[0].name
    mine = statements(stack, f"{name}-copy")
    assert all(planned.hub_copies[0].key in arn for arn in mine["WriteWeights"]["resources"])
    assert mine["ReadToken"]["resources"][0].endswith(":secret:acme/hf-??????")
    assert [entry for entry in allowed(stack) if "*" in entry[2] and "kms" not in entry[1]] == []
    assert stack["output"][f"copy_{name.removeprefix('copy-')}"]["value"] == f"${{aws_codebuild_project.{name}.name}}"


def test_the_build_runs_the_script_of_the_chart_word_for_word(compiled: Compiled, tmp_path: Path) -> None:
    project = only(compiled(plan(endpoints=[endpoint(EC2)]), "storage"), "aws_codebuild_project")
    text = project["source"]["buildspec"].replace("$${", "${").replace("%%{", "%{")
    commands = json.loads(text)["phases"]["build"]["commands"]
    written = [command for command in commands if command.startswith("cat >")]
    for command in written:
        subprocess.run(["sh", "-c", command.replace("/tmp/", f"{tmp_path}/", 1)], check=True)
    script = (chart_dir("weights-copy") / "files" / "copy_weights.py").read_text(encoding="utf-8")
    assert (tmp_path / "copy_weights.py").read_text(encoding="utf-8") == script
    lines = (tmp_path / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert tuple(lines) == hub_copy_machine().requirements
    assert all("==" in line and " --hash=sha256:" in line for line in lines)
    assert any(line.startswith("huggingface-hub==") for line in lines)
    assert commands[-1] == "python3 /tmp/copy_weights.py"
