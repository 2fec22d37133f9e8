"""Rules on a cluster that somebody else made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from llminfra.diagnostics import Severity, entry_path
from llminfra.planning.cluster.gpu_shares import CONFIG_LABEL
from llminfra.planning.controllers.namespaces import NAMES, made_namespaces, namespaces_of
from llminfra.planning.controllers.needs import needs_of
from llminfra.planning.controllers.scraping import scraping_of
from llminfra.rules.rule import Hit, rule
from llminfra.spec.compute.existing_cluster import ExistingCluster

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan

_PLUGIN = "nvidia-device-plugin"
UNKNOWN_ALONE = frozenset({"LLM_CAP_52", "LLM_CAP_57", "LLM_OBS_16", "LLM_OBS_17"})
"""Rules on what a spec cannot know of its cluster, and commands do that get the spec of its maker, too."""


@rule(
    code="LLM_CAP_52",
    title="What is installed already may do what the platform asks of it",
    severity=Severity.WARNING,
    looks_at="plan",
    why="llminfra gives no AWS role to controllers that it does not install, and cannot see what theirs allows. "
    "Without it pods wait for secrets, a gateway's balancer has no targets, volumes are not found, and queues start no "
    "worker.",
    fix="let the controller's own role do this, then accept the finding with a Waiver that says where",
    source=(
        "external-secrets/external-secrets docs/provider/aws-secrets-manager.md: IAM Policy",
        "kubernetes-sigs/aws-load-balancer-controller docs/install/iam_policy.json: RegisterTargets",
        "kedacore/keda-docs content/docs/2.20/scalers/aws-sqs.md: authentication",
        "kubernetes-sigs/aws-fsx-csi-driver docs/install.md: permissions",
    ),
)
def installed_may_act(plan: Plan) -> Iterator[Hit]:
    """Controllers that are there, and calls to AWS that this platform has them make."""
    if plan.cluster is None:
        return
    needs, name = needs_of(plan), plan.platform.name
    asked = {
        "external-secrets": (needs.secret_store, "secretsmanager:GetSecretValue of the secrets that the spec names"),
        "aws-load-balancer-controller": (
            any(item.balanced for item in plan.gateways),
            f"elasticloadbalancing:RegisterTargets and DeregisterTargets of target groups {name}-*",
        ),
        "keda": (bool(needs.keda_queues), f"sqs:GetQueueAttributes of queues {name}-async-*"),
        "aws-fsx-csi-driver": (bool(plan.lustre), "fsx:DescribeFileSystems"),
    }
    for chart in plan.cluster.installed:
        if chart in plan.installed_by:
            continue  # its spec is here, and LLM_CAP_56 tells what it does not allow
        wanted, what = asked.get(chart, (False, ""))
        if wanted:
            yield Hit(
                path="cluster.installed",
                message=f"{chart} is there already: whether its role allows what this platform needs is not known here",
                found=f"{chart} among installed",
                expected=f"its role allows {what}",
            )


@rule(
    code="LLM_CAP_53",
    title="Somebody has looked which namespaces are there",
    severity=Severity.WARNING,
    looks_at="plan",
    why="The first release makes the namespaces that the others need. Helm takes over nothing that it "
    "did not make: one that is there, such as monitoring, stops the apply.",
    fix="set ExistingCluster(namespaces=[…]) to those that are there, or to [] where none is",
    source=("helm/helm pkg/action/validate.go: checkOwnership",),
    seen=('Namespace "…" in namespace "" exists and cannot be imported into the current release',),
)
def namespaces_looked_at(plan: Plan) -> Iterator[Hit]:
    """A cluster that is there, of whose namespaces nothing is said."""
    cluster = plan.platform.cluster
    made = made_namespaces(plan) if plan.cluster is not None else ()
    if isinstance(cluster, ExistingCluster) and cluster.namespaces is None and made:
        yield Hit(
            path="cluster.namespaces",
            message=f"the apply makes the namespaces {', '.join(made)}, and stops at one that is there",
            found="namespaces is not set",
            expected=f"what `kubectl get namespace --ignore-not-found {' '.join(made)}` lists",
        )


@rule(
    code="LLM_CAP_54",
    title="A namespace that is named as being there is one that something is put into",
    severity=Severity.WARNING,
    looks_at="plan",
    why="Which namespaces a platform puts something into follows from its spec. Another one changes nothing, and is "
    "mostly a misspelt one: that which was meant would be made, and is there.",
    fix="correct the name, or leave it out",
    source=("llminfra: planning/controllers/namespaces.py",),
)
def namespaces_used(plan: Plan) -> Iterator[Hit]:
    """Names in ``namespaces`` that no release of any plan goes to."""
    cluster = plan.platform.cluster
    if plan.cluster is None or not isinstance(cluster, ExistingCluster):
        return
    used = namespaces_of(plan)
    known = {*used, *NAMES, *(item.namespace for item in plan.endpoints)}
    scraping = scraping_of(plan)
    known |= {scraping.scraper_namespace} if scraping is not None else set()
    for index, name in enumerate(cluster.namespaces or ()):
        if name not in known:
            yield Hit(
                path=entry_path("cluster.namespaces", index),
                message="this platform puts nothing into the namespace",
                found=name,
                expected=f"some of {', '.join(used)}",
            )


@rule(
    code="LLM_CAP_57",
    title="A device plugin that is there knows how GPUs are shared",
    severity=Severity.WARNING,
    looks_at="plan",
    why="Nodes of a pool that shares GPUs name the configuration that their device plugin is to take. One that lacks "
    "it does not start on them: they show no GPUs, and pods wait for what is there.",
    fix="add the configuration to the plugin's ConfigMap, then accept the finding with a Waiver that says so",
    source=(
        "NVIDIA/k8s-device-plugin README.md: Configuration Option Details, Shared Access to GPUs",
        "NVIDIA/gpu-operator deployments/gpu-operator/values.yaml: devicePlugin.config",
    ),
)
def shared_gpus_are_configured(plan: Plan) -> Iterator[Hit]:
    """Pools that share GPUs, where somebody else installed the device plugin."""
    for pool in plan.pools:
        config = pool.labels.get(CONFIG_LABEL)
        if config is not None and not needs_of(plan).device_plugin and _PLUGIN not in plan.installed_by:
            yield Hit(
                path=f"pools.{pool.name}.sharing",
                message="whether the device plugin that is there has the configuration that the pool's nodes name is "
                "not known here",
                found=f"{CONFIG_LABEL}={config}",
                expected=f"a configuration {config}, as llminfra's own plugin has: docs/shared_cluster.md",
            )


RULES = (shared_gpus_are_configured, installed_may_act, namespaces_looked_at, namespaces_used)
