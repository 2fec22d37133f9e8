"""Samples for rules, and Prometheus' own ``promtool test rules`` that is fed with them."""

from __future__ import annotations

import subprocess

import yaml

from llminfra.charts.llm_observability import RuleGroup
from tests.helpers.tools import require_promtool

POD = "vllm-0-7d9f8b6c5d-x2k4z"


def rules_file(groups: list[RuleGroup], asked: str | None = None) -> dict[str, object]:
    """The groups as Prometheus reads them; of alerts only those that a text names, or all where it names none."""
    named = {item.alert for group in groups for item in group.alerts if asked and f'"{item.alert}"' in asked}
    return {
        "groups": [
            {
                "name": group.name,
                "rules": [
                    *({"record": item.record, "expr": item.expr, "labels": item.labels} for item in group.recording),
                    *(
                        {
                            "alert": item.alert,
                            "expr": item.expr,
                            "for": f"{item.for_seconds}s",
                            "labels": {"severity": item.severity, **item.labels},
                            "annotations": {"summary": item.summary, "description": item.description},
                        }
                        for item in group.alerts
                        if not named or item.alert in named
                    ),
                ],
            }
            for group in groups
        ]
    }


def runner(groups, folder):
    binary = require_promtool()

    def run(samples, expectations):
        test = {
            "interval": "1m",
            "input_series": [{"series": name, "values": values} for name, values in samples.items()],
            "promql_expr_test": [
                {
                    "expr": expression,
                    "eval_time": f"{minute}m",
                    "exp_samples": [{"labels": labels, "value": value} for labels, value in expected.items()],
                }
                for minute, expression, expected in expectations
            ],
        }
        # No alert reads another, and most of the time goes into those that nobody asks for, minute by minute.
        rules = rules_file(groups, " ".join(expression for _, expression, _ in expectations))
        (folder / "rules.yml").write_text(yaml.safe_dump(rules, allow_unicode=True), encoding="utf-8")
        document = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [test]}
        (folder / "test.yml").write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
        done = subprocess.run(
            [binary, "test", "rules", "test.yml"], cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    return run


def firing(alert: str, by: str = "endpoint") -> str:
    return f'count by ({by}) (ALERTS{{alertname="{alert}",alertstate="firing"}})'


def engine(metric: str, **labels: str) -> str:
    said = {"namespace": "llm-serving", "service": "vllm-0", "pod": POD, "model_name": "m", "engine": "0", **labels}
    return f"{metric}{{{','.join(f'{name}=`{value}`' for name, value in said.items())}}}".replace("`", '"')


def node(name: str = "n1", pool: str = "l40s", kind: str = "g6e.12xlarge", of: str = "") -> dict[str, str]:
    whose = f'label_llminfra_io_platform="{of}",' if of else ""
    return {
        f'kube_node_labels{{node="{name}",label_llminfra_io_pool="{pool}",{whose}'
        f'label_node_kubernetes_io_instance_type="{kind}"}}': "1x200",
        f'kube_node_status_allocatable{{node="{name}",resource="nvidia_com_gpu",unit="integer"}}': "4x200",
    }


def pod(name: str, *, gpus: int = 1, phase: str = "Running", on: str = "n1") -> dict[str, str]:
    where = f'namespace="llm-serving",pod="{name}"'
    return {
        f'kube_pod_container_resource_requests{{{where},node="{on}",resource="nvidia_com_gpu"}}': f"{gpus}x200",
        f'kube_pod_status_phase{{{where},phase="{phase}"}}': "1x200",
    }
