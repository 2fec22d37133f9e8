"""What is pulled for an image: from its publisher or from a copy of one's own, by its tag or by a locked digest."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct, field

if TYPE_CHECKING:
    from llminfra.catalog.engine_facts import EngineImage
    from llminfra.engines.invocation import Invocation
    from llminfra.planning.plan import Plan
    from llminfra.spec.engines.base import Image
    from llminfra.spec.foundation.images import ImageMirror

CHARTS = "charts"
"""Repositories of charts are ``<prefix>/charts/<chart>``, those of images ``<prefix>/<host>/<name>``."""
_DEFAULT_HOST = "docker.io"


class ImageNames(Struct, frozen=True, kw_only=True):
    """What is pulled for the images of a platform.

    Attributes:
        region: AWS region of the platform.
        mirror: Where copies of all images are; ``None``: they come from their publishers.
        digests: Digests by full name with tag, from the platform's lock.
    """

    region: str
    mirror: ImageMirror | None = None
    digests: dict[str, str] = field(default_factory=dict)

    @property
    def as_declared(self) -> bool:
        """Whether every image is pulled by the name that it is declared with."""
        return self.mirror is None and not self.digests

    def digest(self, reference: str) -> str | None:
        """Digest of an image that is named by tag, if it is locked; one that is declared with the image wins."""
        return None if "@" in reference else self.digests.get(full_name(reference))

    def pinned(self, reference: str) -> str:
        """The image with its digest behind the tag, where it is locked."""
        digest = self.digest(reference)
        return reference if digest is None else f"{reference}@{digest}"

    def pulled(self, reference: str) -> str:
        """What machines pull for an image."""
        return mirrored(self.mirror, self.region, self.pinned(reference))


def image_names(plan: Plan) -> ImageNames:
    """What is pulled for the images of a plan."""
    platform = plan.platform
    return ImageNames(region=platform.region, mirror=platform.images, digests=plan.image_lock.digests)


def joined(repository: str, tag: str | None, digest: str | None) -> str:
    """An image's name of its parts."""
    return repository + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")


def engine_image(call: Invocation) -> str:
    """The image that an engine is started from."""
    return joined(call.image_repository, call.image_tag, call.image_digest)


def declared_image(image: Image | EngineImage) -> str:
    """An image as a spec, or the catalog, names it."""
    return joined(image.repository, image.tag, image.digest)


def by_digest_or_tag(reference: str) -> str:
    """An image by its digest alone, where it has one: what Amazon ECS and SageMaker take is either.

    ``image`` of Amazon ECS' ContainerDefinition, ``Image`` of Amazon SageMaker's ContainerDefinition (API references).
    """
    name, at, digest = reference.partition("@")
    return f"{without_tag(name)}{at}{digest}" if at else reference


def without_tag(reference: str) -> str:
    """Host and name of an image, without tag and digest."""
    name = reference.partition("@")[0]
    head, slash, last = name.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"


def full_name(reference: str) -> str:
    """An image with its host, as container runtimes complete it: ``redis`` is ``docker.io/library/redis``."""
    host, slash, name = reference.partition("/")
    if not slash or not (re.search(r"[.:]", host) or host == "localhost"):
        host, name = _DEFAULT_HOST, reference
    if host == _DEFAULT_HOST and "/" not in name:
        name = f"library/{name}"
    return f"{host}/{name}"


def in_region(reference: str, region: str) -> bool:
    """Whether an image lies in private ECR of the region, which a VPC reaches by its own endpoints."""
    return re.match(rf"[0-9]{{12}}\.dkr\.ecr(-fips)?\.{re.escape(region)}\.", reference) is not None


def mirrored(mirror: ImageMirror | None, region: str, reference: str) -> str:
    """What is pulled instead of an image; tag and digest stay."""
    if mirror is None or in_region(reference, region):
        return reference
    return f"{mirror.registry}/{mirror.prefix}/{full_name(reference)}"


def repository_of(mirror: ImageMirror, reference: str) -> str:
    """Name of the mirror's repository for an image: without registry, tag and digest."""
    return f"{mirror.prefix}/{without_tag(full_name(reference))}"


def chart_registry(mirror: ImageMirror | None) -> str | None:
    """Where Helm takes upstream charts from; ``None``: from their publishers."""
    if mirror is None or not mirror.charts:
        return None
    return f"oci://{mirror.registry}/{mirror.prefix}/{CHARTS}"
