"""The real Terraform takes what the compiler writes, in the variants that the repository's own stacks do not show."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from llminfra import GpuPool, OnDemand, Reservation, S3State, Spot
from llminfra.compiler import compile_platforms
from llminfra.planning.plan import Plan
from llminfra.planning.plan.infrastructure import BucketPlan, SubnetPlan
from llminfra.rehearsal.cycle import rehearse
from tests.compiler import plans
from tests.helpers.tools import require_terraform

pytestmark = [pytest.mark.terraform, pytest.mark.slow]


def _h100(**changes):
    fields = {"name": "h100", "instance_types": ["p5.48xlarge"], "nodes": (0, 2), "efa": True, "zones": ["us-east-1b"]}
    return GpuPool(**{**fields, **changes})


def _irsa_and_cluster_autoscaler() -> Plan:
    """IRSA, the Cluster Autoscaler, spot and a reservation group, one NAT gateway, S3 state, a budget, an account."""
    reserved = Reservation(resource_group_arn="arn:aws:resource-groups:us-east-1:111122223333:group/p5")
    spot = replace(
        plans.l40s_pool(),
        provisioner="cluster-autoscaler",
        spec=plans.L40S.model_copy(update={"capacity": Spot()}),
        ami_release="20260903",
    )
    h100 = replace(plans.h100_pool(), provisioner="cluster-autoscaler", spec=_h100(capacity=reserved))
    return plans.plan(
        plans.assistant(),
        platform=plans.platform_spec(
            account_id="111122223333", budget_usd_per_month=90_000, state=S3State(bucket="acme-state", prefix="p")
        ),
        cluster=plans.cluster_plan(identity="irsa", autoscaler="cluster-autoscaler", deletion_protection=False),
        network=plans.network_plan(nat="single", flow_logs_days=0),
        pools=(h100, spot),
        lustre=(),
    )


def _efa_everywhere() -> Plan:
    """EFA on demand in a placement group and by Karpenter, an EFA file system, replicas over two nodes."""
    placed = replace(
        plans.h100_pool(), spec=_h100(capacity=OnDemand()), capacity_types=("on-demand",), placement_group=True
    )
    elastic = replace(placed, name="elastic", spec=_h100(name="elastic", capacity=OnDemand()), provisioner="karpenter")
    lustre = (replace(plans.plan().lustre[0], efa=True, capacity_gib=9600, throughput_mbps_per_tib=500),)
    return plans.plan(
        plans.chat(),
        cluster=plans.cluster_plan(deletion_protection=False, admin_role_arns=()),
        pools=(placed, elastic),
        lustre=lustre,
    )


@pytest.mark.parametrize("variant", [_irsa_and_cluster_autoscaler, _efa_everywhere], ids=lambda item: item.__name__)
def test_a_whole_life(variant, tmp_path):
    require_terraform()
    compile_platforms([variant()], tmp_path / "out")
    report = rehearse(tmp_path / "out")
    assert report.ok, [item for stack in report.stacks for item in stack.findings]
    assert {step.name for stack in report.stacks for step in stack.steps} >= {"apply", "second plan", "destroy"}


def test_what_is_there_already_is_valid_to_read(tmp_path: Path):
    require_terraform()
    subnets = tuple(
        SubnetPlan(zone=zone, kind="private", cidr="", existing_id=f"subnet-0000000{index}")
        for index, zone in enumerate(plans.ZONES)
    )
    network = plans.network_plan(
        subnets=subnets,
        nat="none",
        existing_vpc_id="vpc-00000001",
        gateway_endpoints=(),
        interface_endpoints=(),
        flow_logs_days=0,
    )
    buckets = (BucketPlan(name="acme-weights", spec=plans.WEIGHTS, existing=True),)
    compile_platforms([plans.plan(plans.assistant(), network=network, buckets=buckets, lustre=())], tmp_path / "out")
    report = rehearse(tmp_path / "out", validate_only=True)
    assert report.ok, [item for stack in report.stacks for item in stack.findings]
