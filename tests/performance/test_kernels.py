"""Figures of kernels: every device has them, and steps are made of them."""

from __future__ import annotations

import pytest

from llminfra.catalog.gpus import Gpu, find_gpu
from llminfra.catalog.models import WeightFormat, WeightScheme
from llminfra.planning.performance.factors import factors
from llminfra.planning.performance.interconnect import all_reduce_s, inside_node
from llminfra.planning.performance.kernels import all_reduce_times, interpolated, kernel
from llminfra.planning.performance.rank_work import kernels_of


def gpu(name: str) -> Gpu:
    found = find_gpu(name)
    assert found is not None
    return found


@pytest.mark.parametrize("experts", [False, True])
@pytest.mark.parametrize("kind", ["wide", "8bit", "8bit_block", "4bit", "mxfp4", "mxfp8_mxfp4"])
@pytest.mark.parametrize("device", ["h100", "h200", "b200", "a100", "l40s", "l4", "a10g", "t4", "h100-mig-3g.40gb"])
def test_every_kind_of_product_has_figures_on_every_device(device: str, kind: str, experts: bool) -> None:
    found = kernel(gpu(device), kind, experts=experts)
    assert 0 < found.compute < 1
    assert 0 < found.bandwidth < 1
    assert 0 <= found.fixed_s < 1e-4


def test_a_device_is_read_by_its_own_row_its_neighbour_or_the_median() -> None:
    l40s, l4, a10g = (kernel(gpu(name), "wide", experts=False) for name in ("l40s", "l4", "a10g"))
    assert l4 == l40s != a10g
    assert kernel(gpu("h100-mig-3g.40gb"), "wide", experts=False) == kernel(gpu("h100"), "wide", experts=False)


@pytest.mark.parametrize(
    ("scheme", "dtype", "kind"),
    [
        (None, "bf16", "wide"),
        (WeightScheme(format=WeightFormat.FP8, bits=8, group=-1), "fp8", "8bit"),
        (WeightScheme(format=WeightFormat.FP8, bits=8, block=(128, 128)), "fp8", "8bit_block"),
        (WeightScheme(format=WeightFormat.FP8, bits=8, block=(128, 128)), "bf16", "wide"),
        (WeightScheme(format=WeightFormat.MXFP4, bits=4, group=32), "bf16", "mxfp4"),
        (WeightScheme(format=WeightFormat.MXFP4, bits=4, group=32), "fp8", "mxfp8_mxfp4"),
        (WeightScheme(format=WeightFormat.NVFP4, bits=4, group=16), "fp4", "4bit"),
    ],
)
def test_which_kernels_weights_have(scheme: WeightScheme | None, dtype: str, kind: str) -> None:
    assert kernels_of(scheme, dtype) == kind


def test_an_all_reduce_is_the_measured_one_up_to_a_megabyte_and_a_ring_beyond() -> None:
    link, times = inside_node(gpu("h100"), factors()), all_reduce_times(gpu("h100"))[8]
    size, seconds = times[2]
    assert all_reduce_s(link, 8, size) == pytest.approx(seconds)
    last, last_s = times[-1]
    assert all_reduce_s(link, 8, 3 * last) == pytest.approx(last_s + 2 * 7 / 8 * 2 * last / link.bytes_per_s)
    assert seconds < interpolated(times, 2 * size) < times[3][1]


def test_without_nvlink_or_figures_an_all_reduce_is_a_ring() -> None:
    assert not all_reduce_times(gpu("l40s"))
    link = inside_node(gpu("l40s"), factors())
    assert all_reduce_s(link, 2, 1e6) == pytest.approx(link.latency_s + 1e6 / link.bytes_per_s)
