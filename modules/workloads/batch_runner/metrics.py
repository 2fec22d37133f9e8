"""The one line on stdout: JSON for people and queries, and a CloudWatch embedded metric.

Format: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
import time

from .run import Counts

NAMESPACE = "llminfra/batch"
UNITS = {
    "shards": "Count",
    "shards_done": "Count",
    "lines": "Count",
    "succeeded": "Count",
    "failed": "Count",
    "resumed": "Count",
    "retries": "Count",
    "prompt_tokens": "Count",
    "completion_tokens": "Count",
    "server_start_s": "Seconds",
    "elapsed_s": "Seconds",
}


def metrics_line(name: str, run_id: str, array_index: int, exit_code: int, reason: str, counts: Counts) -> str:
    """The line, without its newline."""
    values: dict[str, object] = {
        "event": "batch_runner_finished",
        "batch": name,
        "run_id": run_id,
        "array_index": array_index,
        "exit_code": exit_code,
        "reason": reason,
        "elapsed_s": round(time.monotonic() - counts.started, 1),
    }
    for key in UNITS:
        values.setdefault(key, getattr(counts, key, None))
    values["_aws"] = {
        "Timestamp": int(time.time() * 1000),
        "CloudWatchMetrics": [
            {
                "Namespace": NAMESPACE,
                "Dimensions": [["batch"]],
                "Metrics": [{"Name": key, "Unit": unit} for key, unit in UNITS.items()],
            }
        ],
    }
    return json.dumps(values, separators=(",", ":"))
