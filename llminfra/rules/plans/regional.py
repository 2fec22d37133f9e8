"""Rules on what AWS has in some regions alone. Its lists grow, so these warn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from llminfra.catalog import regions
from llminfra.catalog.regions import with_feature, with_service
from llminfra.diagnostics import Severity
from llminfra.rules.rule import Hit, rule

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan

_LIMITED_MBPS_PER_TIB = 250


@rule(
    code="LLM_OBS_10",
    title="Amazon Managed Grafana is in the region",
    severity=Severity.WARNING,
    looks_at="plan",
    why="Amazon Managed Grafana is in fewer regions than GPUs are. Where it is not, its API has no address, and the "
    "apply stops half-way. The list is AWS's own and may have grown since.",
    fix='set Observability(grafana="in-cluster"), which reads the Prometheus of the cluster',
    source=("AWS General Reference: Amazon Managed Grafana endpoints and quotas",),
    seen=("dial tcp: lookup grafana.….amazonaws.com: no such host",),
)
def grafana_is_there(plan: Plan) -> Iterator[Hit]:
    """A workspace of Amazon Managed Grafana in a region that has none."""
    observability, region = plan.platform.own_observability, plan.platform.region
    if observability is not None and observability.grafana == "managed" and region not in with_service("grafana"):
        yield Hit(
            path="observability.grafana",
            message="AWS names no endpoint of Amazon Managed Grafana in this region",
            found=f'grafana="managed" in {region}',
            expected=", ".join(with_service("grafana")),
        )


@rule(
    code="LLM_OBS_11",
    title="Amazon Managed Service for Prometheus is in the region",
    severity=Severity.WARNING,
    looks_at="plan",
    why="Amazon Managed Service for Prometheus is not in the regions of China. Where it is not, its API has no "
    "address, and the apply stops half-way. The list is AWS's own and may have grown since.",
    fix='set Observability(prometheus="in-cluster"), which keeps metrics on a volume of the cluster',
    source=(
        "AWS General Reference: Amazon Managed Service for Prometheus endpoints and quotas",
        "boto/botocore botocore/data/endpoints.json: aps",
    ),
)
def managed_prometheus_is_there(plan: Plan) -> Iterator[Hit]:
    """A workspace of Amazon Managed Service for Prometheus in a region that has none."""
    observability, region = plan.platform.own_observability, plan.platform.region
    if observability is not None and observability.prometheus == "managed" and region not in with_service("aps"):
        yield Hit(
            path="observability.prometheus",
            message="AWS names no endpoint of Amazon Managed Service for Prometheus in this region",
            found=f'prometheus="managed" in {region}',
            expected='prometheus="in-cluster"',
        )


@rule(
    code="LLM_STO_14",
    title="The region has this kind of FSx for Lustre",
    severity=Severity.WARNING,
    looks_at="plan",
    why="llminfra makes Persistent 2 file systems, which AWS has in some regions alone; some of those have neither EFA "
    "(and with it GPUDirect Storage) nor the classes of 500 and 1000 MB/s per TiB. Where a kind is missing, the apply "
    "stops when the cluster is up. The list is AWS's own and may have grown since.",
    fix="use another region, a slower class without EFA, or weights from a ModelBucket",
    source=("FSx for Lustre User Guide: Deployment and storage class options, Deployment type availability",),
)
def lustre_is_there(plan: Plan) -> Iterator[Hit]:
    """File systems of a kind that the region's row of AWS's table lacks; regions of China are in no row."""
    region = plan.platform.region
    known = regions.get(region)
    everywhere, limited = with_feature("fsx-lustre-persistent-2"), with_feature("fsx-lustre-persistent-2-limited")
    if known is None or known.partition == "aws-cn" or region in everywhere:
        return
    for item in plan.lustre:
        path = f"storage.{item.name}"
        if region not in limited:
            yield Hit(
                path=path,
                message=f"AWS names no Persistent 2 file systems in {region}",
                found=f"Lustre in {region}",
                expected=", ".join((*everywhere, *limited)),
            )
        elif item.efa or item.throughput_mbps_per_tib > _LIMITED_MBPS_PER_TIB:
            efa = " with EFA" if item.efa else ""
            yield Hit(
                path=path,
                message=f"AWS names Persistent 2 file systems of 125 and 250 MB/s per TiB, without EFA, in {region}",
                found=f"{item.throughput_mbps_per_tib} MB/s per TiB{efa} in {region}",
                expected=", ".join(everywhere),
            )


@rule(
    code="LLM_BED_7",
    title="Amazon Bedrock Guardrails are in the region",
    severity=Severity.WARNING,
    looks_at="plan",
    why="Guardrails are in fewer regions than Bedrock's models. Callers have to name the guardrail in every request, "
    "so without it nobody may call. The list is AWS's own and may have grown since.",
    fix="use another region, or Bedrock(guardrail=None)",
    source=("Amazon Bedrock User Guide: Supported Regions and models for Amazon Bedrock Guardrails",),
)
def guardrails_are_there(plan: Plan) -> Iterator[Hit]:
    """A guardrail in a region that AWS does not name."""
    region = plan.platform.region
    if plan.bedrock is None or plan.bedrock.spec.guardrail is None or region in with_feature("bedrock-guardrails"):
        return
    yield Hit(
        path="bedrock.guardrail",
        message=f"AWS does not name {region} among the regions of Amazon Bedrock Guardrails",
        found=f"Guardrail(…) in {region}",
        expected=", ".join(with_feature("bedrock-guardrails")),
    )


RULES = (grafana_is_there, managed_prometheus_is_there, lustre_is_there, guardrails_are_there)
