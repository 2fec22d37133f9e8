"""The container of the batch runner: its image, and the packages that it needs beside Python."""

from functools import cache

from llminfra.catalog.datafile import Fact, read_data


class RunnerContainer(Fact):
    """What the runner runs in, beside the engine's container.

    Attributes:
        image: Image with its tag; it has Python and no entry point.
        requirements: Packages with their hashes, as pip reads them.
        vcpus: vCPUs that it takes from the job.
        memory_mib: Memory that it takes from the job.
    """

    image: str
    requirements: tuple[str, ...]
    vcpus: int
    memory_mib: int


@cache
def runner_container() -> RunnerContainer:
    """The pinned container."""
    data = read_data("batch_runner.json")
    return RunnerContainer(
        image=f"{data['image']['repository']}:{data['image']['tag']}",
        requirements=tuple(data["requirements"]),
        vcpus=data["vcpus"],
        memory_mib=data["memory_mib"],
    )
