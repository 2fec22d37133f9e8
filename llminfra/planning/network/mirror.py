"""Where images are pulled from: their publishers, or copies of them in a registry of one's own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llminfra.spec.foundation.images import ImageMirror
    from llminfra.spec.platform import Platform

CHARTS = "charts"
"""Repositories of charts are ``<prefix>/charts/<chart>``, those of images ``<prefix>/<host>/<name>``."""
_DEFAULT_HOST = "docker.io"


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


def pulled(platform: Platform, reference: str) -> str:
    """What a platform's machines pull for an image."""
    return mirrored(platform.images, platform.region, reference)


def repository_of(mirror: ImageMirror, reference: str) -> str:
    """Name of the mirror's repository for an image: without registry, tag and digest."""
    name = full_name(reference).partition("@")[0]
    head, slash, last = name.rpartition("/")
    return f"{mirror.prefix}/{head}{slash}{last.partition(':')[0]}"


def chart_registry(mirror: ImageMirror | None) -> str | None:
    """Where Helm takes upstream charts from; ``None``: from their publishers."""
    if mirror is None or not mirror.charts:
        return None
    return f"oci://{mirror.registry}/{mirror.prefix}/{CHARTS}"
