"""Weights bucket and Lustre."""

import pytest
from msgspec.structs import replace

from llminfra.planning.plan.infrastructure import BucketPlan
from tests.compiler import plans


@pytest.fixture(scope="module")
def storage(stacks):
    return stacks["storage"]


@pytest.fixture(scope="module")
def resources(storage):
    return storage["resource"]


def _statements(stack, name):
    return {item["sid"]: item for item in stack["data"]["aws_iam_policy_document"][name]["statement"]}


def test_the_bucket_is_versioned_encrypted_and_closed(resources):
    (bucket,) = resources["aws_s3_bucket"].values()
    assert bucket["bucket"] == "acme-weights"
    assert bucket["force_destroy"] is False
    (versioning,) = resources["aws_s3_bucket_versioning"].values()
    assert versioning["versioning_configuration"] == {"status": "Enabled"}
    (rule,) = next(iter(resources["aws_s3_bucket_server_side_encryption_configuration"].values()))["rule"]
    assert rule["bucket_key_enabled"] is True
    assert rule["apply_server_side_encryption_by_default"] == {
        "sse_algorithm": "aws:kms",
        "kms_master_key_id": "${aws_kms_key.storage.arn}",
    }
    (block,) = resources["aws_s3_bucket_public_access_block"].values()
    assert all(block[key] is True for key in block if key.endswith(("acls", "policy", "buckets")))


def test_the_bucket_refuses_plain_http(storage):
    deny = _statements(storage, "bucket-acme-weights-bucket")["DenyWithoutTls"]
    assert deny["effect"] == "Deny"
    assert deny["principals"] == [{"type": "AWS", "identifiers": ["*"]}]
    assert deny["condition"] == [{"test": "Bool", "variable": "aws:SecureTransport", "values": ["false"]}]


def test_old_versions_and_unfinished_uploads_go(resources):
    (rule,) = next(iter(resources["aws_s3_bucket_lifecycle_configuration"].values()))["rule"]
    assert rule["abort_incomplete_multipart_upload"] == [{"days_after_initiation": 7}]
    assert rule["noncurrent_version_expiration"] == [{"noncurrent_days": 90}]
    assert "expiration" not in rule


def test_lustre_is_persistent_encrypted_and_in_one_subnet(resources):
    system = resources["aws_fsx_lustre_file_system"]["lustre-fast"]
    assert system["deployment_type"] == "PERSISTENT_2"
    assert system["storage_capacity"] == 4800
    assert system["per_unit_storage_throughput"] == 500
    assert system["file_system_type_version"] == "2.15"
    assert system["kms_key_id"] == "${aws_kms_key.storage.arn}"
    assert system["subnet_ids"] == ["${data.terraform_remote_state.network.outputs.private_subnet_us-east-1b}"]
    assert system["log_configuration"]["level"] == "WARN_ERROR"
    assert resources["aws_cloudwatch_log_group"]["lustre-fast"]["name"].startswith("/aws/fsx/")


@pytest.mark.parametrize(("low", "high"), [(988, 988), (1018, 1023)])
@pytest.mark.parametrize("peer", ["self", "nodes"])
def test_lustre_ports_are_open_between_servers_and_nodes(resources, low, high, peer):
    for rules, suffix in (
        (resources["aws_vpc_security_group_ingress_rule"], ""),
        (resources["aws_vpc_security_group_egress_rule"], "-out"),
    ):
        rule = rules[f"lustre-fast-{peer}-{low}{suffix}"]
        assert (rule["from_port"], rule["to_port"], rule["ip_protocol"]) == (low, high, "tcp")
        assert rule["security_group_id"] == "${aws_security_group.lustre-fast.id}"


