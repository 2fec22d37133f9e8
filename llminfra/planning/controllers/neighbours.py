"""Platforms on one cluster, each of a spec of its own: what two of them would both make, and what they say of it."""

from __future__ import annotations

from fnmatch import fnmatchcase
from itertools import combinations
from typing import TYPE_CHECKING, get_args

from msgspec import Struct
from msgspec.structs import replace

from llminfra.diagnostics import Diagnostic, Severity
from llminfra.loading.wording.origins import origin_of
from llminfra.loading.wording.told import as_declared
from llminfra.planning.controllers.cluster_charts import installs
from llminfra.planning.controllers.namespaces import made_namespaces
from llminfra.planning.controllers.needs import secret_names
from llminfra.planning.controllers.scraping import MONITORING_RELEASE, scraping_of
from llminfra.planning.plan.labels import PLATFORM_LABEL
from llminfra.planning.plan.made_names import karpenter_node_role
from llminfra.spec.compute.existing_cluster import Installed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from llminfra.planning.plan import Plan

_KARPENTER = "karpenter"
_ALSO = {
    _KARPENTER: ", with karpenter_node_role='…'",
    MONITORING_RELEASE: ", and set observability=ExistingPrometheus(…)",
}


class Advice(Struct, frozen=True, kw_only=True):
    """What to do about a part of a spec.

    Attributes:
        path: The part.
        expected: What would be right.
        fix: How to get there.
    """

    path: str
    expected: str
    fix: str


class Claim(Advice, frozen=True, kw_only=True):
    """A name that one platform of a cluster has for itself, and what to do where two have it.

    Attributes:
        what: Kind and name, as a reader knows it.
        within: A claim that says it already, for all that is in it.
    """

    what: str
    within: str = ""


def with_neighbours(plans: Sequence[Plan]) -> tuple[Plan, ...]:
    """The plans, with what does not go together where several of them are on one cluster."""
    told: dict[str, list[Diagnostic]] = {}
    installed: dict[str, dict[str, str]] = {}
    for one, other in combinations((plan for plan in plans if plan.cluster is not None), 2):
        # That two platforms have one name is an error of the files; what they would both make follows from it.
        if one.platform.name != other.platform.name and _one_cluster(one, other):
            # Who makes the cluster is right, and the other one has to say what is there.
            first, second = sorted((one, other), key=lambda plan: plan.eks.existing)
            found = [*_collisions(first, second), *_disagreements(first, second)]
            for each in (first, second):
                told.setdefault(each.platform.name, [])
            told[second.platform.name] += found
            for theirs, mine in ((first, second), (second, first)):
                there = set(installs(theirs)) & set(mine.eks.installed)
                installed.setdefault(mine.platform.name, {}).update(dict.fromkeys(sorted(there), theirs.platform.name))
    return tuple(
        replace(plan, diagnostics=(*plan.diagnostics, *told[name]), installed_by=installed[name])
        if (name := plan.platform.name) in told and (told[name] or installed[name])
        else plan
        for plan in plans
    )


def _one_cluster(one: Plan, other: Plan) -> bool:
    accounts = {item.platform.account_id for item in (one, other)} - {None}
    places = {(item.platform.region, item.eks.name) for item in (one, other)}
    return len(accounts) < 2 and len(places) == 1


def _collisions(first: Plan, second: Plan) -> Iterator[Diagnostic]:
    theirs = {item.what: item for item in _claims(first)}
    both = {item.what: item for item in _claims(second) if item.what in theirs}
    for claim in both.values():
        if claim.within not in both:
            yield _told(
                second,
                "LLM_CAP_55",
                Severity.ERROR,
                claim,
                f"platforms {first.platform.name!r} and {second.platform.name!r} are on the cluster "
                f"{second.eks.name}, and both would make this",
                f"{claim.what}, of {first.platform.name!r} and {second.platform.name!r}",
            )


def _told(plan: Plan, code: str, severity: Severity, advice: Advice, message: str, found: str) -> Diagnostic:
    file, line = origin_of(plan.platform, advice.path) or (None, None)
    item = Diagnostic(
        code=code,
        severity=severity,
        path=advice.path,
        message=message,
        found=found,
        expected=advice.expected,
        fix=advice.fix,
        file=file,
        line=line,
    )
    return as_declared(plan.platform, [item])[0]


def _claims(plan: Plan) -> Iterator[Claim]:
    name = plan.platform.name
    for chart in installs(plan):
        yield Claim(
            what=f"the release {chart}",
            path="cluster.installed" if plan.eks.existing else "cluster",
            expected="one that installs it, and others that say that it is there",
            fix=f"name {chart!r} in ExistingCluster(installed=[…]) of {name!r}{_ALSO.get(chart, '')}",
        )
    made, serving = made_namespaces(plan), plan.platform.serving_namespace
    if serving in made:
        yield Claim(
            what=f"the namespace {serving}",
            path="cluster.serving_namespace",
            expected="a namespace of its own",
            fix="leave serving_namespace out, or name another one",
        )
    scraping = scraping_of(plan)
    if scraping is not None and not scraping.own and plan.pools:
        yield Claim(
            what=f"rules and dashboards in the namespace {scraping.namespace}",
            path="observability.install_into",
            expected="a namespace of its own",
            fix="leave install_into out, or name another one",
        )
    served = [item.name for item in plan.endpoints] + [item.name for item in plan.routers]
    for kind, released in (("endpoints", served), ("gateways", [item.name for item in plan.gateways])):
        for each in released:
            yield Claim(
                what=f"{kind.removesuffix('s')} {each} in the namespace {serving}",
                path=f"{kind}.{each}",
                expected="another name, or another namespace",
                fix="rename it, or leave serving_namespace out",
                within=f"the namespace {serving}",
            )
    for pool in plan.pools:
        if pool.provisioner == _KARPENTER:
            yield Claim(
                what=f"the NodePool {plan.platform.cluster_prefix}{pool.name}",
                path=f"pools.{pool.name}",
                expected="another name",
                fix="rename the pool",
            )


