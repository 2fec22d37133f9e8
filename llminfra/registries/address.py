"""Where a registry answers for an image."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from msgspec import Struct

# The one registry whose API has another host than its images (distribution/reference, docker.io).
_HUB, _HUB_API = "docker.io", "registry-1.docker.io"
_LOOPBACK = re.compile(r"(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?")


class Address(Struct, frozen=True):
    """An image by tag, and where its registry is asked.

    Attributes:
        image: Full name, as ``docker.io/library/redis:8``.
        host: Host of the image's name.
        name: Repository in the registry.
        tag: The tag.
    """

    image: str
    host: str
    name: str
    tag: str

    @property
    def url(self) -> str:
        """Address of the manifest (OCI distribution specification, "Pulling manifests")."""
        scheme = "http" if _LOOPBACK.fullmatch(self.host) else "https"
        host = _HUB_API if self.host == _HUB else self.host
        return f"{scheme}://{host}/v2/{self.name}/manifests/{self.tag}"


def address_of(image: str) -> Address:
    """The address of an image with its host and tag."""
    host, _, path = image.partition("/")
    name, _, tag = path.rpartition(":")
    return Address(image=image, host=host, name=name, tag=tag)


def keeps_secrets(url: str) -> bool:
    """Whether a password may be sent there: encrypted, or to this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and _LOOPBACK.fullmatch(parts.netloc) is not None)
