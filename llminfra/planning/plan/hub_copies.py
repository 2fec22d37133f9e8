"""A copy of a model from the Hub into a bucket, as decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from llminfra.spec.models.model import Model


class HubCopyPlan(Struct, frozen=True, kw_only=True):
    """One model at one commit in one bucket.

    Attributes:
        name: Name of the build project, without the platform.
        model: The model; its token is used where there is one.
        revision: Commit of the model repository.
        bucket: Bucket that llminfra makes.
        key: The model's prefix, without a slash at its end.
        minutes: How long the copy may take.
        spec_path: Whose model it is.
    """

    name: str
    model: Model
    revision: str
    bucket: str
    key: str
    minutes: int
    spec_path: str
