"""Namespaces that are there are looked up by an install, which stops where one is not as it must be."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from llminfra.assets import chart_dir
from llminfra.helm.binary import run_helm
from tests.charts.samples import cluster_base_shared
from tests.helpers.tools import require_helm

pytestmark = [pytest.mark.helm, pytest.mark.allow_hosts(["127.0.0.1"])]
ENFORCE = "pod-security.kubernetes.io/enforce"
GOOD: Mapping[str, Mapping[str, str]] = {
    "kube-system": {},
    "monitoring": {ENFORCE: "privileged"},
    "keda": {ENFORCE: "restricted", "team": "platform"},
}


def answers(namespaces: Mapping[str, Mapping[str, str]]) -> Mapping[str, Any]:
    """What an API server says that knows namespaces and nothing else."""
    kind = {"name": "namespaces", "singularName": "", "namespaced": False, "kind": "Namespace", "verbs": ["get"]}
    held = {
        f"/api/v1/namespaces/{name}": {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": name, **labelled}}
        for name, labels in namespaces.items()
        for labelled in [{"labels": labels} if labels else {}]
    }
    return {
        "/version": {"major": "1", "minor": "35", "gitVersion": "v1.35.0"},
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
        "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": [kind]},
        **held,
    }


@contextmanager
def api_server(namespaces: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """Address of a server on this machine."""
    known = answers(namespaces)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = known.get(self.path.partition("?")[0])
            status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
            body = json.dumps(status if found is None else found).encode()
            self.send_response(404 if found is None else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class names it so
            del format, args

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def installed(namespaces: Mapping[str, Mapping[str, str]], folder: Path) -> str:
    """What Helm says when it renders for a cluster with these namespaces; empty: nothing is wrong."""
    require_helm()
    values = folder / "values.json"
    values.write_text(json.dumps(cluster_base_shared().to_values()), encoding="utf-8")
    with api_server(namespaces) as address:
        done = run_helm(
            [
                "template",
                "cluster-base",
                str(chart_dir("cluster-base")),
                "--dry-run=server",
                "--disable-openapi-validation",
                "--kube-apiserver",
                address,
                "--values",
                str(values),
            ]
        )
    return done.stderr if done.returncode else ""


def test_namespaces_that_are_as_they_must_be_pass(tmp_path: Path) -> None:
    assert installed(GOOD, tmp_path) == ""


def test_a_namespace_without_a_level_lets_all_pods_in(tmp_path: Path) -> None:
    assert installed({**GOOD, "monitoring": {}}, tmp_path) == ""


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"monitoring": {ENFORCE: "baseline"}}, "monitoring enforces pod security baseline, and privileged is needed"),
        ({"keda": {ENFORCE: "restricted"}}, "namespace keda needs the label team=platform"),
        ({"keda": {"team": "other"}}, "namespace keda needs the label team=platform"),
    ],
)
def test_what_an_install_would_trip_over_stops_it(
    changed: Mapping[str, Mapping[str, str]], told: str, tmp_path: Path
) -> None:
    assert told in installed({**GOOD, **changed}, tmp_path)


def test_a_namespace_that_is_not_there_stops_an_install(tmp_path: Path) -> None:
    without = {name: labels for name, labels in GOOD.items() if name != "keda"}
    assert "namespace keda is not there" in installed(without, tmp_path)
