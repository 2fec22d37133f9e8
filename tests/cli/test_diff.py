"""``llminfra diff``: what two plans decide differently."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from llminfra import plan_specs
from llminfra.cli.diff_page.losses import losses
from tests.cli.run import Run
from tests.cli.specs import write

SPEC = """
name: acme
region: us-east-1
network:
  vpc_id: vpc-0123456789abcdef0
  cidr: 10.40.0.0/16
  private_subnet_ids: {us-east-1a: subnet-0aaaaaaaaaaaaaaa1, us-east-1b: subnet-0aaaaaaaaaaaaaaa2}
pools:
  l4: {instance_types: [g6.2xlarge], nodes: [0, 2]}
  l40s: {instance_types: [g6e.2xlarge], nodes: [0, 2]}
endpoints:
  chat:
    model: {id: Qwen/Qwen3-8B, quantization: fp8}
    engine: {kind: vllm, max_model_len: 8192}
    on: l4
"""


WAIVED = """
waivers:
  - {rule: LLM_GUARD_9, scope: endpoints.chat, reason: All callers read the name anew., owner: ml, expires: DAY}
"""


def told(workdir: Path, run: Run, *changes: tuple[str, str], code: int = 0) -> tuple[str, dict[str, Any]]:
    """The page, in one line, and the platform of the JSON."""
    text = SPEC
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    files = (write(workdir, SPEC, "old.yaml"), write(workdir, text, "new.yaml"))
    result = run("diff", *files)
    assert (result.code, result.err) == (code, "")
    document = json.loads(run("diff", *files, "--json").out)
    assert document["ok"] is (code == 0)
    (platform,) = document["platforms"]
    return " ".join(result.out.split()), platform


def test_the_same_spec_decides_the_same(workdir: Path, run: Run) -> None:
    out, platform = told(workdir, run)
    assert out == "acme: the plans decide the same"
    assert (platform["changes"], platform["lost_names"]) == ([], [])


def test_a_move_tells_hardware_speed_and_money(workdir: Path, run: Run) -> None:
    out, platform = told(
        workdir, run, ("on: l4", "on: l40s"), ("nodes: [0, 2]}\nendpoints", "nodes: [0, 4]}\nendpoints")
    )
    assert "~ endpoints.chat" in out
    found = {(item["path"], item["what"]): (item["old"], item["new"]) for item in platform["changes"]}
    assert found["endpoints.chat", "on"] == ("g6.2xlarge", "g6e.2xlarge")
    assert found["pools.l40s", "nodes"] == ("0…2, 0 at rest", "0…4, 1 at rest")
    assert ("endpoints.chat", "each further, ms") in found
    assert ("endpoints.chat", "context") not in found
    before, after = platform["usd_per_month"]
    assert before < after
    assert f"at most ${before:,.0f} → ${after:,.0f} a month (+${after - before:,.0f})" in out
    assert platform["lost_names"] == []


def test_a_model_that_is_swapped_loses_its_name(workdir: Path, run: Run) -> None:
    out, platform = told(workdir, run, ("Qwen/Qwen3-8B", "Qwen/Qwen3-4B"), code=1)
    assert (platform["lost_names"], platform["lost_at"]) == (["Qwen/Qwen3-8B"], ["endpoints.chat"])
    assert "requests for Qwen/Qwen3-8B find no model from then on" in out
    kept, same = told(
        workdir, run, ("Qwen/Qwen3-8B, quantization: fp8}", "Qwen/Qwen3-4B}\n    served_name: Qwen/Qwen3-8B")
    )
    assert same["lost_names"] == []
    assert "find no model" not in kept


@pytest.mark.parametrize(
    ("day", "options", "code", "status"),
    [
        ("2999-01-01", (), 0, "waived"),
        ("2020-01-01", (), 1, "open"),
        ("2020-01-01", ("--fail-on", "never"), 0, "open"),
    ],
)
def test_a_lost_name_fails_until_somebody_accepts_it(
    workdir: Path, run: Run, day: str, options: tuple[str, ...], code: int, status: str
) -> None:
    text = f"{SPEC.replace('Qwen3-8B', 'Qwen3-4B')}{WAIVED.replace('DAY', day)}"
    files = (write(workdir, SPEC, "old.yaml"), write(workdir, text, "new.yaml"))
    result = run("diff", *files, *options)
    assert result.code == code
    assert ('{rule: LLM_GUARD_9, scope: "endpoints.chat", reason: …' in result.out) is (code == 1)
    document = json.loads(run("diff", *files, "--json", *options).out)
    assert document["ok"] is (code == 0)
    assert [(item["rule"], item["status"]) for item in document["dangers"]] == [("LLM_GUARD_9", status)]


def test_another_name_is_told_as_that(workdir: Path, run: Run) -> None:
    out, platform = told(workdir, run, ("  chat:", "  talk:"), code=1)
    assert platform["lost_names"] == [], "it is the address that callers lose"
    assert [(item["path"], item["action"]) for item in platform["changes"]] == [
        ("endpoints.talk", "new"),
        ("endpoints.chat", "gone"),
    ]
    assert "as endpoints.chat, which goes: another name is another address" in out


def test_another_name_hides_nothing_else_that_changes(workdir: Path, run: Run) -> None:
    out, platform = told(workdir, run, ("  chat:", "  talk:"), ("8192", "4096"), code=1)
    changes = {(item["path"], item["what"]): (item["old"], item["new"]) for item in platform["changes"]}
    assert changes["endpoints.talk", "context"] == ("8,192 tokens", "4,096 tokens")
    assert "as endpoints.chat, which goes" in out


STORED = """
storage:
  acme-weights: {kind: bucket}
  fast: {kind: lustre, capacity_gib: 2400, source: acme-weights}
