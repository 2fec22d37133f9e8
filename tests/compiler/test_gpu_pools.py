"""GPU pools as managed node groups: network cards, capacity, placement, scale from zero."""

import base64
import json

import pytest
from msgspec.structs import replace

from llminfra import GpuPool, OnDemand, Reservation, Spot
from tests.compiler import plans


def _cluster(synth, pool, **changes):
    return synth(plans.plan(pools=(pool,), buckets=(), lustre=(), **changes))["cluster"]


@pytest.fixture(scope="module")
def cluster(stacks):
    return stacks["cluster"]["resource"]


def _spec(**changes):
    fields = {"name": "h100", "instance_types": ["p5.48xlarge"], "nodes": (0, 2), "efa": True, "zones": ["us-east-1b"]}
    return GpuPool(**{**fields, **changes})


def test_every_card_of_a_p5_has_its_efa_interface(cluster):
    interfaces = cluster["aws_launch_template"]["pool-h100"]["network_interfaces"]
    layout = [(item["network_card_index"], item["device_index"], item["interface_type"]) for item in interfaces]
    assert layout == [(0, 0, "interface"), (0, 1, "efa-only")] + [(card, 0, "efa-only") for card in range(1, 32)]


def test_interfaces_name_groups_but_no_subnet_and_no_public_address(cluster):
    template = cluster["aws_launch_template"]["pool-h100"]
    for item in template["network_interfaces"]:
        assert item["security_groups"] == ["${aws_security_group.nodes.id}", "${aws_security_group.pool-h100-efa.id}"]
        assert "subnet_id" not in item
        assert item.get("associate_public_ip_address", "false") == "false"
    assert "vpc_security_group_ids" not in template


def test_the_efa_group_admits_itself_both_ways(cluster):
    for direction, suffix in (("ingress", "in"), ("egress", "out")):
        rule = cluster[f"aws_vpc_security_group_{direction}_rule"][f"pool-h100-efa-{suffix}"]
        assert rule["ip_protocol"] == "-1"
        assert (
            rule["security_group_id"]
            == rule["referenced_security_group_id"]
            == "${aws_security_group.pool-h100-efa.id}"
        )


def test_a_capacity_block_is_targeted_as_eks_wants_it(cluster):
    template, group = cluster["aws_launch_template"]["pool-h100"], cluster["aws_eks_node_group"]["pool-h100"]
    assert template["instance_market_options"] == {"market_type": "capacity-block"}
    assert template["capacity_reservation_specification"] == {
        "capacity_reservation_target": {"capacity_reservation_id": "cr-0123456789abcdef0"}
    }
    assert template["instance_type"] == "p5.48xlarge"
    assert group["capacity_type"] == "CAPACITY_BLOCK"
    assert "instance_types" not in group
    assert "aws_placement_group" not in cluster


def test_a_block_lies_in_one_subnet_and_starts_at_the_planned_size(cluster):
    group = cluster["aws_eks_node_group"]["pool-h100"]
    assert group["subnet_ids"] == ["${data.terraform_remote_state.network.outputs.private_subnet_us-east-1b}"]
    assert group["scaling_config"] == {"min_size": 0, "max_size": 2, "desired_size": 2}


def test_taints_speak_the_language_of_eks(cluster):
    group = cluster["aws_eks_node_group"]["pool-h100"]
    assert group["taint"] == [{"key": "nvidia.com/gpu", "value": "true", "effect": "NO_SCHEDULE"}]
    assert group["labels"]["llminfra.io/pool"] == "h100"


def test_user_data_joins_the_disks_and_counts_the_pods(cluster):
    document = base64.b64decode(cluster["aws_launch_template"]["pool-h100"]["user_data"]).decode()
    assert document.startswith("MIME-Version: 1.0\n")
    assert "Content-Type: application/node.eks.aws" in document
    config = json.loads(document[document.index("{") : document.rindex("}") + 1])
    assert config["kind"] == "NodeConfig"
    assert config["spec"]["instance"]["localStorage"] == {"strategy": "RAID0"}
    assert config["spec"]["kubelet"]["config"] == {"maxPods": 100}


def test_karpenter_pools_have_no_node_group(cluster):
    assert set(cluster["aws_eks_node_group"]) == {"system", "pool-h100"}


