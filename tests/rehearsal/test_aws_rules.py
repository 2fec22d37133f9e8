"""Rules of the simulated AWS, one input each."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llminfra.rehearsal.aws import deletion, immutable, limits, rules
from llminfra.rehearsal.aws.iam_policy import policy_problems
from llminfra.rehearsal.aws.identity import Namer, identities, zone_id
from llminfra.rehearsal.aws.policy_document import render
from llminfra.rehearsal.aws.references import references
from llminfra.rehearsal.aws.scene import Place, Scene, Subject
from llminfra.rehearsal.provider.values import UNKNOWN
from llminfra.rehearsal.schema import cache
from llminfra.rehearsal.world import World, WorldObject, WorldStore
from tests.rehearsal.rules_table import ACCEPTED, REFUSED

PLACE = Place("us-east-1", "123456789012")


@pytest.fixture
def scene_of(tmp_path: Path) -> Iterator[Callable[..., Scene]]:
    """Makes scenes with the given objects; their files are closed, as Python 3.13 warns of those that are not."""
    with ExitStack() as opened:

        def make(*objects: WorldObject) -> Scene:
            store = WorldStore(tmp_path / "world.sqlite")
            opened.callback(store.close)
            store.populate(objects)
            return Scene(store, PLACE)

        yield make


@pytest.mark.parametrize(("kind", "state", "expected"), REFUSED, ids=lambda item: item if isinstance(item, str) else "")
def test_refused(kind: str, state: dict[str, Any], expected: str) -> None:
    problems = [f"{item.summary} {item.detail}" for item in rules.config_problems(Subject(kind, state))]
    assert any(re.search(expected, item) for item in problems), problems


@pytest.mark.parametrize(("kind", "state"), ACCEPTED)
def test_accepted(kind: str, state: dict[str, Any]) -> None:
    assert list(rules.config_problems(Subject(kind, state))) == []


@pytest.mark.parametrize(("kind", "state", "_expected"), REFUSED)
def test_what_is_not_known_yet_is_not_refused(kind: str, state: dict[str, Any], _expected: str) -> None:
    unknown = dict.fromkeys(state, UNKNOWN)
    assert list(rules.config_problems(Subject(kind, unknown))) == []


@given(
    st.sampled_from(sorted(identities())),
    st.dictionaries(st.sampled_from(["name", "bucket", "policy"]), st.text(max_size=80)),
)
def test_no_text_breaks_a_rule(kind: str, state: dict[str, str]) -> None:
    for problem in rules.config_problems(Subject(kind, dict(state))):
        assert problem.summary


def test_default_quota_is_a_warning(scene_of: Callable[..., Scene]) -> None:
    vpcs = [WorldObject("aws_vpc", f"vpc-{index:017x}", {}, "us-east-1") for index in range(5)]
    found = list(rules.world_problems(scene_of(*vpcs), Subject("aws_vpc", {"cidr_block": "10.0.0.0/16"})))
    assert [(item.severity, item.summary) for item in found] == [
        ("warning", "default quota exceeded: VPCs per Region (L-F678F1CE)")
    ]


def test_security_group_of_another_network(scene_of: Callable[..., Scene]) -> None:
    scene = scene_of(
        WorldObject("aws_subnet", "subnet-0123456789abcdef0", {"vpc_id": "vpc-0123456789abcdef0"}),
        WorldObject("aws_security_group", "sg-0123456789abcdef0", {"vpc_id": "vpc-0123456789abcdef1"}),
    )
    state = {"subnet_ids": ["subnet-0123456789abcdef0"], "security_group_ids": ["sg-0123456789abcdef0"]}
    found = [item.summary for item in rules.world_problems(scene, Subject("aws_fsx_lustre_file_system", state))]
    assert found == ["InvalidParameter: subnets and security groups belong to different networks"]


def test_launch_template_version_that_is_not_there(scene_of: Callable[..., Scene]) -> None:
    template = WorldObject("aws_launch_template", "lt-0123456789abcdef0", {"latest_version": 2})
    state = {"launch_template": [{"id": "lt-0123456789abcdef0", "version": "3"}]}
    found = [item.detail for item in rules.world_problems(scene_of(template), Subject("aws_eks_node_group", state))]
    assert "latest version is 2" in found


def test_a_vpc_with_a_subnet_is_not_deleted(scene_of: Callable[..., Scene]) -> None:
    scene = scene_of()
    scene.world.add("aws_vpc", "vpc-0123456789abcdef0", "us-east-1", {"id": "vpc-0123456789abcdef0"})
    subject = Subject("aws_vpc", {"id": "vpc-0123456789abcdef0"})
    assert list(deletion.problems(scene, subject, "vpc-0123456789abcdef0")) == []
    scene.world.add("aws_subnet", "subnet-1", "us-east-1", {"vpc_id": "vpc-0123456789abcdef0"})
    found = list(deletion.problems(scene, subject, "vpc-0123456789abcdef0"))
    assert [item.detail for item in found] == ["aws_subnet subnet-1 still refers to it"]


def test_existing_objects_do_not_hold_anything(scene_of: Callable[..., Scene]) -> None:
    scene = scene_of(WorldObject("aws_subnet", "subnet-1", {"vpc_id": "vpc-0123456789abcdef0"}))
    subject = Subject("aws_vpc", {"id": "vpc-0123456789abcdef0"})
    assert list(deletion.problems(scene, subject, "vpc-0123456789abcdef0")) == []


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ({"Effect": "Permit", "Action": "s3:GetObject", "Resource": "*"}, "Effect must be Allow or Deny"),
        ({"Effect": "Allow", "Resource": "*"}, "must contain actions"),
        ({"Effect": "Allow", "Action": "s3:GetObject"}, "must contain resources"),
        ({"Effect": "Allow", "Action": "s3 GetObject", "Resource": "*"}, "prefaced by a vendor"),
        ({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "weights/*"}, "must be in ARN format"),
        ({"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Principal": "*"}, "should not specify a principal"),
        ({"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Conditions": {}}, "unknown element Conditions"),
        ({"Effect": "Allow", "Action": "s3:*", "NotAction": "s3:Get*", "Resource": "*"}, "exclude each other"),
        ({"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Sid": "read weights"}, "must be alpha-numeric"),
        (
            {"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {"StringsEqual": {"a": "b"}}},
            "Invalid Condition type",
        ),
    ],
)
def test_iam_grammar(statement: dict[str, Any], expected: str) -> None:
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    assert any(expected in item for item in policy_problems(text, needs_principal=False))


@given(st.text(max_size=200))
def test_any_text_is_judged_as_a_policy(text: str) -> None:
    assert all(isinstance(item, str) for item in policy_problems(text, needs_principal=True))


def test_policy_document_renders_what_the_provider_renders() -> None:
    statement = {
        "sid": "Read",
        "actions": ["s3:GetObject", "s3:ListBucket"],
        "resources": ["arn:aws:s3:::weights/&{aws:username}"],
        "principals": [{"type": "Service", "identifiers": ["ec2.amazonaws.com"]}],
        "condition": [{"test": "StringEquals", "variable": "aws:SourceAccount", "values": ["123456789012"]}],
    }
    answer, problems = render(Subject("aws_iam_policy_document", {"statement": [statement]}))
    assert problems == []
    assert json.loads(answer["json"]) == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Read",
                "Effect": "Allow",
                "Action": ["s3:ListBucket", "s3:GetObject"],
                "Resource": "arn:aws:s3:::weights/${aws:username}",
                "Principal": {"Service": "ec2.amazonaws.com"},
                "Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}},
            }
        ],
    }
    assert json.loads(answer["minified_json"]) == json.loads(answer["json"])
    assert " " not in answer["minified_json"]


def test_policy_document_merges_by_sid() -> None:
    base = json.dumps({"Statement": [{"Sid": "A", "Effect": "Allow"}, {"Sid": "B", "Effect": "Allow"}]})
    over = json.dumps({"Statement": {"Sid": "B", "Effect": "Deny"}})
    state = {"source_policy_documents": [base], "override_policy_documents": [over], "statement": []}
    answer, problems = render(Subject("aws_iam_policy_document", state))
    assert problems == []
    assert [(item["Sid"], item["Effect"]) for item in json.loads(answer["json"])["Statement"]] == [
        ("A", "Allow"),
        ("B", "Deny"),
    ]


def test_duplicate_sid_is_refused() -> None:
    state = {"statement": [{"sid": "A", "actions": ["s3:*"]}, {"sid": "A", "actions": ["s3:*"]}]}
    _, problems = render(Subject("aws_iam_policy_document", state))
    assert [item.summary for item in problems] == ["duplicate Sid (A)"]


@pytest.mark.parametrize(
    ("kind", "state", "identifier", "arn"),
    [
        ("aws_vpc", {}, r"vpc-[0-9a-f]{17}", r"arn:aws:ec2:us-east-1:123456789012:vpc/vpc-[0-9a-f]{17}"),
        ("aws_s3_bucket", {"bucket": "weights"}, "weights", "arn:aws:s3:::weights"),
        ("aws_iam_role", {"name": "node"}, "node", "arn:aws:iam::123456789012:role/node"),
        ("aws_iam_role", {"name": "node", "path": "/llm/"}, "node", "arn:aws:iam::123456789012:role/llm/node"),
        ("aws_eks_cluster", {"name": "demo"}, "demo", "arn:aws:eks:us-east-1:123456789012:cluster/demo"),
        ("aws_kms_key", {}, r"[0-9a-f-]{36}", r"arn:aws:kms:us-east-1:123456789012:key/[0-9a-f-]{36}"),
        ("aws_medialive_channel", {}, r"medialive-channel-[0-9a-f]{17}", r"arn:aws:medialive:.*"),
    ],
)
def test_identities(
    scene_of: Callable[..., Scene], kind: str, state: dict[str, Any], identifier: str, arn: str
) -> None:
    namer = Namer(scene_of(), kind, state)
    assert re.fullmatch(identifier, namer.id())
    assert re.fullmatch(arn, namer.arn())
    again = Namer(scene_of(), kind, state)
    assert (again.id(), again.arn()) == (namer.id(), namer.arn())


def test_other_partitions_have_their_own_arns(scene_of: Callable[..., Scene]) -> None:
    scene = Scene(scene_of().world, Place("cn-north-1", "123456789012"))
    assert Namer(scene, "aws_s3_bucket", {"bucket": "weights"}).arn() == "arn:aws-cn:s3:::weights"


def test_zone_ids_have_the_shape_that_aws_uses() -> None:
    assert zone_id("us-east-1a") == "use1-az1"
    assert zone_id("ap-southeast-2c") == "apse2-az3"
    assert zone_id("eu-central-1b") == "euc1-az2"


def test_tables_name_types_and_attributes_that_exist() -> None:
    types = cache.type_names("aws", "resource")
    assert set(identities()) <= set(types)
    blocks = cache.read("aws", types, ()).resources
    for name, identity in identities().items():
        paths = {".".join(path) for path, _ in blocks[name].walk()}
        assert set(identity.values or {}) <= paths, name
    for name, reference in references().items():
        assert set(reference.types) <= set(types), name
    for name, block in blocks.items():
        paths = {".".join(path) for path, _ in block.walk()}
        assert immutable.immutable_attributes(name, block) <= paths, name
        for kind in ("enum", "length", "range", "pattern"):
            assert set(limits.facts(name, kind)) <= paths, (name, kind)


def test_facts_of_the_provider_beat_those_of_cloudformation() -> None:
    blocks = cache.read("aws", ["aws_eks_cluster", "aws_batch_compute_environment", "aws_xray_group"], ()).resources
    cluster = immutable.immutable_attributes("aws_eks_cluster", blocks["aws_eks_cluster"])
    assert "name" in cluster
    assert "encryption_config" not in cluster
    assert "tags" not in immutable.immutable_attributes(
        "aws_batch_compute_environment", blocks["aws_batch_compute_environment"]
    )


def test_the_world_keeps_one_object_per_key(tmp_path: Path) -> None:
    from llminfra.rehearsal.world import Taken

    store = WorldStore(tmp_path / "world.sqlite")
    store.populate(World().objects)
    store.add("aws_s3_bucket", "weights", "", {"bucket": "weights"})
    with pytest.raises(Taken):
        store.add("aws_s3_bucket", "weights", "", {"bucket": "weights"})
    assert store.remove("aws_s3_bucket", "weights", "us-east-1")
    assert not store.remove("aws_s3_bucket", "weights", "us-east-1")
    store.close()


@pytest.mark.parametrize(
    ("file", "section", "text"), [("references", "attributes", "missing"), ("identities", "types", "taken")]
)
def test_words_that_were_not_found_anywhere_say_so(file: str, section: str, text: str) -> None:
    folder = files("llminfra.rehearsal.aws").joinpath("data")
    data = json.loads(folder.joinpath(f"{file}.json").read_text(encoding="utf-8"))
    assert "verified" in str(data["_source"])
    for name, row in data[section].items():
        assert row.get("verified", False) is False, name
        if "verified" in row:
            assert ": " in row[text], f"{name}: only words that look like those of AWS need a mark"
