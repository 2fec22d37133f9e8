"""The file of ``Platform(image_lock=…)``: digests of the images that a platform runs, by name and tag."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llminfra.planning.network.mirror import ImageNames
from llminfra.planning.plan.image_lock import ImageLock

if TYPE_CHECKING:
    from llminfra.spec.platform import Platform

VERSION = 1
"""Version of the file's form."""
_ABOUT = "Digests of the images that are run, as their registries told them; written by `llminfra images SPEC --lock`."
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def lock_file(platform: Platform) -> Path | None:
    """Where the lock of a platform is: its path is relative to the spec file; ``None``: it declares none."""
    if platform.image_lock is None:
        return None
    folder = Path(platform.origin[0]).parent if platform.origin else Path()
    return folder / platform.image_lock


def read_image_lock(platform: Platform) -> ImageLock:
    """What the platform's lock says; where it cannot be read, ``problem`` says why, and it holds nothing."""
    file = lock_file(platform)
    if file is None or platform.image_lock is None:
        return ImageLock()
    try:
        found: Any = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ImageLock(file=platform.image_lock, problem=f"there is no file {file}")
    except (OSError, ValueError) as error:
        return ImageLock(file=platform.image_lock, problem=f"{file}: {error}")
    if problem := _problem(found):
        return ImageLock(file=platform.image_lock, problem=f"{file}: {problem}")
    return ImageLock(file=platform.image_lock, digests=found["images"])


def image_names_of(platform: Platform) -> ImageNames:
    """What is pulled for the images of a platform, for whoever has no plan yet."""
    return ImageNames(region=platform.region, mirror=platform.images, digests=read_image_lock(platform).digests)


def lock_text(digests: Mapping[str, str]) -> str:
    """The file's content: the same digests give the same bytes."""
    content = {"_about": _ABOUT, "version": VERSION, "images": dict(sorted(digests.items()))}
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _problem(found: Any) -> str:
    if not isinstance(found, dict) or found.get("version") != VERSION:
        return f"no lock of version {VERSION}"
    images = found.get("images")
    if not isinstance(images, dict):
        return "it has no object 'images'"
    wrong = [name for name, digest in images.items() if not (isinstance(digest, str) and _DIGEST.fullmatch(digest))]
    return f"no digest (sha256: and 64 hexadecimal digits) of {', '.join(wrong)}" if wrong else ""
