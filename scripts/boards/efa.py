"""EFA: traffic and trouble of each network device."""

from __future__ import annotations

from boards.shapes import Board, Panel, Query, Variable

NIC = '{node=~"$node", device=~"$device"}'

_ON_NODE = "{{node}}"


def _rate(counter: str) -> str:
    return f"sum by (node) (rate(node_amazonefa_{counter}{NIC}[$__rate_interval]))"


def _hourly(counter: str) -> str:
    return f"sum by (node) (increase(node_amazonefa_{counter}{NIC}[1h]))"


EFA = Board(
    uid="llm-efa",
    title="LLM EFA",
    about="Elastic Fabric Adapter by node: traffic, RDMA, what is sent again, errors.",
    variables=(
        Variable("node", "Node", "label_values(node_amazonefa_tx_bytes, node)"),
        Variable("device", "Device", 'label_values(node_amazonefa_tx_bytes{node=~"$node"}, device)'),
    ),
    rows=(
        (
            "Traffic",
            (
                Panel("Sent", (Query(_rate("tx_bytes"), _ON_NODE),), "Bps"),
                Panel("Received", (Query(_rate("rx_bytes"), _ON_NODE),), "Bps"),
                Panel(
                    "RDMA",
                    (
                        Query(_rate("rdma_read_bytes"), "{{node}} read"),
                        Query(_rate("rdma_write_bytes"), "{{node}} written"),
                    ),
                    "Bps",
                    about="NIXL reads or writes; NCCL mostly sends.",
                ),
                Panel(
                    "By device",
                    (
                        Query(
                            f"rate(node_amazonefa_tx_bytes{NIC}[$__rate_interval])",
                            "{{node}} {{device}}",
                        ),
                    ),
                    "Bps",
                    about="One silent device among busy ones is a broken one.",
                ),
            ),
        ),
        (
            "Trouble",
            (
                Panel(
                    "Packets sent again",
                    (
                        Query(
                            f"{_rate('retrans_pkts')} / ({_rate('tx_pkts')} > 0)",
                            _ON_NODE,
                        ),
                    ),
                    "percentunit",
                    about="From Nitro v4 on.",
                    red=0.01,
                ),
                Panel(
                    "Time-outs that changed the path, per hour", (Query(_hourly("retrans_timeout_events"), _ON_NODE),)
                ),
                Panel(
                    "Lost and slow partners per hour",
                    (
                        Query(_hourly("unresponsive_remote_events"), "{{node}} no answer"),
                        Query(_hourly("impaired_remote_conn_events"), "{{node}} impaired"),
                    ),
                ),
                Panel(
                    "Failed work requests per hour",
                    (
                        Query(_hourly("rdma_read_wr_err"), "{{node}} read"),
                        Query(_hourly("rdma_write_wr_err"), "{{node}} write"),
                    ),
                ),
                Panel("Packets dropped on receipt per hour", (Query(_hourly("rx_drops"), _ON_NODE),)),
                Panel(
                    "Failed set-ups per hour",
                    (
                        Query(_hourly("create_qp_err"), "{{node}} queue pairs"),
                        Query(_hourly("reg_mr_err"), "{{node}} memory registrations"),
                        Query(_hourly("cmds_err"), "{{node}} commands"),
                    ),
                ),
            ),
        ),
    ),
)