def test_a_full_release_is_pinned_as_it_is(cluster):
    assert cluster["aws_eks_node_group"]["pool-h100"]["release_version"] == "1.35.7-20260903"


def test_a_date_is_resolved_to_the_release_of_that_ami(synth):
    stack = _cluster(synth, replace(plans.h100_pool(), ami_release="20260903"))
    parameter = stack["data"]["aws_ssm_parameter"]["pool-h100-ami"]["name"]
    assert parameter == (
        "/aws/service/eks/optimized-ami/1.35/amazon-linux-2023/x86_64/nvidia/"
        "amazon-eks-node-al2023-x86_64-nvidia-1.35-v20260903/release_version"
    )
    group = stack["resource"]["aws_eks_node_group"]["pool-h100"]
    assert group["release_version"] == "${data.aws_ssm_parameter.pool-h100-ami.insecure_value}"


def test_on_demand_efa_gets_the_planned_placement_group(synth):
    pool = replace(
        plans.h100_pool(), spec=_spec(capacity=OnDemand()), capacity_types=("on-demand",), placement_group=True
    )
    stack = _cluster(synth, pool)["resource"]
    assert stack["aws_placement_group"]["pool-h100"]["strategy"] == "cluster"
    template = stack["aws_launch_template"]["pool-h100"]
    assert template["placement"] == {"group_name": "${aws_placement_group.pool-h100.name}"}
    assert not {"instance_market_options", "capacity_reservation_specification", "instance_type"} & set(template)
    group = stack["aws_eks_node_group"]["pool-h100"]
    assert (group["capacity_type"], group["instance_types"]) == ("ON_DEMAND", ["p5.48xlarge"])


def test_a_reservation_group_is_targeted_by_its_arn(synth):
    arn = "arn:aws:resource-groups:us-east-1:111122223333:group/p5"
    pool = replace(plans.h100_pool(), spec=_spec(capacity=Reservation(resource_group_arn=arn)))
    template = _cluster(synth, pool)["resource"]["aws_launch_template"]["pool-h100"]
    target = template["capacity_reservation_specification"]["capacity_reservation_target"]
    assert target == {"capacity_reservation_resource_group_arn": arn}
    assert "instance_market_options" not in template


def test_spot_groups_are_spot(synth):
    pool = replace(plans.l40s_pool(), provisioner="managed", spec=plans.L40S.model_copy(update={"capacity": Spot()}))
    stack = _cluster(synth, pool)["resource"]
    group = stack["aws_eks_node_group"]["pool-l40s"]
    assert group["capacity_type"] == "SPOT"
    assert group["instance_types"] == ["g6e.12xlarge", "g6e.24xlarge"]
    template = stack["aws_launch_template"]["pool-l40s"]
    assert template["vpc_security_group_ids"] == ["${aws_security_group.nodes.id}"]
    assert "network_interfaces" not in template


def test_the_cluster_autoscaler_knows_what_an_empty_group_would_be(synth):
    pool = replace(plans.h100_pool(), provisioner="cluster-autoscaler")
    stack = _cluster(synth, pool, cluster=plans.cluster_plan(autoscaler="cluster-autoscaler"))["resource"]
    tags = {item["tag"]["key"]: item["tag"]["value"] for item in stack["aws_autoscaling_group_tag"].values()}
    prefix = "k8s.io/cluster-autoscaler/node-template"
    assert tags[f"{prefix}/label/llminfra.io/pool"] == "h100"
    assert tags[f"{prefix}/taint/nvidia.com/gpu"] == "true:NoSchedule"
    assert tags[f"{prefix}/resources/nvidia.com/gpu"] == "8"
    assert tags[f"{prefix}/resources/vpc.amazonaws.com/efa"] == "32"
    assert tags[f"{prefix}/resources/ephemeral-storage"].endswith("Gi")
    names = {item["autoscaling_group_name"] for item in stack["aws_autoscaling_group_tag"].values()}
    assert names == {"${aws_eks_node_group.pool-h100.resources[0].autoscaling_groups[0].name}"}


@pytest.mark.parametrize("name", ["system", "nodes", "cluster", "aws", "network"])
def test_a_pool_may_be_called_like_our_own_things(synth, name):
    pool = replace(plans.h100_pool(), name=name, spec=_spec(name=name))
    stack = _cluster(synth, pool)["resource"]
    assert {"system", f"pool-{name}"} == set(stack["aws_eks_node_group"])
