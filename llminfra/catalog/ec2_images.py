"""The pinned machine image of instances without Kubernetes."""

from functools import cache

from llminfra.catalog.datafile import Fact, read_data


class MachineImage(Fact):
    """A Deep Learning AMI.

    Attributes:
        name: Its dated name, equal in every region.
        architecture: In EC2's words.
        driver: NVIDIA driver.
        cuda_major: Highest CUDA major the driver runs.
        min_compute_capability: Oldest GPU the driver knows, compute capability times ten.
        dcgm: Version of NVIDIA DCGM inside.
        efa: Version of the EFA installer inside.
        root_snapshot_gib: Smallest root volume.
    """

    name: str
    architecture: str
    driver: str
    cuda_major: int
    min_compute_capability: int
    dcgm: str
    efa: str
    root_snapshot_gib: int


@cache
def machine_image(architecture: str = "x86_64") -> MachineImage | None:
    """The image for an architecture, or ``None`` where none is pinned."""
    row = read_data("ec2_images.json").get(architecture)
    return MachineImage(**row) if isinstance(row, dict) else None


def owner() -> str:
    """Alias of the account that publishes the images."""
    name: str = read_data("ec2_images.json")["owner"]
    return name


def dcgm_exporter() -> str:
    """Image of the exporter of GPU metrics."""
    name: str = read_data("ec2_images.json")["dcgm_exporter"]["image"]
    return name
