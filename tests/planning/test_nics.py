from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llminfra.catalog import instances
from llminfra.catalog.instances import InstanceType
from llminfra.planning.hardware.nics import Nic, NicPolicy, check_layout, nic_layout

EFA_TYPES = [item for item in instances.all_gpu_types() if item.efa_interfaces]
POLICIES: list[NicPolicy] = ["ip_optimized", "bandwidth_optimized"]


def known(name: str) -> InstanceType:
    found = instances.get(name)
    assert found is not None
    return found


def test_p5_ip_optimized_is_the_33_entries_of_the_ec2_user_guide():
    expected = [Nic(0, 0, "interface"), Nic(0, 1, "efa-only"), *(Nic(card, 0, "efa-only") for card in range(1, 32))]
    assert list(nic_layout(known("p5.48xlarge"), "ip_optimized")) == expected
    assert len(expected) == 33


def test_p6_b300_has_17_cards_and_no_efa_on_the_first():
    expected = [Nic(0, 0, "interface"), *(Nic(card, 0, "efa-only") for card in range(1, 17))]
    assert list(nic_layout(known("p6-b300.48xlarge"), "ip_optimized")) == expected


@pytest.mark.parametrize(
    ("name", "ena_cards"),
    [
        ("p5.48xlarge", range(0, 32, 4)),
        ("p5e.48xlarge", range(0, 32, 4)),
        ("p5en.48xlarge", range(0, 16, 2)),
        ("p6-b200.48xlarge", range(8)),
        ("p6-b300.48xlarge", range(17)),
    ],
)
def test_bandwidth_optimized_has_enas_on_the_cards_that_aws_names(name: str, ena_cards: range):
    layout = nic_layout(known(name), "bandwidth_optimized")
    assert [nic.network_card_index for nic in layout if nic.interface_type == "interface"] == list(ena_cards)
    assert sum(nic.has_efa for nic in layout) == known(name).efa_interfaces


def test_single_card_types_are_the_same_in_both_layouts():
    g6e = known("g6e.8xlarge")
    assert nic_layout(g6e, "ip_optimized") == nic_layout(g6e, "bandwidth_optimized")
    assert nic_layout(g6e) == (Nic(0, 0, "interface"), Nic(0, 1, "efa-only"))


def test_a_type_without_efa_gets_the_primary_interface_alone():
    assert nic_layout(known("g6.xlarge"), "bandwidth_optimized") == (Nic(0, 0, "interface"),)


@given(st.sampled_from(EFA_TYPES), st.sampled_from(POLICIES))
def test_every_layout_is_what_ec2_accepts_and_uses_every_efa(instance: InstanceType, policy: NicPolicy):
    layout = nic_layout(instance, policy)
    assert check_layout(layout, instance) == []
    assert sum(nic.has_efa for nic in layout) == instance.efa_interfaces
    assert layout[0] == Nic(0, 0, "interface")
    assert list(layout) == sorted(layout)
    if policy == "ip_optimized":
        assert sum(nic.has_ip for nic in layout) == 1


@given(st.sampled_from(EFA_TYPES))
def test_ip_optimized_is_within_bandwidth_optimized(instance: InstanceType):
    assert set(nic_layout(instance, "ip_optimized")) <= set(nic_layout(instance, "bandwidth_optimized"))


def test_efa_only_as_primary_is_refused():
    problems = check_layout([Nic(0, 0, "efa-only")], known("p5.48xlarge"))
    assert problems == ["network card 0, device 0 is efa-only: the primary interface must carry IP"]


def test_missing_primary_is_refused():
    assert "primary interface is missing" in check_layout([Nic(1, 0, "efa-only")], known("p5.48xlarge"))[0]
    assert "primary interface is missing" in check_layout([], known("p5.48xlarge"))[0]


def test_efa_on_card_0_of_p6_b300_is_refused():
    layout = [*nic_layout(known("p6-b300.48xlarge")), Nic(0, 1, "efa-only")]
    problems = check_layout(layout, known("p6-b300.48xlarge"))
    assert "network card 0 of p6-b300.48xlarge does not support EFA" in problems
    assert "17 EFA interfaces: p6-b300.48xlarge takes 16" in problems


def test_a_third_interface_on_a_p5_card_is_refused():
    layout = [*nic_layout(known("p5.48xlarge")), Nic(0, 2, "interface")]
    assert check_layout(layout, known("p5.48xlarge")) == ["network card 0 has 3 interfaces: p5.48xlarge takes 2 a card"]


def test_duplicates_unknown_cards_and_two_efas_on_a_card_are_refused():
    p4d = known("p4d.24xlarge")
    layout = [Nic(0, 0, "interface"), Nic(1, 0, "efa-only"), Nic(1, 0, "efa-only"), Nic(4, 0, "efa-only")]
    assert check_layout(layout, p4d) == [
        "network card 1, device 0 is used 2 times",
        "p4d.24xlarge has no network card 4: it has 4, from 0",
        "network card 1 has 2 EFA interfaces: a card takes one",
    ]


def test_efa_on_a_type_without_it_is_refused():
    problems = check_layout([Nic(0, 0, "interface"), Nic(0, 1, "efa-only")], known("g6.xlarge"))
    assert problems == ["network card 0 of g6.xlarge does not support EFA", "1 EFA interfaces: g6.xlarge takes 0"]


@given(
    st.sampled_from(EFA_TYPES),
    st.lists(
        st.builds(
            Nic,
            st.integers(-1, 33),
            st.integers(-1, 4),
            st.sampled_from(["interface", "efa", "efa-only"]),
        ),
        max_size=40,
    ),
)
def test_an_accepted_layout_breaks_no_rule(instance: InstanceType, layout: list[Nic]):
    if check_layout(layout, instance):
        return
    cards = {card.index: card for card in instance.network_cards}
    places = [(nic.network_card_index, nic.device_index) for nic in layout]
    assert len(set(places)) == len(places)
    primary = next(nic for nic in layout if (nic.network_card_index, nic.device_index) == (0, 0))
    assert primary.interface_type != "efa-only"
    per_card = Counter(nic.network_card_index for nic in layout)
    assert all(count <= cards[index].max_interfaces for index, count in per_card.items())
    assert all(cards[nic.network_card_index].efa for nic in layout if nic.has_efa)
    assert sum(nic.has_efa for nic in layout) <= instance.efa_interfaces
    assert all(nic.device_index >= 0 for nic in layout)
