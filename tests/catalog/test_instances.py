import json
import subprocess
import sys
import time
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llminfra.catalog import instances
from llminfra.catalog.gpus import find_gpu
from llminfra.catalog.instances import InstanceType

DATA = json.loads(files("llminfra.catalog").joinpath("data/instances.json").read_text())


def known(name: str) -> InstanceType:
    found = instances.get(name)
    assert found is not None, name
    return found


def test_p5_48xlarge_is_as_ec2_describes_it():
    p5 = known("p5.48xlarge")
    assert (p5.vcpu, p5.memory_mib, p5.arch) == (192, 2_097_152, "amd64")
    assert p5.gpu is not None
    assert (p5.gpu.device, p5.gpu.count, p5.gpu.memory_mib) == ("h100-80gb", 8, 81_920)
    assert (p5.nvme_gb, p5.nvme_disks) == (30_400, 8)
    assert (p5.network_gbps, p5.efa_interfaces, len(p5.network_cards)) == (3200.0, 32, 32)
    assert {card.max_interfaces for card in p5.network_cards} == {2}
    assert p5.max_pods == 100


def test_p6_b300_has_no_efa_on_card_0():
    b300 = known("p6-b300.48xlarge")
    assert len(b300.network_cards) == 17
    assert [card.index for card in b300.network_cards if card.efa] == list(range(1, 17))
    assert b300.efa_interfaces == 16


@pytest.mark.parametrize(
    ("name", "sustained", "burst"),
    [("g6.xlarge", 2.5, 10.0), ("g6e.48xlarge", 400.0, 400.0), ("m7i.xlarge", 1.562, 12.5)],
)
def test_network_bandwidth_tells_sustained_from_advertised(name: str, sustained: float, burst: float):
    assert (known(name).network_gbps, known(name).network_burst_gbps) == (sustained, burst)


def test_small_gpu_types_have_no_efa():
    assert [known(name).efa_interfaces for name in ("g5.xlarge", "g6e.4xlarge", "g4dn.2xlarge")] == [0, 0, 0]


def test_every_type_is_consistent():
    for name in instances.names():
        item = known(name)
        assert [card.index for card in item.network_cards] == list(range(len(item.network_cards)))
        assert item.efa_interfaces <= sum(card.efa for card in item.network_cards), name
        assert (item.efa_interfaces > 0) == any(card.efa for card in item.network_cards), name
        assert item.network_gbps <= item.network_burst_gbps, name
        assert (item.nvme_gb > 0) == (item.nvme_disks > 0), name
        assert item.name == f"{item.family}.{item.size}"


def test_catalog_names_its_source_and_what_it_leaves_out():
    assert "moto" in DATA["_source"]
    assert "karpenter" in DATA["_source"]
    assert not set(DATA["excluded"]) & set(DATA["types"])
    assert "fraction" in (instances.excluded("g6f.xlarge") or "")
    assert instances.excluded("p5.48xlarge") is None
    assert "UltraServer" in (instances.excluded("p6e-gb200.36xlarge") or "")
    assert "no longer" in (instances.excluded("p3.8xlarge") or "")
    assert instances.excluded("nonsense") is None


def test_gpu_types_are_exactly_those_with_gpus():
    types = instances.all_gpu_types()
    assert len(types) == sum("gpu" in row for row in DATA["types"].values()) > 40
    assert all(item.gpu is not None for item in types)


def test_every_device_is_in_the_gpu_catalog_with_about_the_memory_that_ec2_states():
    for item in instances.all_gpu_types():
        assert item.gpu is not None
        device = find_gpu(item.gpu.device)
        assert device is not None, item.gpu.device
        assert item.gpu.memory_mib / 1024 * 0.88 < device.memory_gib <= item.gpu.memory_mib / 1024 * 1.01, item.name


def test_system_node_types_are_there_and_have_no_gpu():
    for name in ("m7i.large", "m7g.xlarge", "c7i.2xlarge", "r7i.xlarge", "t3.medium"):
        assert known(name).gpu is None
    assert known("m7g.xlarge").arch == "arm64"


def test_unknown_type_is_none():
    assert instances.get("p5.96xlarge") is None
    assert instances.get("") is None


@pytest.mark.parametrize(
    ("wrong", "first"),
    [
        ("p5.24xlarge", "p5.4xlarge"),
        ("ml.p5.48xlarge", "p5.48xlarge"),
        ("P5.48xlarge", "p5.48xlarge"),
        ("p5-48xlarge", "p5.48xlarge"),
        ("g6e.12xlage", "g6e.12xlarge"),
    ],
)
def test_suggestions_start_with_the_nearest(wrong: str, first: str):
    assert instances.suggest(wrong)[0] == first


def test_nothing_near_suggests_nothing():
    assert instances.suggest("zzz") == ()


@given(st.text(max_size=40))
def test_suggest_takes_any_text(text: str):
    found = instances.suggest(text)
    assert len(found) <= 3
    assert set(found) <= set(instances.names())


@given(st.sampled_from(instances.names()))
def test_efa_only_on_card_0_costs_the_pods_of_one_interface(name: str):
    item = known(name)
    lost = item.max_pods - item.max_pods_with_efa_only_on_card_0()
    assert lost == (item.ipv4_per_interface - 1 if item.network_cards[0].efa else 0)


def test_facts_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        known("p5.48xlarge").vcpu = 1  # type: ignore[misc]  # frozen: that is the test


def test_first_look_up_is_fast():
    code = (
        "import time; from llminfra.catalog import instances; t = time.perf_counter(); "
        "instances.get('p5.48xlarge'); print(time.perf_counter() - t)"
    )
    best = min(
        float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)
        for _ in range(3)
    )
    assert best < 0.020
    start = time.perf_counter()
    for _ in range(1000):
        instances.get("p5.48xlarge")
    assert time.perf_counter() - start < 0.5
