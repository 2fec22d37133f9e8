"""The EKS cluster: version, add-ons with pinned versions, and the CPU node group."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from llminfra.catalog import eks, instances
from llminfra.diagnostics import entry_path
from llminfra.planning.cluster.existing import plan_existing
from llminfra.planning.cluster.provided import check_provided
from llminfra.planning.facts import numbers
from llminfra.planning.network.offers import check_offered
from llminfra.planning.plan.infrastructure import AddonPlan, ClusterPlan, NetworkPlan, SystemNodesPlan
from llminfra.spec.compute.cluster import Cluster
from llminfra.spec.compute.existing_cluster import ExistingCluster

if TYPE_CHECKING:
    from llminfra.planning.findings import Findings
    from llminfra.spec.platform import Platform

# The images of the controllers, and once in a while an engine image of 10 GB (25 GB unpacked) for a copy of weights.
_SYSTEM_ROOT_GIB = 100
_SUPPORT_NOTICE = dt.timedelta(days=90)
# Volumes of Prometheus and Alertmanager stay in the zone where they were made, and a node that is replaced comes up in
# any zone of its group (Amazon EKS Best Practices Guide, "EKS Data Plane": with EBS volumes every zone needs capacity).
# Two nodes in two zones leave none without; with three zones a volume may end up where no node is, and its pod pending.
# The number does not follow that of the nodes, because a group whose subnets change is destroyed and made anew.
_SYSTEM_ZONES = 2


def plan_cluster(platform: Platform, network: NetworkPlan, findings: Findings, today: dt.date) -> ClusterPlan:
    """Decide the cluster; with an unknown version the newest stands in, so that the other passes can go on."""
    spec = platform.cluster or Cluster()
    version = _version(spec, findings, today)
    check_provided(platform, spec, findings)
    if isinstance(spec, ExistingCluster):
        return plan_existing(platform, spec, version, findings)
    release = eks.version(version)
    _check_system_nodes(platform, spec, findings)
    return ClusterPlan(
        name=platform.name,
        version=version,
        identity=spec.identity,
        admin_role_arns=tuple(spec.admin_role_arns),
        public_access_cidrs=tuple(spec.public_access_cidrs),
        private_access_cidrs=(platform.network.cidr,)
        if spec.private_access_cidrs is None
        else tuple(dict.fromkeys(spec.private_access_cidrs)),
        log_days=spec.log_days,
        deletion_protection=spec.deletion_protection,
        autoscaler=spec.autoscaler,
        system_nodes=SystemNodesPlan(
            instance_types=tuple(spec.system_nodes.instance_types),
            zones=network.zones[:_SYSTEM_ZONES],
            min_nodes=spec.system_nodes.nodes[0],
            max_nodes=spec.system_nodes.nodes[1],
            ami_type="AL2023_x86_64_STANDARD",
            ami_release=release.ami_release if release else None,
            root_volume_gib=_SYSTEM_ROOT_GIB,
        ),
        addons=_addons(version),
        provided=tuple(spec.install),
        shared_with=tuple(item for item in spec.shared_with if not item.broken),
        shared=bool(spec.install or spec.shared_with),
    )


def _version(spec: Cluster | ExistingCluster, findings: Findings, today: dt.date) -> str:
    """The version that is planned with: the newest in the place of one that there is not."""
    version = spec.version
    if (release := eks.version(version)) is None or not release.creatable:
        version = eks.default_version()
        findings.error(
            "LLM_CAP_26",
            spec,
            "cluster.version",
            f"llminfra creates no cluster with this Kubernetes version: {release.held_back}"
            if release is not None
            else "EKS does not offer this Kubernetes version, or llminfra does not know it",
            found=spec.version,
            expected=", ".join(eks.versions()),
            fix=_other_version(spec.version, eks.default_version()),
            runtime_message="unsupported Kubernetes version" if release is None else None,
        )
    elif not release.in_standard_support(today + _SUPPORT_NOTICE):
        findings.warning(
            "LLM_CAP_32",
            spec,
            "cluster.version",
            "standard support of this Kubernetes version ends within 90 days; then an hour costs six times as much",
            found=f"{version}, standard support until {release.end_of_standard_support}",
            expected=eks.default_version(),
            fix=_other_version(version, eks.default_version())
            if isinstance(spec, Cluster)
            else f"upgrade the cluster to {eks.default_version()} where it is declared, then set version here to it",
        )
    return version


def _other_version(version: str, target: str) -> str:
    """What to write in the place of a version; EKS takes a cluster that is there up by one minor version at a time."""
    following = _minor(version) + 1
    if eks.version(version) is None or following >= _minor(target):
        return f"use {target}"
    if (step := f"1.{following}") in eks.versions():
        return f"use {target}; a cluster that runs {version} goes to {step} first"
    first = eks.versions()[0]
    return f"use {target}; a cluster that runs {version} is taken to {first} first, with aws eks update-cluster-version"


def _minor(version: str) -> int:
    tail = version.partition(".")[2]
    return int(tail) if tail.isdigit() else 0


def _check_system_nodes(platform: Platform, spec: Cluster, findings: Findings) -> None:
    for index, name in enumerate(spec.system_nodes.instance_types):
        instance = instances.get(name)
        path = entry_path("cluster.system_nodes.instance_types", index)
        if instance is None:
            findings.error(
                "LLM_CAP_20",
                spec,
                path,
                f"there is no instance type {name!r} in the catalog",
                found=name,
                expected=instances.like(name),
                fix="use a type of x86_64 without GPUs, for example m7i.xlarge",
                runtime_message=f"The following supplied instance types do not exist: [{name}]",
            )
        elif instance.arch != "amd64" or instance.gpu is not None:
            findings.error(
                "LLM_CAP_27",
                spec,
                path,
                "system nodes run the x86_64 AMI without GPU drivers",
                found=f"{name} ({instance.arch if instance.gpu is None else instance.gpu.device})",
                expected="an x86_64 type without GPUs such as m7i.xlarge",
                fix="use m7i.xlarge; GPU nodes are declared in Platform(pools=[…])",
            )
        else:
            check_offered(name, platform.region, spec, path, findings)
    if spec.system_nodes.nodes[0] < 1:
        findings.error(
            "LLM_CAP_39",
            spec,
            "cluster.system_nodes.nodes",
            "no node is left for the controllers, among them what starts nodes",
            found=f"at least {spec.system_nodes.nodes[0]}",
            expected="at least 1, better 2",
            fix=f"set nodes=(2, {max(4, spec.system_nodes.nodes[1])})",
            runtime_message="no nodes available to schedule pods",
        )
    elif spec.system_nodes.nodes[0] < _SYSTEM_ZONES and platform.observability is not None:
        findings.warning(
            "LLM_CAP_46",
            spec,
            "cluster.system_nodes.nodes",
            "the one node may be replaced in another zone than that of Prometheus' volume, whose pod then waits",
            found=f"at least {spec.system_nodes.nodes[0]}",
            expected=f"at least {_SYSTEM_ZONES}: one in each zone of the group",
            fix=f"set nodes=({_SYSTEM_ZONES}, {max(4, spec.system_nodes.nodes[1])})",
            runtime_message="0/n nodes are available: n node(s) had volume node affinity conflict",
        )


def _addons(kubernetes_version: str) -> tuple[AddonPlan, ...]:
    planned = []
    for row in numbers("addons")["addons"]:
        pinned = eks.addon_version(row["name"], kubernetes_version)
        if pinned is not None:
            planned.append(
                AddonPlan(
                    name=row["name"],
                    version=pinned,
                    before_compute=row.get("before_compute", False),
                    service_account=row.get("service_account"),
                    role_policies=tuple(row.get("role_policies", ())),
                )
            )
    return tuple(planned)
