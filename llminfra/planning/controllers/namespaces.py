"""Namespaces that a plan's releases go to, and which of them are there already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.planning.controllers.needs import GATEWAY, Needs, needs_of
from llminfra.planning.controllers.scraping import MONITORING, scraping_of
from llminfra.planning.endpoints.gateways import PROXY_NAMESPACE
from llminfra.spec.compute.existing_cluster import ExistingCluster

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan

KEDA = "keda"
EXTERNAL_SECRETS = "external-secrets"
LWS = "lws-system"
NAMES = frozenset({EXTERNAL_SECRETS, KEDA, LWS, MONITORING, PROXY_NAMESPACE})
"""Those of controllers, whether or not a plan needs them."""
# Kubernetes documentation, "Namespaces": initial namespaces.
_KUBERNETES = frozenset({"default", "kube-node-lease", "kube-public", "kube-system"})


def namespaces_of(plan: Plan) -> tuple[str, ...]:
    """Every namespace that something is put into, but ``kube-system``; those of endpoints come first."""
    needs: Needs = needs_of(plan)
    scraping = scraping_of(plan)
    controllers = {
        KEDA: needs.keda,
        EXTERNAL_SECRETS: needs.external_secrets,
        LWS: needs.lws,
        PROXY_NAMESPACE: needs.gateway or any(item.balanced for item in plan.gateways),
    }
    names = [item.namespace for item in plan.endpoints]
    names += [scraping.namespace] if scraping is not None else []
    names += [name for name, there in controllers.items() if there]
    return tuple(dict.fromkeys(names))


def there_already(plan: Plan) -> frozenset[str]:
    """Those that the spec says are there, whether or not something is put into them."""
    cluster = plan.platform.cluster
    named = (cluster.namespaces or ()) if isinstance(cluster, ExistingCluster) else ()
    scraping = scraping_of(plan)
    scraper = {scraping.scraper_namespace} if scraping is not None and not scraping.own else set()
    proxies = {PROXY_NAMESPACE} if plan.cluster is not None and GATEWAY in plan.cluster.installed else set()
    return frozenset({*_KUBERNETES, *named, *scraper, *proxies})


def made_namespaces(plan: Plan) -> tuple[str, ...]:
    """Those that llminfra makes."""
    there = there_already(plan)
    return tuple(name for name in namespaces_of(plan) if name not in there)