def test_fsx_is_asked_when_its_ports_are_open(resources, synth):
    """CreateFileSystem looks at the group's rules, which nothing in its arguments waits for."""
    efa = plans.plan(lustre=(replace(plans.plan().lustre[0], efa=True),))
    for stack in (resources, synth(efa)["storage"]["resource"]):
        (system,) = stack["aws_fsx_lustre_file_system"].values()
        (group,) = system["security_group_ids"]
        own = {
            f"{kind}.{name}"
            for kind in ("aws_vpc_security_group_ingress_rule", "aws_vpc_security_group_egress_rule")
            for name, rule in stack[kind].items()
            if rule["security_group_id"] == group
        }
        assert own
        assert own <= set(system["depends_on"])


def test_servers_may_call_nodes_back(resources):
    rule = resources["aws_vpc_security_group_ingress_rule"]["lustre-fast-callback-988"]
    assert rule["security_group_id"] == "${data.terraform_remote_state.cluster.outputs.node_security_group_id}"
    assert rule["referenced_security_group_id"] == "${aws_security_group.lustre-fast.id}"


def test_the_bucket_lies_behind_the_file_system(resources):
    link = resources["aws_fsx_data_repository_association"]["lustre-fast"]
    assert link["data_repository_path"] == "s3://${aws_s3_bucket.bucket-acme-weights.bucket}/models"
    assert link["file_system_path"] == "/models"
    assert link["s3"]["auto_import_policy"]["events"] == ["NEW", "CHANGED", "DELETED"]
    assert "auto_export_policy" not in link["s3"]


def test_fsx_may_use_the_key_through_s3_of_this_account_only(storage):
    statement = _statements(storage, "storage-key")["FsxDataRepository"]
    conditions = {item["variable"]: item["values"] for item in statement["condition"]}
    assert conditions["kms:CallerAccount"] == ["${data.aws_caller_identity.account.account_id}"]
    assert conditions["kms:ViaService"] == ["s3.us-east-1.amazonaws.com"]
    assert conditions["aws:userid"] == ["*:FSx"]


def test_an_efa_file_system_has_an_efa_group(synth):
    lustre = (replace(plans.plan().lustre[0], efa=True),)
    storage = synth(plans.plan(lustre=lustre))["storage"]["resource"]
    assert storage["aws_fsx_lustre_file_system"]["lustre-fast"]["efa_enabled"] is True
    for direction, suffix in (("ingress", "in"), ("egress", "out")):
        rules = storage[f"aws_vpc_security_group_{direction}_rule"]
        itself, pool = rules[f"lustre-fast-efa-{suffix}"], rules[f"lustre-fast-h100-efa-{suffix}"]
        assert itself["ip_protocol"] == pool["ip_protocol"] == "-1"
        assert itself["referenced_security_group_id"] == itself["security_group_id"]
        group = "${data.terraform_remote_state.cluster.outputs.efa_security_group_h100}"
        assert pool["referenced_security_group_id"] == group
        assert rules[f"lustre-fast-from-h100-efa-{suffix}"]["security_group_id"] == group


def test_an_existing_bucket_is_only_read(synth):
    buckets = (BucketPlan(name="acme-weights", spec=plans.WEIGHTS, existing=True),)
    storage = synth(plans.plan(buckets=buckets, lustre=()))["storage"]
    assert storage["data"]["aws_s3_bucket"]["bucket-acme-weights"]["bucket"] == "acme-weights"
    assert "resource" not in storage
    assert set(storage["output"]) == {"bucket_acme-weights", "bucket_acme-weights_arn"}


def test_no_storage_no_stack(synth):
    assert set(synth(plans.plan(buckets=(), lustre=()))) == {"network", "cluster", "platform"}


def test_two_buckets_whose_names_differ_by_punctuation_do_not_collide(synth):
    names = ("acme-a.b", "acme-a-b")
    buckets = tuple(
        BucketPlan(name=name, spec=plans.WEIGHTS.model_copy(update={"name": name}), existing=False) for name in names
    )
    storage = synth(plans.plan(buckets=buckets, lustre=()))["storage"]
    assert {item["bucket"] for item in storage["resource"]["aws_s3_bucket"].values()} == set(names)
    assert len(storage["output"]) == 5
