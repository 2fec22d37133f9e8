"""Where models are copied from the Hub to a bucket without a cluster: image, packages, machine."""

from functools import cache

from llminfra.catalog.datafile import Fact, read_data


class HubCopyMachine(Fact):
    """A build of AWS CodeBuild that copies a model.

    Attributes:
        image: Image with Python.
        requirements: Packages with their hashes, as pip reads them.
        compute_type: In CodeBuild's words.
        least_minutes: Shortest time-out of a build.
        most_minutes: Longest time-out of a build.
    """

    image: str
    requirements: tuple[str, ...]
    compute_type: str
    least_minutes: int
    most_minutes: int


@cache
def hub_copy_machine() -> HubCopyMachine:
    """The pinned machine."""
    data = read_data("hub_copy.json")
    return HubCopyMachine(
        image=data["image"],
        requirements=tuple(data["requirements"]),
        compute_type=data["compute_type"],
        least_minutes=data["minutes"]["least"],
        most_minutes=data["minutes"]["most"],
    )