"""
KEPT = """
waivers:
  - {rule: LLM_GUARD_1, scope: storage.*, reason: Copies of public models., owner: ml, expires: 2999-01-01}
"""


@pytest.mark.parametrize(
    ("after", "lost"),
    [
        (STORED, []),
        ("", ["storage.acme-weights", "storage.fast"]),
        ("\nstorage: {acme-weights: {kind: bucket}}\n", ["storage.fast"]),
        ("\nstorage: {acme-weights: {kind: bucket, existing: true}}\n", ["storage.acme-weights", "storage.fast"]),
    ],
)
def test_data_that_goes_fails_until_somebody_accepts_it(workdir: Path, run: Run, after: str, lost: list[str]) -> None:
    """As the rehearsal of the change says, which sees the resources."""
    old, new = write(workdir, SPEC + STORED, "old.yaml"), write(workdir, SPEC + after, "new.yaml")
    result = run("diff", old, new)
    assert result.code == bool(lost)
    assert [item in result.out for item in ("it loses the bucket", "it loses the file system")] == [
        "storage.acme-weights" in lost,
        "storage.fast" in lost,
    ]
    dangers = json.loads(run("diff", old, new, "--json").out)["dangers"]
    assert [(item["rule"], item["spec_path"]) for item in dangers] == [("LLM_GUARD_1", path) for path in lost]
    assert run("diff", old, write(workdir, SPEC + after + KEPT, "kept.yaml")).code == 0


def test_what_is_wrong_from_then_on_is_told(workdir: Path, run: Run) -> None:
    more = "on: l4\n    replicas: {min: 1, max: 4}"
    out, platform = told(workdir, run, ("on: l4", more))
    assert [(item["code"], item["path"]) for item in platform["new_findings"]] == [("LLM_FIT_10", "pools.l4.nodes")]
    assert "! LLM_FIT_10 pools.l4.nodes: chat at its most needs more GPUs" in out
    assert "LLM_STO_10" not in out, "it was there before"


def test_another_subnet_is_told_alone(workdir: Path, run: Run) -> None:
    _, platform = told(workdir, run, ("subnet-0aaaaaaaaaaaaaaa2", "subnet-0bbbbbbbbbbbbbbb2"))
    (change,) = platform["changes"]
    assert (change["path"], change["what"]) == ("", "subnet in us-east-1b")
    assert (change["old"], change["new"]) == ("subnet-0aaaaaaaaaaaaaaa2", "subnet-0bbbbbbbbbbbbbbb2")


def test_of_lists_only_what_comes_and_goes_is_told(workdir: Path, run: Run) -> None:
    _, platform = told(workdir, run, ("[g6.2xlarge]", "[g6.2xlarge, g6.4xlarge]"))
    found = {(item["path"], item["what"]): (item["old"], item["new"]) for item in platform["changes"]}
    assert found["pools.l4", "instance types"] == ("–", "g6.4xlarge")


def test_platforms_that_come_and_go(workdir: Path, run: Run) -> None:
    both = f"{SPEC}---\n{SPEC.replace('acme', 'beta')}"
    old, new = write(workdir, both, "old.yaml"), write(workdir, SPEC, "new.yaml")
    gone = run("diff", old, new)
    assert "beta is gone" in gone.out
    assert gone.code == 1, "its endpoint's name goes along"
    assert (
        run(
            "diff",
            write(
                workdir, f"{SPEC}---\n{SPEC.replace('acme', 'beta')}{WAIVED}".replace("DAY", "2999-01-01"), "old.yaml"
            ),
            new,
        ).code
        == 0
    ), "only the old spec of a platform that goes is left to accept it"
    assert run("diff", new, old).code == 0
    assert "beta is new" in run("diff", new, old).out
    assert json.loads(run("diff", old, new, "--json").out)["gone"] == ["beta"]


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_a_spec_that_cannot_be_planned_is_told(workdir: Path, run: Run, as_json: tuple[str, ...]) -> None:
    good, bad = write(workdir, SPEC, "old.yaml"), write(workdir, SPEC.replace("g6.2xlarge", "g6.2xl"), "new.yaml")
    result = run("diff", good, bad, *as_json)
    assert result.code == 1
    assert "LLM_CAP_20" in (result.out if as_json else result.err)
    assert run("diff", good, "nowhere.yaml").code == 2


def test_another_key_tells_what_becomes_of_what_is_there(workdir: Path, run: Run) -> None:
    out, platform = told(workdir, run, ("region: us-east-1\n", "region: us-east-1\nencryption: {kind: platform}\n"))
    assert "keys: nodes and instances are replaced" in out
    assert "encrypted with keys of the stacks and of AWS → keys of the stacks" in out
    assert len(platform["key_effects"]) == 2


KEYED = ("    on: l4\n", "    on: l4\n    api_key: {name: acme/key}\n")


def test_a_key_that_goes_is_told_and_fails(workdir: Path, run: Run) -> None:
    old = write(workdir, SPEC.replace(*KEYED), "old.yaml")
    new = write(workdir, SPEC, "new.yaml")
    result = run("diff", old, new)
    assert result.code == 1
    assert "endpoints.chat: callers authenticate in another way" in result.out
    assert "API key acme/key → none" in result.out
    document = json.loads(run("diff", old, new, "--json").out)
    assert [(item["rule"], item["spec_path"]) for item in document["dangers"]] == [("LLM_GUARD_9", "endpoints.chat")]
    accepted = write(workdir, SPEC + WAIVED.replace("DAY", "2999-01-01"), "ok.yaml")
    assert run("diff", old, accepted).code == 0


def test_who_may_call_a_gateway_is_told(workdir: Path, run: Run) -> None:
    gateway = """gateways:
  edge:
    endpoints: [chat]
    hostname: llm.acme.example
    certificate_arn: arn:aws:acm:us-east-1:111122223333:certificate/01234567-89ab-cdef-0123-456789abcdef
    tenants:
      - {name: web, api_key: {name: acme/web}, requests_per_minute: 60, tokens_per_minute: 1000}
      - {name: search, api_key: {name: acme/search}, requests_per_minute: 60, tokens_per_minute: 1000}
