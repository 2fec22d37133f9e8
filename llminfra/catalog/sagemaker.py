"""Amazon SageMaker: images by region, host images by CUDA, limits, and which instance families it hosts on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from llminfra.catalog import regions
from llminfra.catalog.datafile import read_data

if TYPE_CHECKING:
    from llminfra.catalog.engines import EngineRelease

_FILE = "sagemaker_images.json"
Limit = Literal["startup_timeout_s", "download_timeout_s", "volume_gib", "concurrent_invocations"]


class SageMakerImage(Struct, frozen=True, kw_only=True):
    """An image whose entry point speaks SageMaker's protocol (port 8080, ``/ping`` and ``/invocations``).

    ``repository`` and ``tag`` are the same in every region; ``cuda_major`` decides the host image.
    """

    repository: str
    tag: str
    cuda_major: int

    def uri(self, region: str) -> str | None:
        """Address in a region's registry, or ``None`` where no registry of the region is known."""
        home = regions.get(region)
        if home is None or home.dlc_registry is None:
            return None
        return f"{home.dlc_registry}/{self.repository}:{self.tag}"


def engines() -> tuple[str, ...]:
    """Engines that have images for SageMaker."""
    return tuple(read_data(_FILE)["variables"])


def image(release: EngineRelease) -> SageMakerImage | None:
    """The image of an engine release, or ``None`` where AWS publishes none."""
    data = read_data(_FILE)
    own = data.get(release.engine, {}).get(release.version) if release.engine == "tgi" else None
    if own is not None:
        return SageMakerImage(
            repository=own["repository"], tag=own["tag"], cuda_major=int(own["cuda"].partition(".")[0])
        )
    found = release.image(platform="sagemaker")
    home = data["private_repositories"].get(found.repository) if found else None
    if found is None or home is None:
        return None
    return SageMakerImage(repository=home["repository"], tag=found.tag, cuda_major=found.cuda_major)


def variable_prefix(engine: str) -> str:
    """What the entry point expects before the name of a flag: ``SM_VLLM_`` for vLLM.

    Raises:
        KeyError: The engine has no image for SageMaker.
    """
    prefix: str = read_data(_FILE)["variables"][engine]["prefix"]
    return prefix


def inference_ami(cuda_major: int) -> str | None:
    """The host image whose driver runs that CUDA, or ``None``."""
    rows = read_data(_FILE)["inference_amis"]
    return next((str(row["name"]) for row in rows if row["cuda_major"] == cuda_major), None)


def limits(what: Limit) -> tuple[int, int]:
    """Least and most that SageMaker accepts."""
    row = read_data(_FILE)["limits"][what]
    return int(row["least"]), int(row["most"])


def hosts(instance_type: str) -> bool:
    """Whether SageMaker is known to host on an EC2 instance type (``p5.48xlarge``)."""
    known = read_data(_FILE)["instance_types"]
    return instance_type.partition(".")[0] in known["families"] and instance_type not in known["without"]
