"""The cluster stack: control plane, access, add-ons, system nodes, GPU pools, and what autoscalers need of AWS."""

from __future__ import annotations

from llminfra.bindings import aws, core
from llminfra.compiler.addon_settings import addon_settings
from llminfra.compiler.contracts import ClusterContract, NetworkContract
from llminfra.compiler.stacks.common import Built, open_stack, read
from llminfra.compiler.stacks.existing_cluster import existing_cluster_stack
from llminfra.compiler.stacks.gpu_pools import PoolContext, gpu_pool
from llminfra.compiler.stacks.karpenter import karpenter
from llminfra.constructs.basis.iam import PodIdentity, Role, without_scheme
from llminfra.constructs.basis.kms import Key, key_for_all, kms_key
from llminfra.constructs.basis.scope import Scope
from llminfra.constructs.basis.state import write_outputs
from llminfra.constructs.budget import budget
from llminfra.constructs.cluster.cluster_access import cluster_admins
from llminfra.constructs.cluster.eks_addon import eks_addon
from llminfra.constructs.cluster.eks_cluster import Cluster, control_plane_log_group, eks_cluster
from llminfra.constructs.cluster.node_group import NodeGroup, node_group
from llminfra.constructs.cluster.node_role import node_role
from llminfra.constructs.machines.launch_template import NodeTemplate, launch_template
from llminfra.constructs.machines.node_security import api_access, node_security_group
from llminfra.planning.encryption.launchers import cluster_launchers
from llminfra.planning.encryption.statements import (
    used_by_budgets,
    used_by_event_rules,
    used_by_launchers,
    used_by_log_groups,
)
from llminfra.planning.plan import Plan
from llminfra.planning.plan.infrastructure import SystemNodesPlan
from llminfra.planning.plan.labels import POOL_LABEL

_SYSTEM_LABELS = {POOL_LABEL: "system"}


def cluster_stack(app: core.App, plan: Plan) -> Built:
    """Compile the cluster part of a plan."""
    system_nodes = plan.eks.system_nodes
    if system_nodes is None:
        return existing_cluster_stack(app, plan)
    scope = open_stack(app, plan, "cluster")
    network = NetworkContract.read(read(scope, plan, "network"), plan)
    make = scope.under("cluster")
    key = _key(scope, plan)
    cluster = eks_cluster(make, plan.eks, subnet_ids=list(network.private_subnet_ids.values()), key=key)
    cluster_admins(make, cluster_name=cluster.name, role_arns=plan.eks.admin_role_arns)
    nodes = node_security_group(
        make, vpc_id=network.vpc_id, vpc_cidr=plan.network.cidr, cluster_group_id=cluster.security_group_id
    )
    api_access(make, cluster_group_id=cluster.security_group_id, cidrs=plan.eks.private_access_cidrs)
    own_cni_role = any(item.name == "vpc-cni" and item.role_policies for item in plan.eks.addons)
    instance_role = node_role(make, "node", with_cni_policy=not own_cni_role)
    identity = PodIdentity(
        kind=plan.eks.identity,
        cluster_name=cluster.name,  # the reference: an association waits for the cluster
        oidc_provider_arn=cluster.oidc_provider_arn,
        oidc_issuer=without_scheme(cluster.oidc_issuer),
    )
    settings = {item.name: addon_settings(item.name, plan, scope, key_for_all(key)) for item in plan.eks.addons}
    first = [
        eks_addon(make, item, settings[item.name], cluster_name=cluster.name, identity=identity)
        for item in plan.eks.addons
        if item.before_compute
    ]
    before_nodes: list[core.TerraformElement] = [*first, *instance_role.ready, *nodes.rules]
    system = _system_nodes(scope, plan, cluster, instance_role, network, nodes.id, before_nodes, system_nodes, key)
    for item in plan.eks.addons:
        if not item.before_compute:
            values = settings[item.name]
            eks_addon(make, item, values, cluster_name=cluster.name, identity=identity, after=[system])
    context = PoolContext(
        scope=scope,
        plan=plan,
        cluster_name=cluster.name,
        role_arn=instance_role.arn,
        network=network,
        node_group_id=nodes.id,
        key=key_for_all(key),
        after=tuple(before_nodes),
    )
    pools = {pool.name: gpu_pool(context, pool) for pool in plan.pools}
    started = None
    if plan.eks.autoscaler == "karpenter":
        path = "cluster.autoscaler"
        started = karpenter(
            scope,
            plan,
            spec_path=path,
            cluster_name=cluster.name,
            identity=identity,
            own_cni_role=own_cni_role,
            key=key_for_all(key),
        )
    if plan.platform.budget_usd_per_month is not None:
        budget(scope.under("budget_usd_per_month"), usd_per_month=plan.platform.budget_usd_per_month, key=key)
    contract = ClusterContract(
        name=cluster.name,
        endpoint=cluster.resource.endpoint,
        ca_certificate=cluster.resource.certificate_authority.get(0).data,
        oidc_provider_arn=cluster.oidc_provider_arn,
        oidc_issuer=identity.oidc_issuer,
        node_group_id=nodes.id,
        key_arn=key.arn,
        efa_group_ids={name: pool.efa_group_id for name, pool in pools.items() if pool.efa_group_id},
        placement_groups={name: pool.placement_group for name, pool in pools.items() if pool.placement_group},
        karpenter_node_profile=started.node_profile if started else None,
        karpenter_queue=started.queue if started else None,
        karpenter_role_arn=started.role_arn if started else None,
    )
    write_outputs(scope.stack, contract.outputs())
    scope.finish()
    return Built("cluster", scope.stack)


def _key(scope: Scope, plan: Plan) -> Key:
    statements = [used_by_log_groups(scope, control_plane_log_group(plan.eks))]
    if plan.platform.budget_usd_per_month is not None:
        statements.append(used_by_budgets(scope))
    launching = cluster_launchers(plan)
    if scope.encryption:
        statements += used_by_launchers(scope, launching)
        statements += [used_by_event_rules()] if plan.eks.autoscaler == "karpenter" else []
    return kms_key(
        scope.under("cluster"),
        "cluster",
        purpose="Kubernetes secrets, control plane logs",
        statements=statements,
        launchers=launching,
    )


def _system_nodes(
    scope: Scope,
    plan: Plan,
    cluster: Cluster,
    role: Role,
    network: NetworkContract,
    node_group_id: str,
    after: list[core.TerraformElement],
    nodes: SystemNodesPlan,
    key: Key,
) -> aws.EksNodeGroup:
    make = scope.under("cluster.system_nodes")
    template = launch_template(
        make,
        NodeTemplate(
            id="system",
            root_volume_gib=nodes.root_volume_gib,
            security_group_ids=[node_group_id],
            key=key_for_all(key),
            tags=scope.tags,
        ),
    )
    return node_group(
        make,
        NodeGroup(
            id="system",
            subnet_ids=[network.private_subnet_ids[zone] for zone in nodes.zones],
            instance_types=nodes.instance_types,
            capacity_type="ON_DEMAND",
            ami_type=nodes.ami_type,
            release=nodes.ami_release,
            min_nodes=nodes.min_nodes,
            max_nodes=nodes.max_nodes,
            nodes=max(1, nodes.min_nodes),
            resized=plan.eks.autoscaler == "cluster-autoscaler" and nodes.min_nodes < nodes.max_nodes,
            labels=_SYSTEM_LABELS,
        ),
        cluster_name=cluster.name,
        kubernetes_version=plan.eks.version,
        role_arn=role.arn,
        template=template,
        after=after,
    )
