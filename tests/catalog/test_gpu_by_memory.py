"""Devices by what their driver reports."""

import pytest

from llminfra.catalog.gpu_by_memory import gpu_of_memory
from llminfra.catalog.gpus import gpus


def test_every_device_found_is_within_the_tolerance():
    for gpu in gpus().values():
        found = gpu_of_memory(gpu.memory_gib)
        if found is not None:
            assert abs(found.memory_gib - gpu.memory_gib) <= 0.2


@pytest.mark.parametrize("name", ["l40s-48gb", "rtx-3090-24gb"])
def test_cards_without_a_fabric_are_told(name):
    found = gpu_of_memory(gpus()[name].memory_gib)
    assert found is not None
    assert found.memory_gib == pytest.approx(gpus()[name].memory_gib, abs=0.2)


def test_a_total_that_may_be_a_device_on_a_switch_names_none():
    assert gpu_of_memory(79.1) is None
    assert gpu_of_memory(1.0) is None
