"""Which images and charts a platform runs, from the plan alone: what a mirror and a lock must hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from llminfra.catalog.batch_runner import runner_container
from llminfra.catalog.chart_images import ChartImage, chart_images
from llminfra.catalog.charts import chart_pin, image_pin
from llminfra.catalog.datafile import read_data
from llminfra.catalog.ec2_images import dcgm_exporter
from llminfra.catalog.pd_router import pd_router
from llminfra.planning.controllers.cluster_charts import upstream_charts
from llminfra.planning.controllers.needs import needs_of
from llminfra.planning.controllers.scraping import MONITORING_RELEASE
from llminfra.planning.network.mirror import (
    CHARTS,
    ImageNames,
    chart_registry,
    declared_image,
    engine_image,
    full_name,
    image_names,
    in_region,
    joined,
    repository_of,
)
from llminfra.planning.storage.weights_copies import adapter_copies, copying_image, weights_copies

if TYPE_CHECKING:
    from llminfra.catalog.charts import ImagePin
    from llminfra.catalog.pd_router import RouterImage
    from llminfra.planning.plan import Plan

EFA_PLUGIN = "aws-efa-k8s-device-plugin"
Way = Literal["in-region", "publisher", "copy", "cache"]
"""How an image comes to the machines: it is in ECR of the region; from its publisher; from a copy that somebody makes;
from a copy that ECR makes by a cache rule."""
PinnedBy = Literal["digest", "lock", "tag"]
"""What says which content an image has: the digest that it is declared with, the platform's lock, or its tag alone."""


class ImageUse(Struct, frozen=True, kw_only=True):
    """One image.

    Attributes:
        source: Its publisher's name for it, with host, tag and digest.
        pulled: What machines pull.
        way: How it comes there.
        used_by: Releases, endpoints and jobs that run it, sorted.
        repository: Name of the mirror's repository; ``None`` where it is not mirrored.
        pinned_by: What says which content it has.
    """

    source: str
    pulled: str
    way: Way
    used_by: tuple[str, ...]
    repository: str | None
    pinned_by: PinnedBy

    @property
    def lock_key(self) -> str | None:
        """Its name in a lock; ``None`` where it is declared with a digest, and no lock is asked."""
        return None if self.pinned_by == "digest" else self.source.partition("@")[0]


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
    """Every image that the platform's machines run, sorted by source.

    Not among them: images of EKS add-ons, which AWS keeps in ECR of each region, and that of the build that copies
    models from the Hub, which runs outside the VPC.
    """
    users: dict[str, set[str]] = {}
    for reference, user in (*_on_cluster(plan), *_outside(plan)):
        users.setdefault(full_name(reference), set()).add(user)
    names = image_names(plan)
    return tuple(_use(names, reference, tuple(sorted(by))) for reference, by in sorted(users.items()))


def chart_uses(plan: Plan) -> tuple[ChartUse, ...]:
    """Every upstream chart that the platform installs, sorted by name."""
    if plan.cluster is None:
        return ()
    mirror = plan.platform.images
    registry = chart_registry(mirror)
    found = []
    for name in sorted(upstream_charts(plan)):
        pin = chart_pin(name)
        repository = f"{mirror.prefix}/{CHARTS}/{name}" if mirror is not None and registry else None
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


def parts_off(plan: Plan) -> tuple[str, ...]:
    """Parts of upstream charts that the platform does not run, as ``chart_images.json`` calls them."""
    observability = plan.platform.own_observability
    return () if observability is not None and observability.grafana == "in-cluster" else ("grafana",)


def _use(names: ImageNames, reference: str, used_by: tuple[str, ...]) -> ImageUse:
    mirror = names.mirror
    source = names.pinned(reference)
    way: Way = "publisher"
    repository = None
    if in_region(source, names.region):
        way = "in-region"
    elif mirror is not None:
        way = "cache" if mirror.caches(source.partition("/")[0]) else "copy"
        repository = repository_of(mirror, source)
    pinned_by: PinnedBy = "digest" if "@" in reference else "lock" if "@" in source else "tag"
    return ImageUse(
        source=source,
        pulled=names.pulled(reference),
        way=way,
        used_by=used_by,
        repository=repository,
        pinned_by=pinned_by,
    )


def _on_cluster(plan: Plan) -> Iterator[tuple[str, str]]:
    if plan.cluster is None:
        return
    needs = needs_of(plan)
    off = parts_off(plan)
    for chart in upstream_charts(plan):
        for image in chart_images(chart, without=off):
            yield _of_chart(chart, image, plan.platform.region), chart
    if needs.efa_pools and needs.monitoring:
        yield read_data("charts/node_exporter.json")["image_with_shell"], MONITORING_RELEASE
    for endpoint in plan.endpoints:
        yield engine_image(endpoint.invocation), endpoint.name
        if endpoint.role == "decode":
            yield _pinned(pd_router().sidecar), endpoint.name
    jobs = [*weights_copies(plan).values(), *(each for found in adapter_copies(plan).values() for each in found)]
    for job in jobs:
        yield joined(*copying_image(job.endpoint)), job.name
    for router in plan.routers:
        yield _pinned(pd_router().proxy), router.name
        yield _pinned(pd_router().picker), router.name
    if needs.gateway:
        yield _pinned(image_pin("limit-counters")), "gateway-base"
    for gateway in plan.gateways:
        yield _pinned(image_pin("endpoint-picker")), gateway.service
    for queue in plan.async_endpoints:
        if queue.workers is not None:
            yield declared_image(queue.workers.image), queue.name


def _of_chart(chart: str, image: ChartImage, region: str) -> str:
    """What a release runs: the plug-in of EFA comes from the registry that EKS has in the region, if it has one."""
    registry = read_data("eks_registries.json")["registries"].get(region) if chart == EFA_PLUGIN else None
    return f"{registry}/eks/{chart}:{image.tag}" if registry else image.reference


def _outside(plan: Plan) -> Iterator[tuple[str, str]]:
    for instances in plan.ec2:
        yield engine_image(instances.serving.invocation), instances.name
        yield dcgm_exporter(), instances.name
    for hosted in plan.sagemaker:
        yield hosted.image_uri, hosted.name
    for batch in plan.batches:
        yield engine_image(batch.serving.invocation), batch.name
        if batch.serving.nodes == 1:
            own = batch.spec.runner_image
            yield (declared_image(own) if own is not None else runner_container().image), batch.name


def _pinned(image: ImagePin | RouterImage) -> str:
    return f"{image.repository}:{image.tag}"
