"""Images that nodes bring along: whether the snapshot of a pool holds what its endpoints run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.planning.network.image_lock import image_names_of
from llminfra.planning.network.mirror import by_digest_or_tag, declared_image, engine_image, full_name
from llminfra.planning.start.start_choices import ImageSource

if TYPE_CHECKING:
    from llminfra.catalog.engines import EngineRelease
    from llminfra.planning.findings import Findings
    from llminfra.planning.plan.endpoint import EndpointPlan
    from llminfra.planning.plan.infrastructure import PoolPlan
    from llminfra.spec.endpoint import Endpoint
    from llminfra.spec.platform import Platform


def image_source(
    endpoint: Endpoint, release: EngineRelease | None, pool: PoolPlan, platform: Platform, *, efa: bool
) -> ImageSource:
    """How a new node of the pool comes to the endpoint's image."""
    snapshot = pool.spec.image_snapshot
    if snapshot is None:
        return ImageSource(warm=_keeps_nodes(pool), node_usd_per_hour=pool.usd_per_node_hour, parallel=pool.raid0)
    own, known = endpoint.engine.image, release.image(efa=efa) if release else None
    image = own or known
    name = image_names_of(platform).pulled(declared_image(image)) if image else ""
    # A volume of images is read by containerd's own snapshotter, so what it lacks is not pulled in parallel.
    return ImageSource(
        warm=_keeps_nodes(pool),
        node_usd_per_hour=pool.usd_per_node_hour,
        snapshot=snapshot,
        held=_holds(tuple(snapshot.images), name),
        parallel=False,
    )


def _keeps_nodes(pool: PoolPlan) -> bool:
    """Whether nodes are there that no pod asked for: Karpenter keeps none, and a block starts all of its own."""
    return pool.provisioner != "karpenter" and (pool.min_nodes > 0 or pool.spec.capacity.kind == "capacity-block")


def check_image_snapshots(
    platform: Platform, plans: list[EndpointPlan], pools: dict[str, PoolPlan], findings: Findings
) -> None:
    """Report endpoints whose image the snapshot of their pool lacks: it makes their starts slower, not faster."""
    for plan in plans:
        snapshot = pools[plan.pool].spec.image_snapshot
        if snapshot is None:
            continue
        name = image_names_of(platform).pulled(engine_image(plan.invocation))
        if _holds(tuple(snapshot.images), name):
            continue
        findings.warning(
            "LLM_STO_28",
            snapshot,
            f"pools.{plan.pool}.image_snapshot.images",
            f"the snapshot does not hold the image of endpoint {plan.name!r}: new nodes pull it, and not in parallel",
            found=", ".join(snapshot.images),
            expected=name,
            fix="make a new snapshot with modules/nodes/build_image_snapshot.sh, and name it and its images",
        )


def _holds(images: tuple[str, ...], name: str) -> bool:
    return _full(name) in {_full(item) for item in images}


def _full(name: str) -> str:
    """The name as containerd keeps it: Docker Hub is written out, and a digest wins over a tag."""
    return by_digest_or_tag(full_name(name))
