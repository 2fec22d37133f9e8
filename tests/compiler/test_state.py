"""Backends and remote state."""

import pytest

from llminfra import S3State
from llminfra.constructs.basis.state import Outputs, StateLocation
from llminfra.spec.foundation.state import LocalState
from tests.compiler import plans


def test_local_state_lies_beside_the_stacks_by_relative_path(stacks):
    assert stacks["network"]["terraform"]["backend"] == {"local": {"path": "../../state/acme-network.tfstate"}}
    remote = stacks["serving"]["data"]["terraform_remote_state"]["cluster"]
    assert remote["config"] == stacks["cluster"]["terraform"]["backend"]["local"]


def test_s3_state_is_encrypted_locked_and_has_a_key_per_stack(synth):
    key = "arn:aws:kms:eu-west-1:111122223333:key/x"
    state = S3State(bucket="acme-state", prefix="prod/", region="eu-west-1", kms_key_arn=key)
    stacks = synth(plans.plan(plans.assistant(), platform=plans.platform_spec(state=state)))
    for kind, stack in stacks.items():
        assert stack["terraform"]["backend"]["s3"] == {
            "bucket": "acme-state",
            "key": f"prod/acme/{kind}.tfstate",
            "region": "eu-west-1",
            "encrypt": True,
            "kms_key_id": key,
            "use_lockfile": True,
        }
    remote = stacks["serving"]["data"]["terraform_remote_state"]["cluster"]
    assert remote["backend"] == "s3"
    assert remote["config"]["key"] == "prod/acme/cluster.tfstate"


@pytest.mark.parametrize(("prefix", "key"), [("", "p/s.tfstate"), ("a/b", "a/b/p/s.tfstate"), ("/a/", "a/p/s.tfstate")])
def test_keys_have_no_empty_parts(prefix, key):
    location = StateLocation(state=S3State(bucket="bucket", prefix=prefix), platform="p", region="us-east-1", stack="s")
    assert location.key == key


def test_a_local_key_has_no_prefix():
    assert StateLocation(state=LocalState(), platform="p", region="r", stack="s").key == "p/s.tfstate"


def test_outputs_are_read_without_quotes():
    assert Outputs("data.terraform_remote_state.network")["vpc_id"] == (
        "${data.terraform_remote_state.network.outputs.vpc_id}"
    )
