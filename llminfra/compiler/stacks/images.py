"""The stack of images: repositories for copies of everything that the platform pulls."""

from __future__ import annotations

from llminfra.bindings import core
from llminfra.compiler.stacks.common import Built, open_stack
from llminfra.constructs.basis.kms import kms_key
from llminfra.constructs.storage.image_repositories import cache_rules, image_repositories
from llminfra.planning.images.used import chart_uses, image_uses
from llminfra.planning.plan import Plan
from llminfra.spec.foundation.images import ImageMirror


def images_stack(app: core.App, plan: Plan, mirror: ImageMirror) -> Built:
    """Compile the mirror's repositories, and a cache rule for each registry that has images among them."""
    scope = open_stack(app, plan, "images")
    make = scope.under("images")
    images = image_uses(plan)
    names = {item.repository for item in images} | {item.repository for item in chart_uses(plan)}
    key = kms_key(make, "images", purpose="images and charts") if scope.encryption else None
    image_repositories(make, sorted(name for name in names if name is not None), key)
    hosts = sorted({item.source.partition("/")[0] for item in images if item.way == "cache"})
    credentials = {str(host): secret for host, secret in mirror.credentials.items()}
    cache_rules(make, mirror.prefix, {host: credentials.get(host) for host in hosts})
    scope.finish()
    return Built("images", scope.stack)
