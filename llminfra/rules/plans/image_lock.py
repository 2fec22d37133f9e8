"""Rules on the lock of images: it can be read, and it holds what the platform runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from llminfra.diagnostics import Severity
from llminfra.rules.rule import Hit, rule

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan

_BEST_PRACTICE = "aws/aws-eks-best-practices latest/bpg/security/image.adoc"
_SHOWN = 3


@rule(
    code="LLM_IMG_1",
    title="The lock of images can be read",
    severity=Severity.ERROR,
    looks_at="plan",
    why="A platform that names a lock is to run what was tested. Without the file every image would be pulled by its "
    "tag, and nobody would be told.",
    fix="run `llminfra images SPEC --lock`, which asks the registries and writes the file",
    source=("Platform(image_lock=…)", _BEST_PRACTICE),
)
def lock_is_there(plan: Plan) -> Iterator[Hit]:
    """The file is there and holds digests."""
    if problem := plan.image_lock.problem:
        yield Hit(
            path="image_lock",
            message="the lock of images cannot be read",
            found=problem,
            expected="a file with the digest of each image",
        )


@rule(
    code="LLM_IMG_2",
    title="The lock holds every image that is named by a tag",
    severity=Severity.ERROR,
    looks_at="plan",
    why="An upgraded engine or chart brings images that nobody locked. They would be pulled by their tags beside "
    "others that are pinned, and what runs is not what was tested.",
    fix="run `llminfra images SPEC --lock` and read what changed; or name a digest with Image(…, digest=…)",
    source=("Platform(image_lock=…)", _BEST_PRACTICE),
)
def lock_is_complete(plan: Plan) -> Iterator[Hit]:
    """Images of the plan that have no digest, where there is a lock."""
    if not plan.image_lock.file or plan.image_lock.problem:
        return
    from llminfra.planning.images.used import image_uses  # noqa: PLC0415  # few plans have a lock

    lacking = [item for item in image_uses(plan) if item.pinned_by == "tag"]
    if lacking:
        more = len(lacking) - _SHOWN
        users = sorted({user for item in lacking for user in item.used_by})
        yield Hit(
            path="image_lock",
            message=f"{plan.image_lock.file} lacks images of {', '.join(users)}",
            found=", ".join(item.source for item in lacking[:_SHOWN]) + (f" and {more} more" if more > 0 else ""),
            expected="a digest of each image in the lock",
        )


RULES = (lock_is_there, lock_is_complete)