"""
    tenant = next(line for line in gateway.splitlines(keepends=True) if "name: search" in line)
    opened = gateway.replace(tenant, "").replace("hostname: llm", "exposure: public\n    hostname: llm")
    base = re.sub(r"network:\n(  .*\n)+", "network: {cidr: 10.40.0.0/16}\n", SPEC)
    old = write(workdir, base + gateway, "old.yaml")
    new = write(workdir, base + opened.replace("tokens_per_minute: 1000", "tokens_per_minute: 9000"), "new.yaml")
    document = json.loads(run("diff", old, new, "--json").out)
    (platform,) = document["platforms"]
    told = {item["what"]: (item["old"], item["new"]) for item in platform["changes"] if item["path"] == "gateways.edge"}
    assert told["called from"] == ("10.40.0.0/16", "0.0.0.0/0")
    assert told["authentication"] == ("search acme/search", "–")
    assert told["limits of web"] == ("1,000 tokens a minute", "9,000 tokens a minute")
    assert platform["lost_ways"] == ["gateways.edge: callers of search are refused"]
    assert not document["ok"]


@pytest.mark.parametrize(
    ("more", "what", "values"),
    [
        ("budget_usd_per_month: 90000\n", "budget", ("–", "$90,000 a month")),
        ("state: {kind: s3, bucket: acme-state}\n", "state", ("files", "s3://acme-state")),
        (
            "observability: {receivers: [{kind: sns, topic_arn: 'arn:aws:sns:us-east-1:111122223333:a'}]}\n",
            "alerts to",
            ("nobody", "sns"),
        ),
        ("cluster: {public_access_cidrs: [192.0.2.0/24]}\n", "API open to the internet", ("no", "192.0.2.0/24")),
        ("cluster: {deletion_protection: false}\n", "deletion protection", ("on", "off")),
    ],
)
def test_what_guards_a_platform_is_told(workdir: Path, run: Run, more: str, what: str, values: tuple[str, str]) -> None:
    old, new = write(workdir, SPEC, "old.yaml"), write(workdir, SPEC + more, "new.yaml")
    (platform,) = json.loads(run("diff", old, new, "--json").out)["platforms"]
    assert [(item["what"], (item["old"], item["new"])) for item in platform["changes"]] == [(what, values)]


def test_roles_of_an_endpoint_are_the_endpoint() -> None:
    """Prefill and decode answer to one name, and callers know neither."""
    (plan,) = plan_specs([Path(__file__).parents[2] / "examples" / "disaggregated" / "spec.py"])
    (endpoint,) = plan.platform.workloads
    assert losses(plan, plan) == ()
    (lost,) = [item for item in losses(plan, None) if item.rule == "LLM_GUARD_9"]
    assert lost.path == f"endpoints.{endpoint.name}"
    assert lost.why.startswith("requests for ")


WORK = """
from llminfra import *

