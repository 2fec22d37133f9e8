"""What specs of other platforms say to be on the cluster of this one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, get_args

from llminfra.loading.wording.told import declared_in_yaml
from llminfra.planning.controllers.cluster_charts import installs
from llminfra.planning.controllers.scraping import scraping_of
from llminfra.planning.plan.made_names import karpenter_node_role
from llminfra.spec.compute.existing_cluster import Installed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from llminfra.planning.plan import Plan

_TYPES = {"network": "ExistingNetwork", "cluster": "ExistingCluster", "observability": "ExistingPrometheus"}
_LONGEST = 60
# What is known after an apply only, and the output that tells it.
_LATER = {
    "vpc_id": "output vpc_id of the stack {}-network",
    "private_subnet_ids": "outputs private_subnet_… of the stack {}-network",
    "node_security_group_id": "output node_security_group_id of the stack {}-cluster",
}


def for_others(plan: Plan) -> Iterator[str]:
    """Lines in the language of the plan's own spec; none where the cluster is for this platform alone."""
    cluster = plan.cluster
    if cluster is None or not (cluster.provided or cluster.shared_with):
        return
    yaml = declared_in_yaml(plan.platform)
    for section, fields in _sections(plan).items():
        yield f"{section}:" if yaml else f"{section}={_TYPES[section]}("
        indent = "  " if yaml else "    "
        for name, value in fields.items():
            first, *more = _written(value)
            if name in _LATER and any("…" in line for line in (first, *more)):
                yield f"{indent}# {_LATER[name].format(plan.platform.name)}"
            yield f"{indent}{name}{': ' if yaml else '='}{first}{'' if yaml or more else ','}"
            for line in more[:-1]:
                yield f"{indent}    {line}"
            if more:
                yield f"{indent}  {more[-1]}" if yaml else f"{indent}{more[-1]},"
        if not yaml:
            yield "),"


def _written(value: object) -> list[str]:
    """A value as both languages write it: on one line, or an item a line where that would not fit a terminal."""
    text = json.dumps(value, ensure_ascii=False)
    if len(text) <= _LONGEST or not isinstance(value, list | dict):
        return [text]
    return [line.strip() for line in json.dumps(value, ensure_ascii=False, indent=1).splitlines()]


def _sections(plan: Plan) -> Mapping[str, Mapping[str, object]]:
    network, cluster = plan.network, plan.eks
    private = {item.zone: item.existing_id or "subnet-…" for item in network.subnets if item.kind == "private"}
    there = {*cluster.installed, *installs(plan), *(item.name for item in cluster.addons)}
    role = cluster.karpenter_node_role or karpenter_node_role(plan.platform.name, plan.platform.region)
    found: dict[str, dict[str, object]] = {
        "network": {
            "vpc_id": network.existing_vpc_id or "vpc-…",
            "cidr": network.cidr,
            "private_subnet_ids": private,
        },
        "cluster": {
            "name": cluster.name,
            "version": cluster.version,
            **({"identity": cluster.identity} if cluster.identity != "pod-identity" else {}),
            **({} if cluster.existing else {"node_security_group_id": "sg-…"}),
            **({"node_security_group_id": cluster.node_group_id} if cluster.node_group_id else {}),
            "installed": [name for name in get_args(Installed) if name in there],
            **({"karpenter_node_role": role} if "karpenter" in there else {}),
            "namespaces": [],
        },
    }
    scraping = scraping_of(plan)
    if scraping is not None:
        found["observability"] = {
            "namespace": scraping.scraper_namespace,
            "match_labels": scraping.match_labels,
            **({"url": scraping.url} if scraping.url else {}),
            **({"external_labels": scraping.external_labels} if scraping.external_labels else {}),
        }
    return found
