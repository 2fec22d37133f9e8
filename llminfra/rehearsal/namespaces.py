"""Namespaces of a cluster that is there: which the stacks take to exist, and which they are about to make."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from llminfra.rehearsal.stacks import Stack
from llminfra.rehearsal.world import WorldObject

NAMESPACE = "kubernetes_namespace"
"""Type of such objects in the rehearsed world; an attribute ``cluster`` says whose they are, none: any cluster's."""
_BASE = "cluster-base"


def assumed_namespaces(stacks: Collection[Stack]) -> Iterator[WorldObject]:
    """Namespaces that the spec says are there: the chart that all others stand on looks for them."""
    for cluster, values in _bases(stacks):
        for item in values.get("existingNamespaces") or ():
            name = str(item["name"])
            yield WorldObject(NAMESPACE, f"{cluster}/{name}" if cluster else name, {"name": name, "cluster": cluster})


def namespace_names(identifier: str) -> dict[str, str]:
    """Cluster and name of ``<cluster>/<namespace>``, or the name of one in any cluster."""
    cluster, slash, name = identifier.rpartition("/")
    return {"name": name, **({"cluster": cluster} if slash else {})}


def not_there_yet(stacks: Collection[Stack]) -> Iterator[str]:
    """What a rehearsal cannot know of a cluster that somebody else made."""
    for cluster, values in _bases(stacks):
        names = ", ".join(str(item["name"]) for item in values.get("namespaces") or ())
        if cluster and names:
            yield f"cluster {cluster} is assumed to have none of the namespaces {names}: a stack makes them"


def _bases(stacks: Collection[Stack]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Name of the cluster, where it is read, and values of each release of the chart."""
    by_name = {stack.name: stack for stack in stacks}
    for stack in stacks:
        release = stack.content.get("resource", {}).get("helm_release", {}).get(_BASE)
        for text in (release or {}).get("values") or ():
            clusters = [
                str(block["name"])
                for name in (stack.name, *stack.dependencies)
                if name in by_name
                for block in by_name[name].content.get("data", {}).get("aws_eks_cluster", {}).values()
            ]
            yield clusters[0] if clusters else "", json.loads(text)
