"""Writes the metric tables that are read from other projects' own tables: kube-state-metrics and the DCGM exporter.

Usage:
    python scripts/catalog_metrics.py kube-state-metrics <git directory> <tag>
    python scripts/catalog_metrics.py dcgm-exporter <git directory> <commit>

The tables of Karpenter, KEDA, the EFA counters and Prometheus itself are short and kept by hand, each with its source.
"""

from __future__ import annotations

import html
import json
import re
import subprocess
import sys
from pathlib import Path

METRICS = Path(__file__).parents[1] / "llminfra" / "catalog" / "data" / "metrics"

# Pages of the kinds that an endpoint, a node or an autoscaler is made of.
_KSM_PAGES = (
    "cluster/node",
    "workload/daemonset",
    "workload/deployment",
    "workload/horizontalpodautoscaler",
    "workload/job",
    "workload/pod",
    "workload/statefulset",
    "storage/persistentvolumeclaim",
)

# Counters that the exporter's default file comments out and that llminfra's dashboards and alerts need. The last is
# computed by the exporter over a window, so that it falls again: a gauge, whatever the default file calls it.
_DCGM_ON = {
    "DCGM_FI_DEV_ECC_SBE_VOL_TOTAL",
    "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL",
    "DCGM_FI_DEV_POWER_VIOLATION",
    "DCGM_FI_DEV_THERMAL_VIOLATION",
    "DCGM_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL",
    "DCGM_FI_DEV_NVLINK_RECOVERY_ERROR_COUNT_TOTAL",
    "DCGM_FI_PROF_SM_ACTIVE",
    "DCGM_EXP_XID_ERRORS_COUNT",
}
_DCGM_OFF = {"DCGM_FI_DEV_VGPU_LICENSE_STATUS", "DCGM_FI_DEV_ENC_UTIL", "DCGM_FI_DEV_DEC_UTIL"}
_DCGM_LABELS = ["gpu", "UUID", "pci_bus_id", "device", "modelName", "Hostname", "DCGM_FI_DRIVER_VERSION",
                "pod", "namespace", "container"]  # fmt: skip
_DCGM_EXTRA = {"DCGM_FI_DEV_XID_ERRORS": ["err_code", "err_msg"],
               "DCGM_EXP_XID_ERRORS_COUNT": ["xid", "window_size_in_ms"]}  # fmt: skip


def _show(repo: str, revision: str, path: str) -> str:
    return subprocess.run(
        ["git", "-C", repo, "show", f"{revision}:{path}"], check=True, capture_output=True, text=True
    ).stdout


def _commit(repo: str, revision: str) -> str:
    return subprocess.run(
        ["git", "-C", repo, "log", "-1", "--format=%h %cs", revision], check=True, capture_output=True, text=True
    ).stdout.strip()


def kube_state_metrics(repo: str, tag: str) -> dict[str, object]:
    """Names, kinds and labels from the documentation's tables."""
    metrics: dict[str, object] = {}
    for page in _KSM_PAGES:
        for line in _show(repo, tag, f"docs/metrics/{page}-metrics.md").splitlines():
            cells = [cell.strip() for cell in line.replace(r"\|", "/").strip("|").split("|")]
            if len(cells) < 5 or not cells[0].startswith("kube_"):
                continue
            kind = cells[1].lower()
            text = html.unescape(next((cell for cell in reversed(cells[3:]) if re.match(r"`\w+`\s*=", cell)), ""))
            labels = [
                "label_*" if name.startswith("label_") else "annotation_*" if name.startswith("annotation_") else name
                for name in re.findall(r"`(\w+)`\s*=", text)
            ]
            opt_in = cells[-1].lower().startswith("opt")
            if not opt_in:
                metrics[cells[0]] = {"kind": kind, "labels": list(dict.fromkeys(labels))}
    return {
        "_source": f"kubernetes/kube-state-metrics@{_commit(repo, tag)} docs/metrics/{{{','.join(_KSM_PAGES)}}}"
        "-metrics.md",
        "version": tag.removeprefix("v"),
        "note": "Scraped with honorLabels, so that namespace, pod and node are those of the object. Opt-in metrics are "
        "left out. label_* exist where metricLabelsAllowlist names them.",
        "target_labels": ["job", "instance", "service", "endpoint"],
        "metrics": dict(sorted(metrics.items())),
    }


def dcgm(repo: str, revision: str) -> dict[str, object]:
    """Fields, kinds and what they are from the default counters file, with the ones that llminfra turns on."""
    metrics: dict[str, object] = {}
    for line in _show(repo, revision, "etc/default-counters.csv").splitlines():
        match = re.match(r"^(#?)\s*(DCGM_\w+)\s*,\s*(gauge|counter)\s*,\s*(.+)$", line)
        if not match:
            continue
        commented, name, kind, text = match.groups()
        on = (not commented or name in _DCGM_ON) and name not in _DCGM_OFF
        if name in metrics and not on:
            continue
        metrics[name] = {
            "kind": "gauge" if name.startswith("DCGM_EXP_") else kind,
            "collected": on,
            "help": text.strip().rstrip(".").replace(",", ";"),
            "labels": _DCGM_EXTRA.get(name, []),
        }
    return {
        "_source": f"NVIDIA/dcgm-exporter@{_commit(repo, revision)} etc/default-counters.csv; labels from "
        "internal/pkg/rendermetrics/render_metrics.go, internal/pkg/transformation/const.go, "
        "internal/pkg/collector/{gpu_collector,xid_collector,expcollector}.go",
        "version": "4.8.2",
        "note": "Image 4.5.3-4.8.2 still writes Hostname; the commit after it writes hostname (d5e5f51). Queries use "
        "node, which the scrape adds. pod, namespace and container are those of the pod that holds the GPU, and are "
        "missing on a free one: the scrape drops the exporter's own.",
        "target_labels": ["job", "instance", "node"],
        "labels": _DCGM_LABELS,
        "metrics": metrics,
    }


def main() -> None:
    """Write one table."""
    what, repo, revision = sys.argv[1:]
    made = {"kube-state-metrics": kube_state_metrics, "dcgm-exporter": dcgm}[what](repo, revision)
    METRICS.mkdir(parents=True, exist_ok=True)
    text = json.dumps(made, indent=1, ensure_ascii=False) + "\n"
    (METRICS / f"{what}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
