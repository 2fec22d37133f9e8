"""Ways in from the whole internet: what `plan` foresees is what `check` finds, and the same waivers accept it."""

from __future__ import annotations

from pathlib import Path

import pytest

from llminfra import SpecError, plan_specs
from llminfra.rules.run import run_terraform
from llminfra.rules.terraform import open_ways
from llminfra.rules.views.terraform_view import read_synth_dir
from tests.cli.specs import write
from tests.helpers.synthesized import Synthesized

_CODES = {"LLM_NET_10", "LLM_NET_11"}

OPEN = """
from llminfra import VLLM, Cluster, Ec2, Endpoint, Gateway, GpuPool, Model, Platform, Secret, Waiver

ANYONE = ["0.0.0.0/0"]
CERTIFICATE = "arn:aws:acm:us-east-1:111122223333:certificate/0a1b2c3d"
pool = GpuPool(name="l4", instance_types=["g6.2xlarge"], nodes=(1, 2))
model = Model(id="Qwen/Qwen3-8B")
engine = VLLM(max_model_len=8192, max_num_seqs=16)
chat, other = (Endpoint(name=name, model=model, engine=engine, on=pool) for name in ("chat", "other"))
on = Ec2(
    instance_type="g6.2xlarge",
    domain_name="solo.example.com",
    certificate_arn=CERTIFICATE,
    allow_from_cidrs=ANYONE,
)
solo = Endpoint(name="solo", model=model, engine=engine, on=on, api_key=Secret(name="llm/key"))


def gateway(name, endpoint, **given):
    host = f"{name}.example.com"
    return Gateway(name=name, endpoints=[endpoint], hostname=host, certificate_arn=CERTIFICATE, **given)


platform = Platform(
    name="open",
    region="us-east-1",
    cluster=Cluster(version="1.35", public_access_cidrs=ANYONE, private_access_cidrs=ANYONE),
    pools=[pool],
    endpoints=[chat, other, solo],
    gateways=[gateway("wide", chat, allow_from_cidrs=ANYONE), gateway("known", other, allow_from_cidrs=["10.0.0.0/8"])],
    waivers=[],
)
"""


def waiver(rule: str, scope: str) -> str:
    return (
        f'Waiver(rule="{rule}", scope="{scope}", reason="a test range without anything behind it", '
        'owner="ml", expires="2999-01-01")'
    )


def told(spec: Path) -> set[tuple[str, str]]:
    """Codes and places of the rules here, as ``llminfra plan`` tells them."""
    try:
        plans = plan_specs([spec])
    except SpecError as error:
        found = error.diagnostics
    else:
        found = tuple(item for plan in plans for item in plan.diagnostics)
    return {(item.code, item.path) for item in found if item.code in _CODES}


def test_plan_foresees_what_check_finds(tmp_path: Path, synthesized: Synthesized) -> None:
    spec = write(tmp_path, OPEN)
    found = {
        (item.diagnostic.code, item.diagnostic.path, item.diagnostic.message, item.diagnostic.found)
        for item in run_terraform(read_synth_dir(synthesized(spec)), open_ways.RULES)
    }
    with pytest.raises(SpecError) as caught:
        plan_specs([spec])
    foreseen = {
        (item.code, item.path, item.message, item.found) for item in caught.value.diagnostics if item.code in _CODES
    }
    assert foreseen == found
    assert {(code, path) for code, path, _, _ in found} == {
        ("LLM_NET_10", "cluster"),
        ("LLM_NET_11", "cluster"),
        ("LLM_NET_11", "endpoints.solo"),
        ("LLM_NET_11", "gateways.wide"),
    }


def test_the_fix_names_the_field(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        plan_specs([write(tmp_path, OPEN)])
    fixes = {item.path: item.fix for item in caught.value.diagnostics if item.code == "LLM_NET_11"}
    assert fixes == {
        "cluster": "name your networks in Cluster(private_access_cidrs=…)",
        "endpoints.solo": "name your networks in Ec2(allow_from_cidrs=…)",
        "gateways.wide": "name your networks in Gateway(allow_from_cidrs=…)",
    }


def test_a_waiver_of_a_path_holds_there_alone(tmp_path: Path) -> None:
    accepted = OPEN.replace("waivers=[]", f"waivers=[{waiver('LLM_NET_11', 'cluster')}]")
    paths = {("LLM_NET_10", "cluster"), ("LLM_NET_11", "endpoints.solo"), ("LLM_NET_11", "gateways.wide")}
    assert told(write(tmp_path, accepted)) == paths


@pytest.mark.parametrize("scope", ["aws_eks_cluster.cluster", "open-cluster/aws_eks_cluster.cluster", "aws_eks_*"])
def test_a_waiver_of_a_resource_is_for_check_to_judge(scope: str, tmp_path: Path) -> None:
    accepted = OPEN.replace("waivers=[]", f"waivers=[{waiver('LLM_NET_10', scope)}]")
    assert {code for code, _ in told(write(tmp_path, accepted))} == {"LLM_NET_11"}


def test_what_is_open_to_named_networks_is_not_told(tmp_path: Path) -> None:
    assert told(write(tmp_path, OPEN.replace('"0.0.0.0/0"', '"203.0.113.0/24"'))) == set()
