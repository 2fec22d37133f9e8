"""checkov in its own process: right addresses, mended mistakes, no network, our severities; and our rules inside it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import llminfra.policy.checkov_checks
from llminfra.catalog import eks
from llminfra.diagnostics import Severity
from llminfra.policy.checkov_facts import facts, fix_of, is_checkov_code, same_as, severity_of
from llminfra.policy.checkov_findings import checkov_findings
from llminfra.policy.checkov_process import CheckovAnswer, CheckovProcess, CheckovRecord
from llminfra.policy.checkov_untrue import untrue
from llminfra.rules import by_code
from llminfra.rules.views.kubernetes_view import KubernetesObject
from llminfra.rules.views.terraform_view import Stacks, read_stack
from tests.policy.findings import finding

STACK = {
    "terraform": {"required_version": ">= 1.10", "backend": {"local": {"path": "x.tfstate"}}},
    "provider": {"aws": [{"region": "us-east-1"}]},
    "resource": {
        "aws_sqs_queue": {"a": {"name": "x", "//": {"llminfra": {"spec_path": "pools.h100"}}}},
        "aws_sns_topic": {"a": {"name": "x"}},
        "aws_kms_key": {"key": {"description": "no policy"}},
        "aws_vpc_security_group_ingress_rule": {
            "bound": {
                "from_port": 1025,
                "to_port": 65535,
                "ip_protocol": "tcp",
                "description": "d",
                "referenced_security_group_id": "${aws_security_group.x.id}",
                "security_group_id": "${aws_security_group.x.id}",
            },
            "open": {
                "from_port": 22,
                "to_port": 22,
                "ip_protocol": "tcp",
                "description": "d",
                "cidr_ipv4": "0.0.0.0/0",
                "security_group_id": "${aws_security_group.x.id}",
            },
        },
    },
    "data": {"aws_iam_policy_document": {"all": {"statement": [{"actions": ["*"], "resources": ["*"]}]}}},
}


@pytest.fixture(scope="session")
def stack_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("checkov") / "stacks" / "s" / "cdk.tf.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(STACK, indent=2), encoding="utf-8")
    return file


@pytest.fixture(scope="session")
def answer(stack_file: Path) -> CheckovAnswer:
    pod = stack_file.parent / "pod.json"
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "namespace": "n"},
        "spec": {"containers": [{"name": "c", "image": "x:latest", "securityContext": {"privileged": True}}]},
    }
    pod.write_text(json.dumps(body), encoding="utf-8")
    with CheckovProcess() as process:
        return process.run(
            terraform_json=[str(stack_file)], kubernetes=[str(pod)], secrets=[str(stack_file)], external_dirs=[]
        )


def test_findings_carry_terraform_addresses(answer: CheckovAnswer) -> None:
    resources = {(item.check, item.resource) for item in answer.records}
    assert ("CKV_AWS_27", "aws_sqs_queue.a") in resources
    assert ("CKV_AWS_26", "aws_sns_topic.a") in resources
    assert ("CKV_AWS_1", "data.aws_iam_policy_document.all") in resources
    assert ("CKV2_AWS_64", "aws_kms_key.key") in resources
    assert not [item for item in answer.records if item.resource.startswith(("resource.", "data.all"))]


def test_a_stack_with_required_version_is_read(answer: CheckovAnswer) -> None:
    assert answer.problems == ()
    assert answer.frameworks == ("terraform_json", "kubernetes", "secrets")
    assert answer.passed > 0


def test_an_ingress_rule_bound_to_a_group_is_not_open(answer: CheckovAnswer) -> None:
    rules = {item.resource for item in answer.records if item.check in ("CKV_AWS_24", "CKV_AWS_25", "CKV_AWS_260")}
    assert rules == {"aws_vpc_security_group_ingress_rule.open"}


def test_rendered_objects_are_checked(answer: CheckovAnswer) -> None:
    assert {"CKV_K8S_14", "CKV_K8S_16"} <= {item.check for item in answer.records if item.framework == "kubernetes"}


def test_the_process_has_no_network() -> None:
    worker = Path(llminfra.policy.__file__).with_name("checkov_worker.py")
    program = (
        f"import runpy, socket; m = runpy.run_path({str(worker)!r}); m['_refuse_network']()\n"
        "calls = [lambda: socket.create_connection(('192.0.2.1', 80), 1), lambda: socket.getaddrinfo('x.invalid', 1)]\n"
        "for call in calls:\n"
        "    try: call()\n"
        "    except OSError as error: assert 'without a network' in str(error), error\n"
        "    else: raise SystemExit('connected')\n"
    )
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_severities_are_ours() -> None:
    assert severity_of("CKV_AWS_1") is Severity.ERROR
    assert severity_of("CKV_AWS_144") is Severity.INFO
    assert severity_of("CKV_AWS_23") is Severity.WARNING
    assert severity_of("CKV_SECRET_6") is Severity.ERROR
    assert severity_of("ACME_S3_1") is Severity.WARNING


def test_the_data_is_consistent() -> None:
    assert not set(facts().error) & set(facts().info)
    assert all(is_checkov_code(code) for code in (*facts().error, *facts().info, *facts().same_as))
    assert set(facts().same_as.values()) <= set(by_code())
    assert all(reason.strip() for reason in (*facts().info.values(), *facts().spec.values()))
    assert not set(facts().design) & {*facts().info, *facts().spec}
    assert facts().source["checks"]


@pytest.mark.parametrize(
    ("code", "is_theirs"), [("CKV_AWS_1", True), ("CKV2_K8S_6", True), ("CKV_SECRET_2", True), ("LLM_NET_1", False)]
)
def test_codes_of_checkov(code: str, is_theirs: bool) -> None:
    assert is_checkov_code(code) is is_theirs


def record(check: str, resource: str, file: Path, framework: str = "terraform_json") -> CheckovRecord:
    return CheckovRecord(framework, check, "Ensure that it is good", resource, str(file), 3)


def stacks_at(stack_file: Path) -> tuple[Stacks, Path]:
    return Stacks((read_stack("s", "stacks/s/cdk.tf.json", STACK),)), stack_file.parents[2]


def test_records_become_findings_of_the_spec(stack_file: Path) -> None:
    stacks, folder = stacks_at(stack_file)
    (item,) = checkov_findings([record("CKV_AWS_27", "aws_sqs_queue.a", stack_file)], stacks, folder, {}, [])
    assert (item.spec_path, item.stack, item.address) == ("pools.h100", "s", "aws_sqs_queue.a")
    assert item.message == "checkov: ensure that it is good"
    assert "scope='pools.h100'" in item.fix
    assert item.synth_line == 3


def test_graph_checks_name_data_sources_without_data(stack_file: Path) -> None:
    stacks, folder = stacks_at(stack_file)
    found = checkov_findings([record("CKV2_AWS_40", "aws_iam_policy_document.all", stack_file)], stacks, folder, {}, [])
    assert found[0].address == "data.aws_iam_policy_document.all"


def test_a_thing_is_said_once(stack_file: Path) -> None:
    stacks, folder = stacks_at(stack_file)
    same = [record("CKV_AWS_27", "aws_sqs_queue.a", stack_file)] * 2
    assert len(checkov_findings(same, stacks, folder, {}, [])) == 1
    own = finding("LLM_SEC_6", stack="s", address="aws_sqs_queue.a")
    assert same_as("CKV_AWS_27") == "LLM_SEC_6"
    assert checkov_findings(same, stacks, folder, {}, [own]) == []
    elsewhere = finding("LLM_SEC_6", stack="s", address="aws_sqs_queue.b")
    assert len(checkov_findings(same, stacks, folder, {}, [elsewhere])) == 1


def test_a_rule_on_the_plan_says_it_for_the_resource(stack_file: Path) -> None:
    stacks, folder = stacks_at(stack_file)
    same = [record("CKV_AWS_27", "aws_sqs_queue.a", stack_file)]
    fields = {"platform": "s", "stack": "", "address": ""}
    stacks = Stacks((read_stack("s-cluster", "stacks/s/cdk.tf.json", STACK),))
    below = finding("LLM_SEC_6", spec_path="pools.h100.volume", **fields)
    assert checkov_findings(same, stacks, folder, {}, [below]) == []
    others = [
        finding("LLM_SEC_6", spec_path="pools.h100b", **fields),
        finding("LLM_SEC_6", spec_path="pools.h100", **{**fields, "platform": "t"}),
        finding("LLM_SEC_2", spec_path="pools.h100", **fields),
    ]
    assert len(checkov_findings(same, stacks, folder, {}, others)) == 1


def used_groups() -> Stacks:
    group = {"aws_security_group": {"g": {"name": "g"}}}
    rule = {"aws_vpc_security_group_egress_rule": {"r": {"security_group_id": "${aws_security_group.g.id}"}}}
    model = {"vpc_config": {"subnets": ["s"], "security_group_ids": ["${aws_security_group.g.id}"]}}
    told = {"output": {"efa_group": {"value": "${aws_security_group.g.id}"}}}
    reader = {"helm_release": {"pools": {"values": ["${data.terraform_remote_state.c.outputs.efa_group}"]}}}
    documents = {
        "model": {"resource": {**group, "aws_sagemaker_model": {"m": model}}},
        "told": {"resource": {**group, **rule}, **told},
        "reader": {"resource": reader},
        "alone": {"resource": {**group, **rule}, "output": {"efa_group_2": told["output"]["efa_group"]}},
    }
    return Stacks(tuple(read_stack(name, f"{name}.json", body) for name, body in documents.items()))


@pytest.mark.parametrize(("stack", "is_used"), [("model", True), ("told", True), ("alone", False)])
def test_a_group_that_something_takes_is_attached(stack: str, is_used: bool) -> None:
    stacks = used_groups()
    block = next(item for item in stacks.resources("aws_security_group") if item.stack == stack)
    assert untrue("CKV2_AWS_5", block, stacks) is is_used
    assert not untrue("CKV_AWS_27", block, stacks), "no other check is judged by it"


@pytest.mark.parametrize(
    ("check", "type_", "body", "is_untrue"),
    [
        ("CKV_AWS_98", "aws_sagemaker_endpoint_configuration", {"production_variants": [{"model_name": "m"}]}, True),
        (
            "CKV_AWS_98",
            "aws_sagemaker_endpoint_configuration",
            {"production_variants": [{"volume_size_in_gb": 80}]},
            False,
        ),
        ("CKV_AWS_339", "aws_eks_cluster", {"version": eks.versions()[-1]}, True),
        ("CKV_AWS_339", "aws_eks_cluster", {"version": "1.28"}, False),
    ],
)
def test_what_the_stack_disproves_is_left_out(
    check: str, type_: str, body: dict[str, object], is_untrue: bool, stack_file: Path
) -> None:
    stacks = Stacks((read_stack("s", "stacks/s/cdk.tf.json", {"resource": {type_: {"x": body}}}),))
    found = checkov_findings([record(check, f"{type_}.x", stack_file)], stacks, stack_file.parents[2], {}, [])
    assert (found == []) is is_untrue


def test_a_fix_says_what_a_spec_can_do() -> None:
    assert fix_of("CKV_AWS_39", "cluster").startswith("leave Cluster(public_access_cidrs=…) out, or accept it: Waiver(")
    assert "no field of the spec changes this (a CPU limit" in fix_of("CKV_K8S_11", "endpoints.chat")
    assert "scope='x'" in fix_of("ACME_1", "x")


def test_records_of_rendered_objects_belong_to_the_release(stack_file: Path) -> None:
    stacks, folder = stacks_at(stack_file)
    body = {"kind": "Pod", "metadata": {"name": "p", "namespace": "n"}}
    rendered = KubernetesObject(body=body, spec_path="endpoints.chat", stack="s", release="chat")
    (item,) = checkov_findings(
        [record("CKV_K8S_16", "Pod.n.p", Path("/t/0.json"), "kubernetes")], stacks, folder, {"/t/0.json": rendered}, []
    )
    assert (item.spec_path, item.address) == ("endpoints.chat", "Pod.n.p")


@pytest.mark.slow
@pytest.mark.helm
def test_plain_checkov_sees_our_rules(synth_dir: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    (folder / "stacks").mkdir(parents=True)
    (folder / "manifest.json").write_text((synth_dir / "manifest.json").read_text(encoding="utf-8"), encoding="utf-8")
    for file in synth_dir.rglob("*"):
        if file.is_file() and "stacks" in file.parts:
            target = folder / file.relative_to(synth_dir)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
    cluster = folder / "stacks/acme-prod-cluster/cdk.tf.json"
    document = json.loads(cluster.read_text(encoding="utf-8"))
    document["resource"]["aws_launch_template"]["pool-h100"]["network_interfaces"].pop()
    del document["provider"]["aws"][0]["default_tags"]
    cluster.write_text(json.dumps(document, indent=2), encoding="utf-8")
    checks = llminfra.policy.checkov_checks.__path__[0]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "checkov.main", "-d", str(folder), "--framework", "terraform_json",
         "--external-checks-dir", checks, "--skip-download", "--output", "json", "--compact", "--quiet"],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    report = json.loads(done.stdout)
    failed = {(item["check_id"], item["resource"]) for item in report["results"]["failed_checks"]}
    ours = {pair for pair in failed if pair[0].startswith("LLM_")}
    assert ours == {("LLM_NET_2", "aws_launch_template.pool-h100"), ("LLM_TF_6", "provider.aws")}
    assert done.returncode == 1
