"""Which images and charts a platform runs, from the plan alone: what a mirror must hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from llminfra.catalog.batch_runner import runner_container
from llminfra.catalog.datafile import read_data
from llminfra.catalog.ec2_images import dcgm_exporter
from llminfra.catalog.pd_router import pd_router
from llminfra.charts.images import chart_images
from llminfra.charts.pins import chart_pin, image_pin
from llminfra.compiler.releases.weights_copy import adapter_copies, copying_image, weights_copies
from llminfra.planning.controllers.needs import Needs, needs_of
from llminfra.planning.controllers.scraping import MONITORING_RELEASE
from llminfra.planning.network.mirror import (
    chart_registry,
    full_name,
    in_region,
    pulled,
    repository_of,
)

if TYPE_CHECKING:
    from llminfra.catalog.pd_router import RouterImage
    from llminfra.charts.pins import ImagePin
    from llminfra.engines.invocation import Invocation
    from llminfra.planning.plan import Plan
    from llminfra.spec.engines.base import Image

Way = Literal["in-region", "publisher", "copy", "cache"]
"""How an image comes to the machines: it is in ECR of the region; from its publisher; from a copy that somebody makes;
from a copy that ECR makes by a cache rule."""


class ImageUse(Struct, frozen=True, kw_only=True):
    """One image.

    Attributes:
        source: Its publisher's name for it, with host, tag and digest.
        pulled: What machines pull.
        way: How it comes there.
        used_by: Releases, endpoints and jobs that run it, sorted.
        repository: Name of the mirror's repository; ``None`` where it is not mirrored.
    """

    source: str
    pulled: str
    way: Way
    used_by: tuple[str, ...]
    repository: str | None


class ChartUse(Struct, frozen=True, kw_only=True):
    """One upstream chart.

    Attributes:
        name: Name of the chart.
        version: Its version.
        source: Its publisher's repository.
        pulled: Repository that Helm takes it from.
        repository: Name of the mirror's repository; ``None`` where it is not mirrored.
    """

    name: str
    version: str
    source: str
    pulled: str
    repository: str | None


def image_uses(plan: Plan) -> tuple[ImageUse, ...]:
    """Every image that the platform's own machines run, sorted by source.

    Not among them: images of EKS add-ons, which AWS keeps in ECR of each region, those of SageMaker, which takes only
    images in ECR, and that of the build that copies models from the Hub, which runs outside the VPC.
    """
    users: dict[str, set[str]] = {}
    for reference, user in (*_on_cluster(plan), *_outside(plan)):
        users.setdefault(full_name(reference), set()).add(user)
    return tuple(_use(plan, source, tuple(sorted(by))) for source, by in sorted(users.items()))


def chart_uses(plan: Plan) -> tuple[ChartUse, ...]:
    """Every upstream chart that the platform installs, sorted by name."""
    if plan.cluster is None:
        return ()
    mirror = plan.platform.images
    registry = chart_registry(mirror)
    found = []
    for name in sorted(upstream_charts(plan)):
        pin = chart_pin(name)
        repository = f"{mirror.prefix}/charts/{name}" if mirror is not None and registry else None
        found.append(
            ChartUse(
                name=name,
                version=pin.version,
                source=pin.repository,
                pulled=registry or pin.repository,
                repository=repository,
            )
        )
    return tuple(found)


def upstream_charts(plan: Plan) -> tuple[str, ...]:
    """Names of the upstream charts of the platform stack."""
    needs = needs_of(plan)
    wanted = {
        MONITORING_RELEASE: needs.monitoring,
        "karpenter-crd": needs.karpenter,
        "karpenter": needs.karpenter,
        "cluster-autoscaler": needs.cluster_autoscaler,
        "nvidia-device-plugin": needs.device_plugin,
        "aws-efa-k8s-device-plugin": needs.efa_plugin,
        "dcgm-exporter": bool(plan.pools) and needs.scraped,
        "keda": needs.keda,
        "lws": needs.lws,
        "aws-fsx-csi-driver": needs.fsx_csi,
        "aws-mountpoint-s3-csi-driver": needs.mountpoint_csi,
        "external-secrets": needs.external_secrets,
        "gateway-helm": needs.gateway,
        "ai-gateway-crds-helm": needs.gateway,
        "ai-gateway-helm": needs.gateway,
        "aws-load-balancer-controller": needs.gateway and needs.load_balancer,
    }
    return tuple(name for name, there in wanted.items() if there)


def _use(plan: Plan, source: str, used_by: tuple[str, ...]) -> ImageUse:
    platform = plan.platform
    mirror = platform.images
    way: Way = "publisher"
    repository = None
    if in_region(source, platform.region):
        way = "in-region"
    elif mirror is not None:
        way = "cache" if mirror.caches(source.partition("/")[0]) else "copy"
        repository = repository_of(mirror, source)
    return ImageUse(source=source, pulled=pulled(platform, source), way=way, used_by=used_by, repository=repository)


def _on_cluster(plan: Plan) -> Iterator[tuple[str, str]]:
    if plan.cluster is None:
        return
    needs = needs_of(plan)
    off = _parts_off(plan)
    for chart in upstream_charts(plan):
        for image in chart_images(chart, without=off):
            yield image.reference, chart
    if needs.efa_pools:
        yield from _efa(plan, needs)
    for endpoint in plan.endpoints:
        yield _reference(endpoint.invocation), endpoint.name
        if endpoint.role == "decode":
            yield _pinned(pd_router().sidecar), endpoint.name
    jobs = [*weights_copies(plan).values(), *(each for found in adapter_copies(plan).values() for each in found)]
    for job in jobs:
        copier = copying_image(job.endpoint)
        yield _joined(copier.repository, copier.tag, copier.digest), job.name
    for router in plan.routers:
        yield _pinned(pd_router().proxy), router.name
        yield _pinned(pd_router().picker), router.name
    if plan.gateways:
        yield _pinned(image_pin("limit-counters")), "gateway-base"
    for gateway in plan.gateways:
        yield _pinned(image_pin("endpoint-picker")), gateway.service
    for queue in plan.async_endpoints:
        if queue.workers is not None:
            yield _declared(queue.workers.image), queue.name


def _efa(plan: Plan, needs: Needs) -> Iterator[tuple[str, str]]:
    registry = read_data("eks_registries.json")["registries"].get(plan.platform.region)
    if registry and needs.efa_plugin:
        name = "aws-efa-k8s-device-plugin"
        yield f"{registry}/eks/{name}:{chart_pin(name).app_version}", name
    if needs.monitoring:
        yield read_data("charts/node_exporter.json")["image_with_shell"], MONITORING_RELEASE


def _parts_off(plan: Plan) -> Sequence[str]:
    observability = plan.platform.own_observability
    off = []
    if observability is None or observability.grafana != "in-cluster":
        off.append("grafana")
    if plan.platform.region in read_data("eks_registries.json")["registries"]:
        off.append("efa-image-abroad")
    return off


def _outside(plan: Plan) -> Iterator[tuple[str, str]]:
    for instances in plan.ec2:
        yield _reference(instances.serving.invocation), instances.name
        yield dcgm_exporter(), instances.name
    for batch in plan.batches:
        yield _reference(batch.serving.invocation), batch.name
        if batch.serving.nodes == 1:
            own = batch.spec.runner_image
            yield (_declared(own) if own is not None else runner_container().image), batch.name


def _reference(call: Invocation) -> str:
    return _joined(call.image_repository, call.image_tag, call.image_digest)


def _declared(image: Image) -> str:
    return _joined(image.repository, image.tag, image.digest)


def _pinned(image: ImagePin | RouterImage) -> str:
    return f"{image.repository}:{image.tag}"


def _joined(repository: str, tag: str | None, digest: str | None) -> str:
    return repository + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")
