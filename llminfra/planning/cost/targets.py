"""What gateways, and endpoints outside the cluster, cost an hour."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from llminfra.catalog import prices
from llminfra.catalog.prices import HOURS_PER_MONTH
from llminfra.planning.cost.hourly import cost_line, span
from llminfra.planning.plan import CostLine

_UNKNOWN = "no price of this ml. type is at hand"

if TYPE_CHECKING:
    from llminfra.planning.plan.gateways import GatewayPlan
    from llminfra.planning.plan.serving import Ec2EndpointPlan, SageMakerEndpointPlan
    from llminfra.spec.platform import Platform


def gateway_costs(platform: Platform, gateways: tuple[GatewayPlan, ...]) -> tuple[CostLine, ...]:
    """Load balancers of gateways; their pods run on the system nodes."""
    price = prices.service_price("load_balancer_hour", platform.region)
    return tuple(
        cost_line(
            f"gateways.{item.name}",
            f"{'public' if item.spec.exposure == 'public' else 'internal'} load balancer, without traffic",
            price,
            1,
            1,
        )
        for item in gateways
        if item.balanced
    )


def target_costs(
    platform: Platform, ec2: tuple[Ec2EndpointPlan, ...], sagemaker: tuple[SageMakerEndpointPlan, ...]
) -> tuple[CostLine, ...]:
    """Instances and load balancers of EC2 endpoints; instances of SageMaker endpoints."""
    lines: list[CostLine] = []
    for item in ec2:
        path = f"endpoints.{item.name}"
        kind = item.on.capacity.kind
        own = prices.own_usd_per_hour(item.instance.name, platform.region, kind)
        price = own or prices.on_demand_usd_per_hour(item.instance.name, platform.region)
        fewest, most = item.fewest_instances, item.most_instances
        what = f"{item.instance.name} × {span(fewest, most)}"
        listed = "at the on-demand price" if kind != "on-demand" else ""
        lines.append(cost_line(path, what, price, fewest, most, f"{kind} price: {own.source}" if own else listed))
        balancer = prices.service_price("load_balancer_hour", platform.region)
        lines.append(cost_line(path, "internal load balancer, without traffic", balancer, 1, 1))
        volume = prices.service_price("ebs_gp3_gib_month", platform.region)
        least_gib, most_gib = fewest * item.root_volume_gib, most * item.root_volume_gib
        what = f"gp3 volumes, {span(least_gib, most_gib)} GiB"
        lines.append(cost_line(path, what, volume, least_gib / HOURS_PER_MONTH, most_gib / HOURS_PER_MONTH))
    for hosted in sagemaker:
        fewest, most = hosted.serving.min_replicas, hosted.serving.max_replicas
        price = prices.hosting_usd_per_hour(hosted.on.instance_type, platform.region)
        what = f"{hosted.on.instance_type} × {span(fewest, most)}"
        line = cost_line(f"endpoints.{hosted.name}", what, price, fewest, most)
        lines.append(line if price else replace(line, note=_UNKNOWN))
    return tuple(lines)
