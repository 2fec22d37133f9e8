"""``llminfra diff``: what AWS makes anew, ends or keeps for a shorter time, though the spec still has it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.run import Run
from tests.cli.specs import write

SPEC = """
name: acme
region: us-east-1
network: {cidr: 10.40.0.0/16, zones: [us-east-1a, us-east-1b], flow_logs_days: 365}
cluster: {version: "1.35", log_days: 365}
pools: {l40s: {instance_types: [g6e.2xlarge], nodes: [0, 2], zones: [us-east-1a]}}
storage:
  acme-weights: {kind: bucket}
  fast: {kind: lustre, capacity_gib: 4800, source: acme-weights, zone: us-east-1a}
observability: {retention_days: 30}
endpoints:
  chat:
    model: {id: Qwen/Qwen3-8B}
    engine: {kind: vllm, max_model_len: 8192}
    on: l40s
    weights: fast
gateways:
  edge:
    endpoints: [chat]
    hostname: llm.example.com
    certificate_arn: arn:aws:acm:us-east-1:111122223333:certificate/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0
    tenants: [{name: search, api_key: {name: llm/search}}]
bedrock:
  models: [{name: micro, id: "amazon.nova-micro-v1:0", routing: region}, {name: haiku, id: "amazon.nova-lite-v1:0"}]
  logging: {days: 90}
  access: [{kind: role, role_name: a}, {kind: role, role_name: b}]
"""


def told(workdir: Path, run: Run, *changes: tuple[str, str]) -> tuple[int, list[tuple[str, str, str]], str]:
    """The exit code, each danger with its rule and path, and the page."""
    text = SPEC
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    files = (write(workdir, SPEC, "old.yaml"), write(workdir, text, "new.yaml"))
    result = run("diff", *files)
    dangers = json.loads(run("diff", *files, "--json").out)["dangers"]
    return result.code, [(item["rule"], item["spec_path"], item["message"]) for item in dangers], result.out


@pytest.mark.parametrize(
    ("old", "new", "rule", "path", "why"),
    [
        ("name: acme\n", "name: beta\n", "LLM_GUARD_2", "name", "nothing is renamed: beta is made anew beside acme"),
        ("10.40.0.0/16", "10.41.0.0/16", "LLM_GUARD_2", "network.cidr", "build another platform beside this one"),
        (
            "[us-east-1a, us-east-1b]",
            "[us-east-1c, us-east-1a, us-east-1b]",
            "LLM_GUARD_2",
            "network",
            "[a free block, 10.40.0.0/18, 10.40.64.0/18] and public_subnets [a free block, 10.40.192.0/26, 10.40.",
        ),
        ("[us-east-1a, us-east-1b]", "[us-east-1a, us-east-1c]", "LLM_GUARD_1", "network.zones", "in us-east-1b"),
        ('"1.35"', '"1.36"', "LLM_GUARD_6", "cluster.version", "from 1.35 to 1.36 cannot be undone"),
        ('"1.35"', '"1.34"', "LLM_GUARD_7", "cluster.version", "EKS cannot go back from 1.35 to 1.34"),
        ("4800", "2400", "LLM_GUARD_2", "storage.fast", "(from 4,800 to 2,400 GiB); to keep serving, declare a second"),
        ("retention_days: 30", "retention_days: 7", "LLM_GUARD_1", "observability.retention_days", "metrics older"),
        ("flow_logs_days: 365", "flow_logs_days: 30", "LLM_GUARD_1", "network.flow_logs_days", "older than 30 days"),
        (
            "log_days: 365}\npools",
            "log_days: 30}\npools",
            "LLM_GUARD_1",
            "cluster.log_days",
            "logs of the control plane",
        ),
        ("days: 90", "days: 30", "LLM_GUARD_1", "bedrock.logging.days", "logged requests older than 30 days"),
        ("  edge:", "  front:", "LLM_GUARD_9", "gateways.edge", "until the new one has its address"),
        (', {name: haiku, id: "amazon.nova-lite-v1:0"}', "", "LLM_GUARD_9", "bedrock.models.haiku", "find no model"),
        ("{kind: role, role_name: b}", "{kind: role, role_name: c}", "LLM_GUARD_9", "bedrock.access", "of role b are"),
        ("  logging", "  guardrail: null\n  logging", "LLM_GUARD_9", "bedrock.guardrail", "name the guardrail"),
    ],
)
def test_what_is_made_anew_or_cut_short_is_a_danger(
    workdir: Path, run: Run, old: str, new: str, rule: str, path: str, why: str
) -> None:
    code, dangers, page = told(workdir, run, (old, new))
    found = {(one, where): text for one, where, text in dangers}
    assert why in found[rule, path]
    assert code == (0 if rule == "LLM_GUARD_6" else 1)
    assert f"{path}: " in " ".join(page.split())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[us-east-1a, us-east-1b]", "[us-east-1a, us-east-1b, us-east-1c]"),
        ("4800", "7200"),
        ("retention_days: 30", "retention_days: 90"),
        ("days: 90", "days: 180"),
    ],
)
def test_what_only_grows_is_none_and_is_told(workdir: Path, run: Run, old: str, new: str) -> None:
    code, dangers, page = told(workdir, run, (old, new))
    assert (code, dangers) == (0, [])
    assert "decide the same" not in page


def test_a_guardrail_that_blocks_less_is_told(workdir: Path, run: Run) -> None:
    _, dangers, page = told(workdir, run, ("  logging", "  guardrail: {violence: LOW}\n  logging"))
    assert dangers == []
    assert "violence high → violence low" in page


def test_a_reservation_is_told(workdir: Path, run: Run) -> None:
    reserved = "zones: [us-east-1a], capacity: {kind: reservation, reservation_id: cr-0123456789abcdef0}}}"
    _, _, page = told(workdir, run, ("zones: [us-east-1a]}}", reserved))
    assert "cr-0123456789abcdef0" in page
