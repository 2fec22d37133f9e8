"""What holds for every stack."""

import json
import re
from collections.abc import Iterator
from typing import Any

from llminfra.bindings.synth import assert_clean
from llminfra.constructs.basis.providers import provider_version


def _resources(stack: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for kind, by_name in stack.get("resource", {}).items():
        for name, body in by_name.items():
            yield kind, name, body


def test_there_are_five_stacks(stacks):
    assert set(stacks) == {"network", "cluster", "storage", "platform", "serving"}


def test_no_stack_has_empty_blocks_or_tokens(stacks):
    assert [problem for stack in stacks.values() for problem in assert_clean(stack)] == []


def test_every_resource_says_where_in_the_spec_it_comes_from(stacks):
    roots = {"network", "cluster", "pools", "storage", "observability", "endpoints"}
    for stack in stacks.values():
        for kind, name, body in _resources(stack):
            path = body["//"]["llminfra"]["spec_path"]
            assert path.split(".")[0] in roots, f"{kind}.{name}: {path}"


def test_spec_paths_name_the_declared_object(stacks):
    cluster = stacks["cluster"]["resource"]
    assert cluster["aws_eks_node_group"]["pool-h100"]["//"]["llminfra"]["spec_path"] == "pools.h100"
    serving = stacks["serving"]["resource"]
    assert serving["helm_release"]["chat"]["//"]["llminfra"]["spec_path"] == "endpoints.chat"


def test_metadata_of_cdktf_survives_beside_the_spec_path(stacks):
    vpc = stacks["network"]["resource"]["aws_vpc"]["vpc"]["//"]
    assert vpc["metadata"]["uniqueId"] == "vpc"


def test_outputs_are_not_sensitive_and_no_stack_reads_what_another_does_not_write(stacks):
    text = json.dumps(stacks)
    written = {kind: set(stack.get("output", {})) for kind, stack in stacks.items()}
    assert not [
        name for stack in stacks.values() for name, body in stack.get("output", {}).items() if "sensitive" in body
    ]
    read = set(re.findall(r"data\.terraform_remote_state\.(\w+)\.outputs\.([\w-]+)", text))
    assert read
    assert {(kind, name) for kind, name in read if name not in written[kind]} == set()


def test_no_implicit_references_between_stacks(stacks):
    assert "cross-stack" not in json.dumps(stacks)


def test_providers_are_pinned_by_full_source(stacks):
    for stack in stacks.values():
        pins = stack["terraform"]["required_providers"]
        assert pins["aws"] == {"source": "hashicorp/aws", "version": provider_version("cdktf-cdktf-provider-aws")}
        for pin in pins.values():
            assert re.fullmatch(r"hashicorp/\w+", pin["source"])
            assert re.fullmatch(r"\d+\.\d+\.\d+", pin["version"])


def test_tags_are_on_the_provider_of_every_stack(stacks):
    for kind, stack in stacks.items():
        tags = stack["provider"]["aws"][0]["default_tags"][0]["tags"]
        assert tags == {"team": "ml", "llminfra:platform": "acme", "llminfra:stack": kind}


def test_helm_is_configured_from_another_stacks_state_only(stacks):
    for kind in ("platform", "serving"):
        kubernetes = stacks[kind]["provider"]["helm"][0]["kubernetes"]
        assert kubernetes["host"] == "${data.terraform_remote_state.cluster.outputs.cluster_endpoint}"
        assert kubernetes["cluster_ca_certificate"].startswith("${base64decode(data.terraform_remote_state.cluster.")
        assert kubernetes["exec"]["command"] == "aws"
        assert "token" not in kubernetes
        assert "aws_eks_cluster" not in stacks[kind]["resource"]


def test_policies_are_documents_and_never_text(stacks):
    for stack in stacks.values():
        for kind, name, body in _resources(stack):
            for key in ("policy", "assume_role_policy"):
                if isinstance(body.get(key), str):
                    assert body[key].startswith("${data.aws_iam_policy_document."), f"{kind}.{name}.{key}"


def test_only_reads_that_aws_cannot_restrict_name_every_resource(stacks):
    wild = {
        action
        for stack in stacks.values()
        for document in stack["data"].get("aws_iam_policy_document", {}).values()
        for statement in document["statement"]
        if statement["effect"] == "Allow" and "*" in statement.get("resources", [])
        for action in statement["actions"]
    }
    assert wild
    assert not [
        item
        for item in wild
        if not re.match(r"(ec2:Describe|fsx:DescribeFileSystems|pricing:GetProducts|iam:ListInstanceProfiles)", item)
    ]


def test_no_statement_allows_every_action(stacks):
    for stack in stacks.values():
        for document in stack["data"].get("aws_iam_policy_document", {}).values():
            for statement in document["statement"]:
                if statement["effect"] == "Allow":
                    assert "*" not in statement["actions"]
                    assert not [a for a in statement["actions"] if a.endswith(":*") and a != "kms:*"]


def test_every_kms_key_rotates_and_has_a_policy_of_its_own(stacks):
    for stack in stacks.values():
        keys = stack["resource"].get("aws_kms_key", {})
        assert set(keys) == set(stack["resource"].get("aws_kms_key_policy", {}))
        assert all(key["enable_key_rotation"] is True for key in keys.values())


def test_security_groups_admit_nobody_from_the_internet(stacks):
    for stack in stacks.values():
        for rule in stack["resource"].get("aws_vpc_security_group_ingress_rule", {}).values():
            assert rule.get("cidr_ipv4") != "0.0.0.0/0"
            assert rule["description"]
