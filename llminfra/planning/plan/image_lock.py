"""``ImageLock``: what a lock file says of images, as a plan holds it."""

from __future__ import annotations

from msgspec import Struct, field


class ImageLock(Struct, frozen=True, kw_only=True):
    """Digests of images by their full names with tag, such as ``docker.io/vllm/vllm-openai:v0.27.1``.

    Attributes:
        file: The file as the spec names it; empty: there is no lock.
        digests: Digest of each image, ``sha256:`` and 64 hexadecimal digits.
        problem: Why the file could not be read; empty: it could.
    """

    file: str = ""
    digests: dict[str, str] = field(default_factory=dict)
    problem: str = ""
