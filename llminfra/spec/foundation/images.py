"""``ImageMirror``: a registry of one's own that every container image and chart comes from."""

from typing import Annotated, ClassVar, Literal, Self, get_args

from pydantic import Field, model_validator

from llminfra.spec.base.spec import Spec
from llminfra.spec.errors.expectations import refused

CachedRegistry = Literal["docker.io", "ghcr.io", "public.ecr.aws", "quay.io", "registry.k8s.io"]
"""Registries of the images that llminfra runs and that Amazon ECR caches by a rule (Amazon ECR User Guide, "Sync an
upstream registry with an Amazon ECR private registry"); ``nvcr.io`` is not among them."""
_NEEDS_CREDENTIALS = ("docker.io", "ghcr.io")
_REGISTRY = r"^[0-9]{12}\.dkr\.ecr(-fips)?\.[a-z0-9-]+\.[a-z0-9.-]+$"
# CreatePullThroughCacheRule: the name of the secret must begin so, and it must be in the registry's account and region.
_SECRET = r"^arn:[a-z-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:ecr-pullthroughcache/[A-Za-z0-9/_+=.@-]+$"  # noqa: S105  # a pattern


class ImageMirror(Spec):
    """Copies of every container image and chart in Amazon ECR: the only source that a closed network reaches.

    ``quay.io/prometheus/prometheus:v3`` is pulled as ``<registry>/<prefix>/quay.io/prometheus/prometheus:v3``, and so
    on for each image of the engines, of every controller and of what controllers start. `llminfra images` lists what
    must be there. Images in ECR of the platform's region, among them those of EKS add-ons, stay where they are.
    """

    spec_section: ClassVar[str] = "images"

    registry: Annotated[str, Field(pattern=_REGISTRY)]
    """Host of a private ECR registry in the platform's region, as ``111122223333.dkr.ecr.us-east-1.amazonaws.com``."""
    prefix: Annotated[str, Field(pattern=r"^[a-z0-9]+([._-][a-z0-9]+)*$", min_length=2, max_length=14)] = "mirror"
    """First part of the names of its repositories: 14 characters, because ECR gives a cache rule 30 with the source."""
    create: bool = True
    """Whether a stack ``images`` makes the repositories; otherwise they are there already, perhaps in another account
    that lets this one pull."""
    pull_through: bool = False
    """Whether ECR fetches what it lacks by itself, with a cache rule for each registry that needs no credentials or has
    them; the first pull of an image must come from outside a closed network."""
    credentials: dict[CachedRegistry, Annotated[str, Field(pattern=_SECRET)]] = {}
    """ARN of the secret with which ECR reads Docker Hub (``docker.io``) or GitHub (``ghcr.io``)."""
    charts: bool = True
    """Whether Helm takes upstream charts from ``oci://<registry>/<prefix>/charts`` instead of their publishers."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.pull_through and not self.create:
            raise refused(
                "cache rules belong to the registry's own account and stack",
                "pull_through",
                "create",
                expected="pull_through=True beside create=True",
                fix="leave pull_through out, or create out",
            )
        if self.credentials and not self.pull_through:
            raise refused(
                "credentials are for cache rules, and there are none",
                "credentials",
                "pull_through",
                expected="pull_through=True beside credentials",
                fix="set pull_through=True, or leave credentials out",
            )
        if strange := sorted(set(self.credentials) - set(_NEEDS_CREDENTIALS)):
            raise refused(
                f"ECR reads {', '.join(strange)} without credentials",
                "credentials",
                expected=" or ".join(_NEEDS_CREDENTIALS),
                fix=f"leave {', '.join(strange)} out",
            )
        return self

    def caches(self, host: str) -> bool:
        """Whether a rule caches this registry."""
        if not self.pull_through:
            return False
        return host in self.credentials or (host in get_args(CachedRegistry) and host not in _NEEDS_CREDENTIALS)
