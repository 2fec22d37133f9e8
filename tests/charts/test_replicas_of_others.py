"""Replicas that an autoscaler set: an upgrade leaves them as they are."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
import yaml

from llminfra.assets import chart_dir
from llminfra.charts.llm_server import LlmServerValues
from llminfra.helm.binary import run_helm
from llminfra.helm.render import values_text
from tests.charts.server_samples import autoscaled, multi_node, single_node
from tests.helpers.local_server import serving
from tests.helpers.tools import require_helm

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
GROUPS = {
    "apps/v1": ("Deployment", "deployments"),
    "leaderworkerset.x-k8s.io/v1": ("LeaderWorkerSet", "leaderworkersets"),
}


def cluster(kind: str, found: dict[str, Any] | None) -> type[BaseHTTPRequestHandler]:
    """As much of an API server as Helm asks before it renders: which kinds there are, and one object."""
    answers: dict[str, Any] = {
        "/version": {"major": "1", "minor": "35", "gitVersion": "v1.35.0"},
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": []},
        "/apis": {
            "kind": "APIGroupList",
            "groups": [
                {
                    "name": version.partition("/")[0],
                    "versions": [{"groupVersion": version, "version": "v1"}],
                    "preferredVersion": {"groupVersion": version, "version": "v1"},
                }
                for version in GROUPS
            ],
        },
    }
    for version, (name, plural) in GROUPS.items():
        one = {"name": plural, "kind": name, "namespaced": True, "verbs": ["get", "list"]}
        answers[f"/apis/{version}"] = {"kind": "APIResourceList", "groupVersion": version, "resources": [one]}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            answer = answers.get(path)
            if answer is None and f"/{dict(GROUPS.values())[kind]}/" in path:
                answer = found
            self.send_response(200 if answer is not None else 404)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            missing = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
            self.wfile.write(json.dumps(missing if answer is None else answer).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


def upgraded(values: LlmServerValues, kind: str, replicas: int | None) -> dict[str, Any]:
    """The workload as Helm renders it over a cluster where it has so many replicas, or none is there."""
    require_helm()
    version = next(version for version, (name, _) in GROUPS.items() if name == kind)
    there = {"apiVersion": version, "kind": kind, "metadata": {"name": "x"}, "spec": {"replicas": replicas}}
    with serving(cluster(kind, None if replicas is None else there)) as address:
        done = run_helm(
            ["template", "r", str(chart_dir("llm-server")), "--namespace", "llm", "--dry-run=server", "--values", "-",
             "--kube-apiserver", f"http://{address}"],
            stdin=values_text(values.to_values()),
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (found,) = [item for item in yaml.safe_load_all(done.stdout) if item and item["kind"] == kind]
    return dict(found["spec"])


@pytest.mark.parametrize("replicas", [0, 1, 4])
def test_what_the_autoscaler_set_stays(replicas: int) -> None:
    assert upgraded(autoscaled(), "Deployment", replicas)["replicas"] == replicas


def test_of_groups_too() -> None:
    scaled = multi_node().replace(autoscaling=autoscaled().autoscaling)
    assert upgraded(scaled, "LeaderWorkerSet", 3)["replicas"] == 3


def test_a_first_release_says_nothing_and_a_fixed_number_is_fixed() -> None:
    assert "replicas" not in upgraded(autoscaled(), "Deployment", None)
    assert upgraded(single_node(), "Deployment", 7)["replicas"] == single_node().replicas