M = Model(id="Qwen/Qwen3-8B")
CHAT = Endpoint(name="chat", model=M, engine=VLLM(max_model_len=8192), on=SageMaker(instance_type="ml.g6e.2xlarge"))
HAIKU = BedrockModel(name="small", id="anthropic.claude-haiku-4-5-20251001-v1:0", routing="geography")
QUEUE = BatchQueue(instance_types=["g6e.2xlarge"])
NIGHTLY = BatchInference(
    name="nightly", model=M, engine=VLLM(max_model_len=8192), on=QUEUE, input="s3://acme-in/x/",
    output="s3://acme-out/x/", schedule="cron(0 2 * * ? *)",
)
Platform(
    name="work", region="us-east-1", storage=[ModelBucket(name="acme-weights")], endpoints=[CHAT], batches=[NIGHTLY],
    async_endpoints=[AsyncEndpoint(name="jobs", behind=CHAT, request_timeout_s=60, attempts=5)],
    bedrock=Bedrock(models=[HAIKU]),
)
"""


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("cron(0 2", "cron(0 4", ("batches.nightly", "submitted", "cron(0 2 * * ? *)", "cron(0 4 * * ? *)")),
        ("attempts=5", "attempts=7", ("async_endpoints.jobs", "attempts", "5", "7")),
        (
            'routing="geography"',
            'routing="global"',
            ("bedrock.models.small", "profile", "us.anthropic.{}", "global.anthropic.{}"),
        ),
        ("ml.g6e.2xlarge", "ml.g6e.4xlarge", ("endpoints.chat", "on", "ml.g6e.2xlarge", "ml.g6e.4xlarge")),
    ],
)
def test_work_beside_endpoints_is_compared(
    workdir: Path, run: Run, old: str, new: str, told: tuple[str, str, str, str]
) -> None:
    before, after = write(workdir, WORK, "old.py"), write(workdir, WORK.replace(old, new), "new.py")
    (platform,) = json.loads(run("diff", before, after, "--json").out)["platforms"]
    found = {(item["path"], item["what"], item["old"], item["new"]) for item in platform["changes"]}
    assert tuple(text.format("claude-haiku-4-5-20251001-v1:0") for text in told) in found
