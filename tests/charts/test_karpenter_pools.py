"""Node pools: what Karpenter's CEL rules and EC2 would refuse, and what must not drift."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from llminfra.charts.karpenter_pools import DisruptionBudget, KarpenterPool, NodeNetworkInterface
from tests.charts.conftest import Render
from tests.charts.objects import of_kind
from tests.charts.samples import karpenter_pools


def _h100() -> KarpenterPool:
    return karpenter_pools().pools[1]


def test_p5_has_thirty_two_efa_cards_and_one_address(render_chart: Render) -> None:
    node_class = of_kind(render_chart("karpenter-pools", karpenter_pools()), "EC2NodeClass")[1]
    interfaces = node_class["spec"]["networkInterfaces"]
    assert sum(nic["interfaceType"] == "efa-only" for nic in interfaces) == 32
    assert [nic for nic in interfaces if nic["interfaceType"] == "interface"] == [
        {"networkCardIndex": 0, "deviceIndex": 0, "interfaceType": "interface"}
    ]


def test_nodes_are_pinned_private_and_encrypted(render_chart: Render) -> None:
    for item in of_kind(render_chart("karpenter-pools", karpenter_pools()), "EC2NodeClass"):
        spec = item["spec"]
        assert spec["amiSelectorTerms"] == [{"alias": "al2023@v20260801"}]
        assert spec["metadataOptions"]["httpTokens"] == "required"
        assert spec["metadataOptions"]["httpPutResponseHopLimit"] == 1
        assert all(device["ebs"]["encrypted"] for device in spec["blockDeviceMappings"])
        assert spec["instanceStorePolicy"] == "RAID0"


def test_disruption_leaves_a_loading_model_alone(render_chart: Render) -> None:
    for item in of_kind(render_chart("karpenter-pools", karpenter_pools()), "NodePool"):
        assert item["spec"]["disruption"]["consolidationPolicy"] == "WhenEmpty"
        assert item["spec"]["disruption"]["consolidateAfter"] == "30m"
        assert item["spec"]["template"]["spec"]["expireAfter"] == "Never"
        assert item["spec"]["limits"]


def test_pool_and_node_class_belong_together(render_chart: Render) -> None:
    objects = render_chart("karpenter-pools", karpenter_pools())
    classes = {item["metadata"]["name"] for item in of_kind(objects, "EC2NodeClass")}
    for pool in of_kind(objects, "NodePool"):
        assert pool["spec"]["template"]["spec"]["nodeClassRef"]["name"] in classes


def test_spot_comes_with_its_fallback(render_chart: Render) -> None:
    pool = of_kind(render_chart("karpenter-pools", karpenter_pools()), "NodePool")[0]
    requirements = {item["key"]: item["values"] for item in pool["spec"]["template"]["spec"]["requirements"]}
    assert requirements["karpenter.sh/capacity-type"] == ["spot", "on-demand"]
    assert requirements["node.kubernetes.io/instance-type"] == ["g6e.12xlarge", "g6e.24xlarge"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ami_alias": "al2023@latest"}, "ami_alias"),
        ({"capacity_reservation_ids": []}, "reserved"),
        ({"capacity_types": ["on-demand"]}, "reserved"),
        ({"placement_group_name": "pg"}, "InsufficientInstanceCapacity"),
        ({"limits": {}}, "limits"),
        ({"zones": []}, "zones"),
        (
            {
                "network_interfaces": [
                    NodeNetworkInterface(network_card_index=0, device_index=0, interface_type="efa-only")
                ]
            },
            "primary",
        ),
        (
            {
                "network_interfaces": [
                    NodeNetworkInterface(network_card_index=1, device_index=0, interface_type="interface")
                ]
            },
            "primary",
        ),
    ],
)
def test_what_aws_would_refuse(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        _h100().replace(**change)


NICS = st.tuples(st.integers(0, 3), st.integers(0, 2), st.sampled_from(["interface", "efa-only"])).map(
    lambda nic: NodeNetworkInterface(network_card_index=nic[0], device_index=nic[1], interface_type=nic[2])
)


@given(st.lists(NICS, min_size=1, max_size=8))
def test_accepted_layouts_satisfy_the_rules_of_the_crd(nics: list[NodeNetworkInterface]) -> None:
    """The CEL expressions of EC2NodeClass, written out."""
    places = [(nic.network_card_index, nic.device_index) for nic in nics]
    primary = any((nic.network_card_index, nic.device_index, nic.interface_type) == (0, 0, "interface") for nic in nics)
    unique = len(set(places)) == len(places)
    efa_cards = [nic.network_card_index for nic in nics if nic.interface_type == "efa-only"]
    allowed = primary and unique and len(set(efa_cards)) == len(efa_cards)
    try:
        _h100().replace(network_interfaces=nics)
    except ValidationError:
        assert not allowed
    else:
        assert allowed


def test_a_window_has_start_and_length() -> None:
    with pytest.raises(ValidationError, match="both a schedule and a duration"):
        DisruptionBudget(nodes="0", schedule="0 8 * * *")


def test_pools_have_different_names() -> None:
    with pytest.raises(ValidationError, match="h100"):
        karpenter_pools().replace(pools=[_h100(), _h100()])
