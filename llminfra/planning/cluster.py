"""The EKS cluster: version, add-ons with pinned versions, and the CPU node group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.catalog import eks, instances
from llminfra.planning.plan import AddonPlan, ClusterPlan, SystemNodesPlan

if TYPE_CHECKING:
    from llminfra.planning.findings import Findings
    from llminfra.spec.platform import Platform

_SYSTEM_ROOT_GIB = 50


def plan_cluster(platform: Platform, findings: Findings) -> ClusterPlan:
    """Decide the cluster; with an unknown version the newest stands in, so that the other passes can go on."""
    spec = platform.cluster
    version = spec.version
    if eks.kubernetes_version(version) is None:
        version = eks.versions()[-1]
        findings.error(
            "LLM_CAP_26",
            spec,
            "cluster.version",
            "EKS does not offer this Kubernetes version, or llminfra does not know it",
            found=spec.version,
            expected=", ".join(eks.versions()),
            fix=f"use {eks.versions()[-1]}",
            runtime_message="unsupported Kubernetes version",
        )
    for index, name in enumerate(spec.system_nodes.instance_types):
        instance = instances.get(name)
        path = f"cluster.system_nodes.instance_types[{index}]"
        if instance is None:
            findings.error(
                "LLM_CAP_20",
                spec,
                path,
                f"there is no instance type {name!r} in the catalog",
                found=name,
                expected=", ".join(instances.suggest(name)),
                fix="check the name",
            )
        elif instance.arch != "x86_64":
            findings.error(
                "LLM_CAP_27",
                spec,
                path,
                "system nodes run the x86_64 AMI",
                found=f"{name} ({instance.arch})",
                expected="an x86_64 type such as m7i.xlarge",
                fix="use an x86_64 instance type",
            )
    uses_lustre = any(item.kind == "lustre" for item in platform.storage)
    return ClusterPlan(
        name=platform.name,
        version=version,
        identity=spec.identity,
        admin_role_arns=tuple(spec.admin_role_arns),
        public_access_cidrs=tuple(spec.public_access_cidrs),
        log_days=spec.log_days,
        deletion_protection=spec.deletion_protection,
        autoscaler=spec.autoscaler,
        system_nodes=SystemNodesPlan(
            instance_types=tuple(spec.system_nodes.instance_types),
            min_nodes=spec.system_nodes.nodes[0],
            max_nodes=spec.system_nodes.nodes[1],
            ami_type="AL2023_x86_64_STANDARD",
            ami_release=eks.ami_release(version),
            root_volume_gib=_SYSTEM_ROOT_GIB,
        ),
        addons=_addons(version, uses_lustre=uses_lustre),
    )


def _addons(version: str, *, uses_lustre: bool) -> tuple[AddonPlan, ...]:
    wanted = ["vpc-cni", "eks-pod-identity-agent", "kube-proxy", "coredns", "aws-ebs-csi-driver"]
    wanted += ["eks-node-monitoring-agent", "metrics-server"]
    if uses_lustre:
        wanted.append("aws-fsx-csi-driver")
    planned = []
    for name in wanted:
        addon = eks.addon(name, version)
        planned.append(
            AddonPlan(
                name=name,
                version=addon.version,
                before_compute=addon.before_compute,
                service_account=addon.service_account,
                role_policy_arns=tuple(addon.role_policy_arns),
            )
        )
    return tuple(planned)