def _disagreements(first: Plan, second: Plan) -> Iterator[Diagnostic]:
    """What a platform takes to be in its cluster, and the spec that makes or installs it says otherwise."""
    pairs = [(first, second), (second, first)] if first.eks.existing else [(first, second)]
    for theirs, mine in pairs:
        makes = not theirs.eks.existing
        found = [*_not_installed(theirs, mine), *_other_facts(theirs, mine)] if makes else []
        for advice, what in (*found, *_not_allowed(theirs, mine), *_not_shown(theirs, mine)):
            message = (
                f"{theirs.platform.name!r} {'makes the cluster' if makes else 'installs this'}, and its spec says "
                f"otherwise than that of {mine.platform.name!r}"
            )
            yield _told(mine, "LLM_CAP_56", Severity.ERROR, advice, message, what)


def _not_installed(maker: Plan, tenant: Plan) -> Iterator[tuple[Advice, str]]:
    there = {*installs(maker), *(item.name for item in maker.eks.addons)} & {*get_args(Installed)}
    for chart in tenant.eks.installed:
        if chart not in there:
            yield (
                Advice(
                    path="cluster.installed",
                    expected=f"one of {', '.join(sorted(there))}",
                    fix=f"set Cluster(install=[…, {chart!r}]) of {maker.platform.name!r}, or take it out here",
                ),
                f"{chart} among installed",
            )


def _other_facts(maker: Plan, tenant: Plan) -> Iterator[tuple[Advice, str]]:
    role = karpenter_node_role(maker.platform.name, maker.platform.region)
    facts = {
        "version": (maker.eks.version, tenant.eks.version),
        "identity": (maker.eks.identity, tenant.eks.identity),
        "karpenter_node_role": (role, tenant.eks.karpenter_node_role or role),
    }
    for field, (right, said) in facts.items():
        if right != said:
            advice = Advice(path=f"cluster.{field}", expected=right, fix=f"set {field}={right!r}")
            yield advice, f"{field}={said!r}"
    if tenant.eks.node_group_id is None:
        # Nodes of a cluster that llminfra makes have a group of their own, and admit its members.
        advice = Advice(
            path="cluster.node_security_group_id",
            expected=f"the output node_security_group_id of the stack {maker.platform.name}-cluster",
            fix="set ExistingCluster(node_security_group_id='sg-…')",
        )
        yield advice, "the group that EKS makes, in which the cluster's nodes are not"


def _not_allowed(maker: Plan, tenant: Plan) -> Iterator[tuple[Advice, str]]:
    named = [item for item in maker.eks.shared_with if item.name == tenant.platform.name]
    readable = [pattern for item in named for pattern in item.secrets] + list(secret_names(maker))
    hidden = [name for name in secret_names(tenant) if not any(fnmatchcase(name, pattern) for pattern in readable)]
    asks = {
        "external-secrets": (hidden, f", secrets={hidden!r}"),
        "keda": ([item.name for item in tenant.async_endpoints if item.workers and not named], ""),
        "aws-load-balancer-controller": ([item.name for item in tenant.gateways if item.balanced and not named], ""),
    }
    for chart, (what, more) in asks.items():
        if what and chart in tenant.eks.installed and chart in installs(maker):
            yield (
                Advice(
                    path="cluster.installed",
                    expected=f"{chart} of {maker.platform.name!r} may act for {tenant.platform.name!r}",
                    fix=f"set Cluster(shared_with=[SharedWith(name={tenant.platform.name!r}{more})]) of "
                    f"{maker.platform.name!r}",
                ),
                f"{', '.join(what)}: {chart} has no access",
            )


def _not_shown(maker: Plan, tenant: Plan) -> Iterator[tuple[Advice, str]]:
    """Labels of nodes by which a team's rules know its own, and that the stack that is there does not record."""
    scraping = scraping_of(tenant)
    if scraping is None or scraping.own or not tenant.pools or MONITORING_RELEASE not in installs(maker):
        return
    if MONITORING_RELEASE in tenant.eks.installed and tenant.shared and not maker.shared:
        whose, name = maker.platform.name, tenant.platform.name
        yield (
            Advice(
                path="observability",
                expected=f"the label {PLATFORM_LABEL}, by which alerts and dashboards know the nodes of {name!r}",
                fix=f"set Cluster(shared_with=[SharedWith(name={name!r})]) of {whose!r}",
            ),
            f"kube-state-metrics of {whose!r} shows other labels of nodes alone",
        )
