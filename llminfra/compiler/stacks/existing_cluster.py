"""The cluster stack where the cluster is there: it is read, and gets the parts of AWS that its new nodes need."""

from __future__ import annotations

from llminfra.bindings import aws, core
from llminfra.compiler.contracts import ClusterContract, NetworkContract
from llminfra.compiler.stacks.common import Built, open_stack, read
from llminfra.compiler.stacks.gpu_pools import PoolContext, gpu_pool
from llminfra.compiler.stacks.karpenter import karpenter
from llminfra.constructs.basis.iam import PodIdentity, without_scheme
from llminfra.constructs.basis.kms import key_for_all, kms_key
from llminfra.constructs.basis.state import write_outputs
from llminfra.constructs.budget import budget
from llminfra.constructs.cluster.existing_cluster import existing_eks
from llminfra.constructs.cluster.node_role import node_profile, node_role
from llminfra.planning.controllers.needs import needs_of
from llminfra.planning.encryption.launchers import cluster_launchers
from llminfra.planning.encryption.statements import used_by_budgets, used_by_event_rules, used_by_launchers
from llminfra.planning.plan import Plan

_PATH = "cluster"


def existing_cluster_stack(app: core.App, plan: Plan) -> Built:
    """Compile the cluster part of a plan for a cluster that somebody else made.

    Control plane, add-ons, access of people and its own nodes are not touched. GPU nodes get the security group of the
    cluster's nodes, so that they reach each other, CoreDNS and the API as those do.
    """
    scope = open_stack(app, plan, "cluster")
    network = NetworkContract.read(read(scope, plan, "network"), plan)
    make = scope.under(_PATH)
    needs = needs_of(plan)
    name, version = plan.eks.name, plan.eks.version
    cluster = existing_eks(make, name=name, version=version, vpc_id=network.vpc_id, entries=needs.karpenter)
    issuer = without_scheme(cluster.oidc_issuer)
    identity = PodIdentity(
        kind=plan.eks.identity,
        cluster_name=cluster.name,
        oidc_provider_arn=f"arn:{scope.partition}:iam::{scope.account_id}:oidc-provider/{issuer}",
        oidc_issuer=issuer,
    )
    budgeted = plan.platform.budget_usd_per_month
    statements = [] if budgeted is None else [used_by_budgets(scope)]
    launching = cluster_launchers(plan)
    if scope.encryption:
        statements += used_by_launchers(scope, launching)
        statements += [used_by_event_rules()] if needs.karpenter else []
    key = kms_key(make, "cluster", purpose="alarms and metrics", statements=statements, launchers=launching)
    group = cluster.security_group_id
    if plan.eks.node_group_id:
        group = make(aws.DataAwsSecurityGroup, "nodes", id=plan.eks.node_group_id, vpc_id=network.vpc_id).id
    own = any(pool.provisioner != "karpenter" for pool in plan.pools)
    # Whether the VPC CNI of the cluster has a role of its own is not known: nodes bring what it needs.
    role = node_role(make, "node", with_cni_policy=True) if own else None
    context = PoolContext(
        scope=scope,
        plan=plan,
        cluster_name=cluster.name,
        role_arn=role.arn if role else "",
        network=network,
        node_group_id=group,
        key=key_for_all(key),
        after=tuple(role.ready) if role else (),
    )
    pools = {pool.name: gpu_pool(context, pool) for pool in plan.pools}
    started = profile = None
    if needs.karpenter:
        started = karpenter(
            scope,
            plan,
            spec_path=_PATH,
            cluster_name=cluster.name,
            identity=identity,
            own_cni_role=False,
            key=key_for_all(key),
        )
        profile = started.node_profile
    elif needs.karpenter_pools and plan.eks.karpenter_node_role:
        there = make(aws.DataAwsIamRole, "karpenter-node", name=plan.eks.karpenter_node_role)
        profile = node_profile(make, "karpenter-node", there.name)
    if budgeted is not None:
        budget(scope.under("budget_usd_per_month"), usd_per_month=budgeted, key=key)
    contract = ClusterContract(
        name=cluster.name,
        endpoint=cluster.endpoint,
        ca_certificate=cluster.ca_certificate,
        oidc_provider_arn=identity.oidc_provider_arn,
        oidc_issuer=identity.oidc_issuer,
        node_group_id=group,
        key_arn=key.arn,
        efa_group_ids={pool: made.efa_group_id for pool, made in pools.items() if made.efa_group_id},
        placement_groups={pool: made.placement_group for pool, made in pools.items() if made.placement_group},
        karpenter_node_profile=profile,
        karpenter_queue=started.queue if started else None,
        karpenter_role_arn=started.role_arn if started else None,
    )
    write_outputs(scope.stack, contract.outputs())
    scope.finish()
    return Built("cluster", scope.stack)
