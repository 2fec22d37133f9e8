"""Spec in, plan out: the passes in their order."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from llminfra.catalog import regions
from llminfra.diagnostics import Diagnostic, SpecError
from llminfra.loading.wording.told import as_declared
from llminfra.planning.cluster.block_times import check_block_times
from llminfra.planning.cluster.eks import plan_cluster
from llminfra.planning.cluster.pools import plan_pools, settle
from llminfra.planning.cost.hourly import check_budget, plan_costs
from llminfra.planning.cost.keys import key_costs
from llminfra.planning.cost.targets import gateway_costs, target_costs
from llminfra.planning.cost.weights import bucket_costs
from llminfra.planning.encryption.checks import check_encryption
from llminfra.planning.endpoints.gateways import plan_gateways
from llminfra.planning.endpoints.on_pools import plan_endpoints
from llminfra.planning.findings import Findings
from llminfra.planning.network.closed import check_closed_network
from llminfra.planning.network.image_lock import read_image_lock
from llminfra.planning.network.vpc import plan_network
from llminfra.planning.plan import Plan
from llminfra.planning.plan.labels import PLATFORM_TAG
from llminfra.planning.quotas.functions import function_quotas
from llminfra.planning.quotas.instances import plan_quotas
from llminfra.planning.quotas.network import network_quotas
from llminfra.planning.references import check_references
from llminfra.planning.serving.disaggregation import plan_routers
from llminfra.planning.serving_targets.ec2 import plan_ec2
from llminfra.planning.serving_targets.sagemaker import plan_sagemaker
from llminfra.planning.storage.hub_copies import Reader, plan_hub_copies
from llminfra.planning.storage.places import plan_buckets, plan_lustre
from llminfra.planning.targets.async_endpoint import plan_async
from llminfra.planning.targets.batch import batch_costs, plan_batches
from llminfra.planning.targets.bedrock import bedrock_costs, plan_bedrock
from llminfra.planning.unheard import check_unheard

if TYPE_CHECKING:
    from llminfra.planning.plan.infrastructure import PoolPlan
    from llminfra.spec.platform import Platform


# What only a region, or what is stored, can decide: where these could not be read, such findings only follow from that.
_BY_REGION = frozenset(
    {
        "LLM_BED_3",
        "LLM_COST_1",
        "LLM_COST_2",
        "LLM_GW_7",
        "LLM_KEY_1",
        "LLM_KEY_4",
        "LLM_NET_20",
        "LLM_NET_26",
        "LLM_NET_28",
        "LLM_SRV_42",
        "LLM_SRV_45",
    }
)
_BY_STORAGE = frozenset({"LLM_FIT_36", "LLM_NET_28", "LLM_REF_2"})


def _without_followers(platform: Platform, findings: Findings) -> tuple[Diagnostic, ...]:
    without = frozenset() if regions.zones(platform.region) else _BY_REGION
    without |= _BY_STORAGE if "storage" in platform.doubtful else frozenset()
    return tuple(item for item in findings.items if item.code not in without)


def plan_platform(platform: Platform, *, today: dt.date | None = None) -> Plan:
    """Decide everything about a platform.

    Args:
        platform: The spec.
        today: Day to judge ends of support and of capacity blocks by; ``None``: the day it is, UTC.

    Raises:
        SpecError: Something cannot work; it carries every finding of the whole platform, warnings included.
    """
    findings = Findings()
    check_references(platform, findings)
    check_unheard(platform, findings)
    check_encryption(platform, findings)
    network = plan_network(platform, findings)
    cluster = None
    pools: tuple[PoolPlan, ...] = ()
    day = today or dt.datetime.now(tz=dt.UTC).date()
    check_block_times(platform, day, findings)
    if platform.needs_cluster:
        cluster = plan_cluster(platform, network, findings, day)
        pools = plan_pools(platform, network, cluster, findings)
    lustre = plan_lustre(platform, network, pools, findings)
    endpoints = plan_endpoints(platform, pools, lustre, findings)
    pools = settle(pools, endpoints)
    routers = plan_routers(endpoints, pools)
    gateways = plan_gateways(platform, network, endpoints, findings)
    ec2 = plan_ec2(platform, network, findings)
    sagemaker = plan_sagemaker(platform, network, findings)
    served = (*(item.serving for item in ec2), *(item.serving for item in sagemaker))
    async_endpoints = plan_async(platform, network, endpoints, served, findings)
    batches = plan_batches(platform, network, findings)
    check_closed_network(platform, cluster, endpoints, ec2, batches, findings)
    bedrock = plan_bedrock(platform, findings)
    loaded = (*(item.weights for item in endpoints), *(item.weights for item in served))
    costs = (
        *plan_costs(platform, network, cluster, pools, lustre),
        *gateway_costs(platform, gateways),
        *target_costs(platform, ec2, sagemaker),
        *batch_costs(platform, batches),
        *bedrock_costs(bedrock),
        *bucket_costs(platform, lustre, (*loaded, *(item.serving.weights for item in batches))),
        *key_costs(platform, network, cluster, bedrock, ec2, sagemaker),
    )
    check_budget(platform, costs, findings)
    if findings.any_errors:
        raise SpecError(as_declared(platform, _without_followers(platform, findings)))
    buckets = plan_buckets(platform)
    readers = (
        *((f"endpoints.{item.name}", item.serving) for item in ec2),
        *((f"endpoints.{item.name}", item.serving) for item in sagemaker),
        *((f"batches.{item.name}", item.serving) for item in batches),
    )
    return Plan(
        platform=platform,
        network=network,
        cluster=cluster,
        pools=pools,
        buckets=buckets,
        lustre=lustre,
        endpoints=endpoints,
        costs=costs,
        quotas=(
            *plan_quotas(pools, ec2, sagemaker, batches),
            *network_quotas(pools, network, cluster),
            *function_quotas(async_endpoints),
        ),
        diagnostics=as_declared(platform, findings.items),
        tags={**platform.tags, PLATFORM_TAG: platform.name, "llminfra:managed-by": "llminfra"},
        ec2=ec2,
        sagemaker=sagemaker,
        gateways=gateways,
        async_endpoints=async_endpoints,
        batches=batches,
        bedrock=bedrock,
        routers=routers,
        image_lock=read_image_lock(platform),
        hub_copies=plan_hub_copies(
            (
                Reader(spec_path=path, model=serving.spec.model, revision=serving.revision, weights=serving.weights)
                for path, serving in readers
            ),
            endpoints,
            buckets,
        ),
    )
