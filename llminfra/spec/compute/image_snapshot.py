"""``ImageSnapshot``: container images that the nodes of a pool bring along."""

from typing import Annotated

from pydantic import Field

from llminfra.spec.base.spec import Distinct, Spec


class ImageSnapshot(Spec):
    """An EBS snapshot with container images, from which every node of a pool gets a volume.

    ``modules/nodes/build_image_snapshot.sh`` makes one.
    """

    id: Annotated[str, Field(pattern=r"^snap-([0-9a-f]{8}|[0-9a-f]{17})$")]
    """Snapshot in the platform's account and region, for example ``snap-0123456789abcdef0``."""
    images: Annotated[Distinct[str], Field(min_length=1, max_length=20)]
    """Images that it holds, as they were pulled, for example ``vllm/vllm-openai:v0.27.1``."""
    volume_gib: Annotated[int, Field(ge=20, le=16384)] = 100
    """Size of the volume: the snapshot's at least; all images of the node lie on it."""
    initialization_mib_per_s: Annotated[int, Field(ge=100, le=300)] = 300
    """Rate at which EBS fills the volume from the snapshot (billed per GB of the snapshot)."""
    fast_restore: bool = False
    """Whether fast snapshot restore is on for it in the pool's zones (billed by the hour): no filling then."""
