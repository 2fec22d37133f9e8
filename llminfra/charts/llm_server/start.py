"""What runs before and beside the engine for a short start: a copy of the weights, and kernels that are kept."""

from typing import Annotated

from pydantic import Field

from llminfra.charts.kubernetes import Image
from llminfra.charts.values import AbsolutePath, ChartValues, LateStr

KeyPrefix = Annotated[str, Field(pattern=r"^[^/\s][^\s]*/$")]
RelativePath = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$")]


class SmallResources(ChartValues):
    """Requests of a helper; memory is its limit, too."""

    cpu_millis: int = Field(ge=10)
    memory_mib: int = Field(ge=64)


class NodeCopy(ChartValues):
    """A container that copies the model from a bucket to the node's disks before the engine starts.

    Of the pods of a node the first one copies, the others wait for it; see ``files/cache_weights.py``. It writes into
    the volume of kind ``node`` as a user of its own, which owns the folder on the node.
    """

    bucket: LateStr
    prefix: KeyPrefix
    """Of the model, with its revision; ends with a slash."""
    region: LateStr
    requests: int = Field(ge=4, le=256)
    """Requests to S3 at once."""
    image: Image | None = None
    """Has Python 3.9 or later; the engine's own where it is not given."""
    python: str = "python3"
    user: int = Field(ge=1)
    resources: SmallResources


class KeptKernels(ChartValues):
    """Containers that fetch compiled kernels before the engine starts, and save them once it is ready.

    See ``files/keep_kernels.py``; both run in the engine's image, as its user, on its cache.
    """

    bucket: LateStr
    key: Annotated[str, Field(pattern=r"^[^/\s][^\s]*\.tar$")]
    region: LateStr
    cache: AbsolutePath
    """Mount path of the cache that holds them."""
    folders: list[RelativePath] = Field(min_length=1)
    """Below the cache."""
    ready_path: Annotated[str, Field(pattern=r"^/")]
    """Answers with 200 once everything is compiled."""
    python: str = "python3"
    resources: SmallResources
