"""Finding things in rendered objects."""

from __future__ import annotations

from typing import Any


def of_kind(objects: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [item for item in objects if item["kind"] == kind]


def one(objects: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    found = of_kind(objects, kind)
    assert len(found) == 1, f"{len(found)} objects of kind {kind}"
    return found[0]


def pod_specs(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Pod specs of the endpoint: one of a Deployment, leader and worker of a LeaderWorkerSet."""
    specs = [item["spec"]["template"]["spec"] for item in of_kind(objects, "Deployment")]
    for item in of_kind(objects, "LeaderWorkerSet"):
        group = item["spec"]["leaderWorkerTemplate"]
        specs += [group["leaderTemplate"]["spec"], group["workerTemplate"]["spec"]]
    assert specs, "nothing that runs pods"
    return specs


def engine(spec: dict[str, Any]) -> dict[str, Any]:
    return next(item for item in spec["containers"] if item["name"] == "engine")


def env_of(container: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {item["name"]: item for item in container["env"]}
