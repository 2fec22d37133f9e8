"""Recording rules: one name for each signal of each endpoint, and the fleet with its cost by pool."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.catalog import prices
from llminfra.charts.llm_observability import RecordingRule
from llminfra.observability.endpoint_series import pods, record_labels, record_name, scraped, scraped_pods
from llminfra.observability.own_series import POOL_INFO, own
from llminfra.observability.promql import number, selector
from llminfra.observability.signals import Signal, signals_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llminfra.planning.plan import Plan
    from llminfra.planning.plan.endpoint import EndpointPlan

POOL_LABEL = "label_llminfra_io_pool"
_PLATFORM_LABEL = "label_llminfra_io_platform"
TYPE_LABEL = "label_node_kubernetes_io_instance_type"
GPU = {"resource": "nvidia_com_gpu"}


def endpoint_recordings(endpoint: EndpointPlan, plan: Plan) -> list[RecordingRule]:
    """Every signal that the endpoint's engine exposes, and what the endpoint costs."""
    labels = record_labels(endpoint)
    rules = [
        RecordingRule(record=record_name(item.name, item.kind), expr=_expression(item, endpoint), labels=labels)
        for item in signals_of(endpoint).values()
    ]
    pool = plan.pool(endpoint.pool)
    held = pods(endpoint, "kube_pod_container_resource_requests", **GPU)
    gpus = f"sum({held} and on (namespace, pod) {pods(endpoint, 'kube_pod_status_phase', phase='Running')} == 1)"
    rules.append(RecordingRule(record="endpoint:llm_gpus:sum", expr=gpus, labels=labels))
    if pool.usd_per_node_hour is not None and pool.gpus_per_node:
        price = number(pool.usd_per_node_hour / pool.gpus_per_node)
        rules.append(
            RecordingRule(record="endpoint:llm_cost_usd_per_hour:sum", expr=f"({gpus}) * {price}", labels=labels)
        )
    return rules


def _expression(signal: Signal, endpoint: EndpointPlan) -> str:
    where, like = scraped(endpoint), {**(signal.like or {}), **scraped_pods(endpoint)}
    series = selector(signal.metric, where, like)
    if signal.kind == "gauge":
        return f"sum by (pod) ({series})"
    if signal.kind == "ratio":
        return f"max by (pod) ({series})"
    if signal.kind == "histogram":
        return f"sum by (le) (rate({selector(signal.metric + '_bucket', where, like)}[5m]))"
    rate = f"sum(rate({series}[5m]))"
    if signal.minus is None:
        return rate
    return f"clamp_min({rate} - sum(rate({selector(signal.minus, where, scraped_pods(endpoint))}[5m])), 0)"


def fleet_recordings(plan: Plan) -> list[RecordingRule]:
    """GPUs of each pool: how many, how many are held by pods, how busy they are, and what they cost by list price.

    On a shared cluster they are those of the platform's own pools.
    """
    mine = {_PLATFORM_LABEL: plan.platform.name} if plan.shared else {}
    pooled = "".join([f'{POOL_LABEL}!=""', *(f',{key}="{name}"' for key, name in mine.items())])
    pool = f'label_replace(kube_node_labels{{{pooled}}}, "pool", "$1", "{POOL_LABEL}", "(.+)")'
    node = f'max by (node, pool, instance_type) (label_replace({pool}, "instance_type", "$1", "{TYPE_LABEL}", "(.+)"))'
    info = f"on (node) group_left (pool) {own(plan, POOL_INFO)}"
    gpus = own(plan, "pool:llm_gpus:sum")
    active = 'max by (namespace, pod) (kube_pod_status_phase{phase=~"Pending|Running"}) == 1'
    held = f"{selector('kube_pod_container_resource_requests', GPU)} * on (namespace, pod) group_left () ({active})"
    rules = [
        RecordingRule(record=POOL_INFO, expr=node),
        RecordingRule(record="pool:llm_nodes:count", expr=f"count by (pool) ({own(plan, POOL_INFO)})"),
        RecordingRule(
            record="pool:llm_gpus:sum",
            expr=f"sum by (pool) ({selector('kube_node_status_allocatable', GPU)} * {info})",
        ),
        RecordingRule(
            record="pool:llm_gpus_held:sum",
            expr=f"sum by (pool) (sum by (node) ({held}) * {info}) or on (pool) {gpus} * 0",
        ),
        RecordingRule(
            record="pool:llm_gpu_utilization:avg", expr=f"avg by (pool) (DCGM_FI_DEV_GPU_UTIL * {info}) / 100"
        ),
    ]
    return [*rules, *_costs(plan)]


def _costs(plan: Plan) -> Iterator[RecordingRule]:
    """None where the catalog has no price of any instance type; a type without one counts as nothing."""
    priced = list(_prices(plan))
    if not priced:
        return
    price = own(plan, "instance_type:llm_usd_per_hour:price")
    cost = f"sum by (pool) ({own(plan, POOL_INFO)} * on (instance_type) group_left () {price})"
    free = f"(1 - {own(plan, 'pool:llm_gpus_held:sum')} / ({own(plan, 'pool:llm_gpus:sum')} > 0))"
    other = sum(line.usd_per_hour_min or 0.0 for line in plan.costs if not line.spec_path.startswith("pools."))
    of_pools = own(plan, "pool:llm_cost_usd_per_hour:sum")
    yield from priced
    yield RecordingRule(record="platform:llm_other_usd_per_hour:price", expr=f"vector({number(other)})")
    yield RecordingRule(record="pool:llm_cost_usd_per_hour:sum", expr=cost)
    yield RecordingRule(record="pool:llm_idle_cost_usd_per_hour:sum", expr=f"{of_pools} * {free}")
    yield RecordingRule(
        record="platform:llm_cost_usd_per_hour:sum",
        expr=f"(sum({of_pools}) or vector(0)) + sum({own(plan, 'platform:llm_other_usd_per_hour:price')})",
    )


def _prices(plan: Plan) -> Iterator[RecordingRule]:
    """Prices as series, so that a dashboard multiplies by what the plan was made with."""
    names = dict.fromkeys(item.name for pool in plan.pools for item in pool.instance_types)
    for name in names:
        price = prices.on_demand_usd_per_hour(name, plan.platform.region)
        if price is not None:
            yield RecordingRule(
                record="instance_type:llm_usd_per_hour:price",
                expr=f"vector({number(price.usd)})",
                labels={"instance_type": name},
            )
