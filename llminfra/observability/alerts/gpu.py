"""Alerts of GPUs: broken hardware, heat, idle money. ``node`` and ``gpu`` say which; ``pod`` who suffers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.observability.alerts.make import Alerts
from llminfra.observability.own_series import on_own_nodes

if TYPE_CHECKING:
    from llminfra.charts.llm_observability import AlertRule
    from llminfra.planning.plan import Plan

# XIDs after which the GPU or its node must be reset or drained. Source: NVIDIA XID Errors, "Analyzing Xid Errors with
# the Xid Catalog" (docs.nvidia.com/deploy/xid-errors/analyzing-xid-catalog.html). Those whose immediate action is
# RESET_GPU or RESTART_BM: 79, 95, 109, 110, 119, 120, 136, 140, 143, 156, 158. Memory that failed or has no spare: 48,
# 64, 92, 94, 157. NVLink: 74. The driver wants a reset or a reboot: 154. 63 is the good case of remapping and is not
# among them, nor is 155, which links that go to sleep report, too.
_HARDWARE_XIDS = "48|64|74|79|92|94|95|109|110|119|120|136|140|143|154|156|157|158"
# Links of Blackwell (the same catalog, WORKFLOW_NVLINK5_ERR): many of them need nothing, and 154 comes beside one that
# does.
_NVLINK_XIDS = "14[4-9]|150"
# Below the slow-down temperatures that nvidia-smi reports on data-centre GPUs (about 87 °C and more for the GPU, 95 °C
# and more for HBM); the throttling itself has an alert of its own.
_HOT_C = 85
_MEMORY_HOT_C = 95
_THROTTLED_SHARE = 0.05
_IDLE_PERCENT = 1


def gpu_alerts(plan: Plan, *, base_url: str | None) -> list[AlertRule]:
    """Alerts of every GPU of the cluster, or of the platform's own where others share it."""
    make = Alerts(base_url)
    *broken, idle = (
        item.replace(expr=on_own_nodes(plan, item.expr)) for item in (*_hardware(make), *_heat(make), _idle(make))
    )
    return [*broken, _watched(plan, make), idle]


def _hardware(make: Alerts) -> list[AlertRule]:
    where = "GPU {{ $labels.gpu }} of {{ $labels.node }}"
    return [
        make(
            "GpuXidHardware",
            "critical",
            f'DCGM_EXP_XID_ERRORS_COUNT{{xid=~"{_HARDWARE_XIDS}"}} > 0',
            for_s=0,
            summary=f"{where} reports XID {{{{ $labels.xid }}}}",
            description="A hardware error: what runs there is or will be lost; drain and replace the node.",
        ),
        make(
            "GpuXidApplication",
            "warning",
            f'DCGM_EXP_XID_ERRORS_COUNT{{xid!="", xid!~"{_HARDWARE_XIDS}|{_NVLINK_XIDS}"}} > 0',
            for_s=0,
            summary=f"{where} reports XID {{{{ $labels.xid }}}}",
            description="Mostly a fault of the program that ran there; look at the engine's log first.",
        ),
        make(
            "GpuXidNvlink",
            "warning",
            f'DCGM_EXP_XID_ERRORS_COUNT{{xid=~"{_NVLINK_XIDS}"}} > 0',
            for_s=0,
            summary=f"{where} reports XID {{{{ $labels.xid }}}} of its NVLink",
            description="Not a fault of the program. XID 154 beside it says that the GPU must be reset or its node "
            "replaced; without it a link had an error and went on.",
        ),
        make(
            "GpuRowRemapFailed",
            "critical",
            "DCGM_FI_DEV_ROW_REMAP_FAILURE > 0",
            for_s=0,
            summary=f"{where} has no spare memory rows left",
            description="Row remapping failed: the GPU must be replaced.",
        ),
        make(
            "GpuUncorrectableRemap",
            "warning",
            "increase(DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS[1d]) > 0",
            for_s=0,
            summary=f"{where} remapped rows after uncorrectable errors",
            description="It needs a reset for the remapping to hold; repeated, it is on its way out.",
        ),
        make(
            "GpuEccDoubleBit",
            "critical",
            "increase(DCGM_FI_DEV_ECC_DBE_VOL_TOTAL[1h]) > 0",
            for_s=0,
            summary=f"{where} has uncorrectable memory errors",
            description="{{ $value | humanize }} double-bit errors within the hour.",
        ),
        make(
            "GpuNvlinkErrors",
            "warning",
            "increase(DCGM_FI_DEV_NVLINK_RECOVERY_ERROR_COUNT_TOTAL[1h]) > 0",
            for_s=0,
            summary=f"NVLink of {where} had to recover",
            description="Tensor parallelism waits for its slowest link; a link that fails again ends the engine.",
        ),
    ]


def _heat(make: Alerts) -> list[AlertRule]:
    where = "GPU {{ $labels.gpu }} of {{ $labels.node }}"
    return [
        make(
            "GpuHot",
            "warning",
            f"DCGM_FI_DEV_GPU_TEMP > {_HOT_C} or DCGM_FI_DEV_MEMORY_TEMP > {_MEMORY_HOT_C}",
            for_s=600,
            summary=f"{where} is hot",
            description="{{ $value | humanize }} °C: it will slow down, and its replica with it.",
        ),
        make(
            "GpuThrottled",
            "warning",
            # The counter is in nanoseconds of throttled time.
            f"rate(DCGM_FI_DEV_THERMAL_VIOLATION[5m]) / 1e9 > {_THROTTLED_SHARE}",
            for_s=600,
            summary=f"{where} slows down because of heat",
            description="{{ $value | humanizePercentage }} of the time.",
        ),
    ]


def _watched(plan: Plan, make: Alerts) -> AlertRule:
    expected = on_own_nodes(plan, 'kube_node_status_allocatable{resource="nvidia_com_gpu"} > 0')
    answer = 'up{job="dcgm-exporter"} == 1'
    if plan.shared:  # whoever's exporter it is, under whichever name
        answer = on_own_nodes(plan, "count by (node) (DCGM_FI_DEV_GPU_UTIL)")
    return make(
        "DcgmDown",
        "warning",
        f"count({expected}) > (count({answer}) or vector(0))",
        for_s=900,
        summary="GPU nodes without GPU metrics",
        description="{{ $value | humanize }} nodes have GPUs, fewer have a DCGM exporter that answers: broken "
        "GPUs go unnoticed there.",
    )


def _idle(make: Alerts) -> AlertRule:
    return make(
        "GpuIdle",
        "info",
        f'max by (node, gpu, namespace, pod) (max_over_time(DCGM_FI_DEV_GPU_UTIL{{pod!=""}}[2h])) < {_IDLE_PERCENT}',
        for_s=3600,
        summary="{{ $labels.namespace }}/{{ $labels.pod }} holds a GPU and does not use it",
        description="Not busy for hours: fewer replicas would cost less.",
    )
