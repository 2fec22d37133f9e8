"""Each GPU: load, memory, power, errors."""

from __future__ import annotations

from boards.shapes import Board, Panel, Query, Variable

GPU = '{node=~"$node", gpu=~"$gpu"}'

_ON_GPU = "{{node}} gpu {{gpu}}"

GPUS = Board(
    uid="llm-gpu",
    title="LLM GPUs",
    about="Every GPU: work, memory, power and heat, errors, links. From the DCGM exporter.",
    variables=(
        Variable("node", "Node", 'label_values(node:llm_pool:info{platform=~"$platform"}, node)', listed=True),
        Variable("gpu", "GPU", 'label_values(DCGM_FI_DEV_GPU_UTIL{node=~"$node"}, gpu)'),
    ),
    by_platform=True,
    rows=(
        (
            "Work",
            (
                Panel(
                    "Busy",
                    (Query(f"DCGM_FI_DEV_GPU_UTIL{GPU}", _ON_GPU),),
                    "percent",
                    about="Share of time with any kernel; a busy GPU may still do little.",
                    most=100,
                ),
                Panel(
                    "SMs active",
                    (Query(f"DCGM_FI_PROF_SM_ACTIVE{GPU}", _ON_GPU),),
                    "percentunit",
                    most=1,
                ),
                Panel(
                    "Tensor cores active",
                    (Query(f"DCGM_FI_PROF_PIPE_TENSOR_ACTIVE{GPU}", _ON_GPU),),
                    "percentunit",
                    about="High in prefill, low in decode.",
                    most=1,
                ),
                Panel(
                    "Memory interface active",
                    (Query(f"DCGM_FI_PROF_DRAM_ACTIVE{GPU}", _ON_GPU),),
                    "percentunit",
                    about="High in decode: every token reads all weights.",
                    most=1,
                ),
                Panel(
                    "Memory used",
                    (Query(f"DCGM_FI_DEV_FB_USED{GPU} * 1048576", _ON_GPU),),
                    "bytes",
                    about="Engines take their share at the start: see the KV cache for what is left of it.",
                ),
                Panel(
                    "Memory free",
                    (Query(f"DCGM_FI_DEV_FB_FREE{GPU} * 1048576", _ON_GPU),),
                    "bytes",
                ),
            ),
        ),
        (
            "Power and heat",
            (
                Panel("Power", (Query(f"DCGM_FI_DEV_POWER_USAGE{GPU}", _ON_GPU),), "watt"),
                Panel("Temperature", (Query(f"DCGM_FI_DEV_GPU_TEMP{GPU}", _ON_GPU),), "celsius", red=85),
                Panel("Memory temperature", (Query(f"DCGM_FI_DEV_MEMORY_TEMP{GPU}", _ON_GPU),), "celsius", red=95),
                Panel("SM clock", (Query(f"DCGM_FI_DEV_SM_CLOCK{GPU} * 1e6", _ON_GPU),), "hertz"),
                Panel(
                    "Slowed down by heat",
                    (Query(f"rate(DCGM_FI_DEV_THERMAL_VIOLATION{GPU}[$__rate_interval]) / 1e9", _ON_GPU),),
                    "percentunit",
                ),
                Panel(
                    "Slowed down by power",
                    (Query(f"rate(DCGM_FI_DEV_POWER_VIOLATION{GPU}[$__rate_interval]) / 1e9", _ON_GPU),),
                    "percentunit",
                ),
            ),
        ),
        (
            "Errors",
            (
                Panel(
                    "XIDs in the last minutes",
                    (
                        Query(
                            'DCGM_EXP_XID_ERRORS_COUNT{node=~"$node", gpu=~"$gpu", xid!=""}', _ON_GPU + " XID {{xid}}"
                        ),
                    ),
                    about="Counted by the exporter over its window (window_size_in_ms, five minutes unless told "
                    "otherwise).",
                ),
                Panel(
                    "Last XID",
                    (Query(f"DCGM_FI_DEV_XID_ERRORS{GPU}", _ON_GPU + " {{err_msg}}"),),
                    kind="stat",
                ),
                Panel(
                    "ECC errors per hour",
                    (
                        Query(f"increase(DCGM_FI_DEV_ECC_SBE_VOL_TOTAL{GPU}[1h])", _ON_GPU + " corrected"),
                        Query(f"increase(DCGM_FI_DEV_ECC_DBE_VOL_TOTAL{GPU}[1h])", _ON_GPU + " uncorrectable"),
                    ),
                ),
                Panel(
                    "Remapped rows",
                    (
                        Query(f"DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS{GPU}", _ON_GPU + " correctable"),
                        Query(f"DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS{GPU}", _ON_GPU + " uncorrectable"),
                    ),
                ),
                Panel(
                    "Row remapping failed",
                    (Query(f"max by (node, gpu) (DCGM_FI_DEV_ROW_REMAP_FAILURE{GPU})", _ON_GPU),),
                    kind="stat",
                    red=1,
                ),
                Panel(
                    "PCIe replays per hour", (Query(f"increase(DCGM_FI_DEV_PCIE_REPLAY_COUNTER{GPU}[1h])", _ON_GPU),)
                ),
            ),
        ),
        (
            "Links",
            (
                Panel(
                    "NVLink",
                    (Query(f"rate(DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL{GPU}[$__rate_interval])", _ON_GPU),),
                    about="The counter's unit differs between driver versions: compare over time, not with a data "
                    "sheet.",
                ),
                Panel(
                    "NVLink replays and recoveries per hour",
                    (
                        Query(f"increase(DCGM_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL{GPU}[1h])", _ON_GPU + " replays"),
                        Query(
                            f"increase(DCGM_FI_DEV_NVLINK_RECOVERY_ERROR_COUNT_TOTAL{GPU}[1h])",
                            _ON_GPU + " recoveries",
                        ),
                    ),
                ),
                Panel(
                    "PCIe",
                    (
                        Query(f"DCGM_FI_PROF_PCIE_RX_BYTES{GPU}", _ON_GPU + " in"),
                        Query(f"DCGM_FI_PROF_PCIE_TX_BYTES{GPU}", _ON_GPU + " out"),
                    ),
                    "Bps",
                ),
            ),
        ),
    ),
)
