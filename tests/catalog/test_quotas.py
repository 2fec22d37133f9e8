import pytest

from llminfra.catalog import instances, quotas


@pytest.mark.parametrize(
    ("name", "on_demand", "spot"),
    [
        ("p5.48xlarge", "L-417A185B", "L-C4BD4855"),
        ("p5en.48xlarge", "L-417A185B", "L-C4BD4855"),
        ("p4d.24xlarge", "L-417A185B", "L-7212CCBC"),
        ("p3dn.24xlarge", "L-417A185B", "L-7212CCBC"),
        ("g6e.12xlarge", "L-DB2E81BA", "L-3819A6DF"),
        ("gr6.8xlarge", "L-DB2E81BA", "L-3819A6DF"),
        ("m7i-flex.large", "L-1216C47A", "L-34B43A08"),
        ("t4g.medium", "L-1216C47A", "L-34B43A08"),
    ],
)
def test_quota_codes(name: str, on_demand: str, spot: str):
    found = [quotas.vcpu_quota(name, "on-demand"), quotas.vcpu_quota(name, "spot")]
    assert [quota.code for quota in found if quota] == [on_demand, spot]


def test_capacity_blocks_have_quotas_of_their_own_by_family():
    names = ("p5.4xlarge", "p5.48xlarge", "p5en.48xlarge", "p6-b200.48xlarge", "g6e.xlarge")
    found = [quotas.vcpu_quota(name, "capacity-block") for name in names]
    assert [quota.code if quota else None for quota in found] == [
        *("L-DA6814F2", "L-DA6814F2", "L-4F9BB70B", "L-8B23CEF3"),
        None,
    ]
    families = [
        family for quota in quotas.all_quotas() if quota.purchase == "capacity-block" for family in quota.families
    ]
    assert sorted(families) == sorted(quotas.capacity_block_families())


def test_spot_p6_is_not_known():
    assert quotas.vcpu_quota("p6-b200.48xlarge", "spot") is None
    on_demand = quotas.vcpu_quota("p6-b200.48xlarge", "on-demand")
    assert on_demand is not None
    assert on_demand.name == "Running On-Demand P instances"


def test_every_catalog_type_counts_against_one_on_demand_quota():
    assert [name for name in instances.names() if quotas.vcpu_quota(name, "on-demand") is None] == []


def test_each_quota_has_a_source_and_a_code_of_its_own():
    found = quotas.all_quotas()
    assert len({quota.code for quota in found}) == len(found)
    assert all(quota.source.startswith("Amazon EC2 User Guide") for quota in found)


@pytest.mark.parametrize("name", ["", "nonsense", "48xlarge", "inf2.xlarge", "p.48xlarge"])
def test_what_no_quota_covers(name: str):
    assert quotas.vcpu_quota(name, "on-demand") is None
