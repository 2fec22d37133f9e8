"""Write the known value keys of the upstream charts to ``llminfra/catalog/data/charts/keys``.

    python scripts/catalog_chart_keys.py CHARTS_DIR

``CHARTS_DIR`` holds one directory per chart with its ``values.yaml`` at the pinned version, and ``SOURCES.txt`` with a
line ``name repository@commit date path`` for each.

Format: a tree of keys. ``{...}`` is a mapping with known keys, ``0`` a scalar, ``1`` a place for anything (an empty or
null default, a list, or a mapping whose keys are the user's own, such as node
labels or the requests and limits of a container).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "llminfra" / "catalog" / "data" / "charts" / "keys"

# A sub-chart's values are set under its name.
SUBCHARTS = {
    "kube-prometheus-stack": ("grafana", "kube-state-metrics", "prometheus-node-exporter"),
}

# Keys that the templates render although values.yaml does not list them.
# kubernetes-sigs/lws:charts/lws/templates/manager/deployment.yaml renders podSecurityContext whole.
# NVIDIA/dcgm-exporter:deployment/templates/metrics-configmap.yaml renders customMetrics, a comment in values.yaml.
MORE_KEYS: dict[str, Any] = {
    "lws": {"podSecurityContext": {"seccompProfile": {"type": 0}}},
    "dcgm-exporter": {"customMetrics": 0},
    # envoyproxy/gateway:charts/gateway-helm/templates/envoy-gateway-config.yaml renders config.envoyGateway whole; keys
    # of that configuration from api/v1alpha1/envoygateway_types.go.
    "gateway-helm": {
        "config": {
            "envoyGateway": {
                "extensionApis": {"enableBackend": 0, "enableEnvoyPatchPolicy": 0},
                "extensionManager": {
                    "backendResources": 1,
                    "hooks": {
                        "xdsTranslator": {
                            "post": 1,
                            "translation": {
                                "cluster": {"includeAll": 0},
                                "listener": {"includeAll": 0},
                                "route": {"includeAll": 0},
                                "secret": {"includeAll": 0},
                            },
                        }
                    },
                    "service": {"fqdn": {"hostname": 0, "port": 0}},
                },
                "provider": {"kubernetes": {"rateLimitDeployment": {"replicas": 0}}},
                "rateLimit": {"backend": {"redis": {"url": 0}, "type": 0}, "failClosed": 0},
            }
        }
    },
}

# Charts whose tree has a placeholder for the version: a release carries that of the program, without its v.
VERSIONED_AT_RELEASE = {"lws"}

# Mappings with defaults whose keys are nevertheless the user's own: flags of the program.
OPEN_MAPPINGS = {"extraArgs"}


def key_tree(values: Any) -> Any:
    """The tree of keys of one ``values.yaml``."""
    if isinstance(values, dict) and values:
        if any("/" in str(key) for key in values) or set(values) <= {"requests", "limits"}:
            return 1
        return {str(key): 1 if key in OPEN_MAPPINGS else key_tree(value) for key, value in sorted(values.items())}
    return 1 if values is None or isinstance(values, dict | list) else 0


def merged(one: Any, other: Any) -> Any:
    """Both trees; where one knows more, it wins."""
    if isinstance(one, dict) and isinstance(other, dict):
        return {key: merged(one.get(key), other.get(key)) for key in sorted({*one, *other})}
    if isinstance(one, dict) or other is None:
        return one
    return other if isinstance(other, dict) or one is None else max(one, other)


def main(charts: Path) -> None:
    """Write one file per chart."""
    sources = {line.split()[0]: line.split()[1:] for line in (charts / "SOURCES.txt").read_text().splitlines() if line}
    TARGET.mkdir(parents=True, exist_ok=True)
    used_as_part = {name for names in SUBCHARTS.values() for name in names}
    for name, (repository, date, path) in sources.items():
        if name in used_as_part:
            continue
        chart = yaml.safe_load((charts / name / "Chart.yaml").read_text())
        tree = key_tree(yaml.safe_load((charts / name / "values.yaml").read_text()))
        for part in SUBCHARTS.get(name, ()):
            part_tree = key_tree(yaml.safe_load((charts / part / "values.yaml").read_text()))
            tree[part] = merged(tree.get(part), part_tree)
        tree = merged(tree, MORE_KEYS.get(name))
        data = {
            "_source": f"{repository}:{path}/values.yaml",
            "date": date,
            "version": str(chart["appVersion"]).removeprefix("v")
            if name in VERSIONED_AT_RELEASE
            else str(chart["version"]),
            "app_version": str(chart.get("appVersion", "")),
            "keys": tree,
        }
        text = json.dumps(data, separators=(",", ":"))
        (TARGET / f"{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
