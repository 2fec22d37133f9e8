"""What two plans decide differently: hardware, memory, speed, starts, names that callers use, quotas and money."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from llminfra.catalog.prices import HOURS_PER_MONTH
from llminfra.cli.diff_page.losses import lost_data, lost_names
from llminfra.cli.diff_page.replaced import days_kept, ended
from llminfra.cli.diff_page.ways_in import guarded, lost_ways, ways_in
from llminfra.cli.diff_page.work_facts import work_facts
from llminfra.cli.plan_page.serving import spread_words
from llminfra.cli.plan_page.shared import metrics_of
from llminfra.cli.terminal.hours import hours_words
from llminfra.cli.terminal.words import block_until, bound, count, duration, money, span
from llminfra.planning.cost.hourly import total_cost
from llminfra.planning.encryption.changes import key_effects, key_words
from llminfra.planning.network.mirror import image_names, joined
from llminfra.planning.served.hours import working_hours
from llminfra.spec.compute.sagemaker import SageMaker, SageMakerAsync

if TYPE_CHECKING:
    from llminfra.planning.network.mirror import ImageNames
    from llminfra.planning.plan import Plan
    from llminfra.planning.plan.infrastructure import PoolPlan
    from llminfra.planning.plan.serving import ServingPlan
    from llminfra.spec.compute.capacity import Capacity

Facts = Mapping[str, str]
_AND = ", "
_REVISION = 7


class PlanChange(Struct, frozen=True, kw_only=True):
    """One decision that differs, or an object that comes or goes.

    Attributes:
        path: Spec path of the object.
        action: What happens to the object.
        what: The decision; empty for an object that comes or goes.
        old: How it was; of an object that goes, what it was.
        new: How it will be.
    """

    path: str
    action: Literal["new", "gone", "changed"]
    what: str = ""
    old: str = ""
    new: str = ""


class NewFinding(Struct, frozen=True, kw_only=True):
    """A finding that the new plan has and the old one has not.

    Attributes:
        severity: ``warning`` or ``info``: a plan with errors is none.
        code: The rule.
        path: Spec path.
        message: What is wrong.
    """

    severity: str
    code: str
    path: str
    message: str


class PlatformChanges(Struct, frozen=True, kw_only=True):
    """What differs between two plans of a platform.

    Attributes:
        platform: Its name.
        changes: In the order of the plan.
        lost_names: Model names that callers may send today, and that nothing answers to any more.
        lost_at: The endpoints that answer to them today, in the same order.
        lost_data: Buckets and file systems that go, each with what is lost.
        usd_per_month: At most, before and after, of what has a price.
        unpriced: Whether something has no price, so that the sums are lower bounds.
        new_findings: What is wrong from then on.
        key_effects: What becomes of what is there where keys change.
        lost_ways: What else callers have to change: addresses, how they authenticate, tenants that go.
        ended: What AWS makes anew though the spec still has it, ends, or keeps for a shorter time.
    """

    platform: str
    changes: tuple[PlanChange, ...]
    lost_names: tuple[str, ...]
    lost_at: tuple[str, ...]
    usd_per_month: tuple[float, float]
    unpriced: bool
    lost_data: tuple[str, ...] = ()
    new_findings: tuple[NewFinding, ...] = ()
    key_effects: tuple[str, ...] = ()
    lost_ways: tuple[str, ...] = ()
    ended: tuple[str, ...] = ()


def platform_changes(old: Plan, new: Plan) -> PlatformChanges:
    """Compare two plans of one platform."""
    before, after = dict(_facts(old)), dict(_facts(new))
    found: list[PlanChange] = []
    for path in dict.fromkeys((*after, *before)):
        was, will = before.get(path), after.get(path)
        if was is None or will is None:
            twin = _twin(path, before, after)
            found.append(_alone(path, before, after, twin))
            renamed = _differences(path, before[twin], after[path]) if twin else ()
            found += (item for item in renamed if item.what != "address")  # told by the name
            continue
        found += _differences(path, was, will)
    known = {(item.code, item.path) for item in old.diagnostics}
    lost = lost_names(old, new)
    costs = total_cost(old.costs), total_cost(new.costs)
    return PlatformChanges(
        platform=new.platform.name,
        changes=tuple(found),
        lost_names=tuple(name for _, name in lost),
        lost_at=tuple(path for path, _ in lost),
        lost_data=tuple(f"{item.path}: {item.why}" for item in lost_data(old, new)),
        usd_per_month=(costs[0].usd_per_month_max, costs[1].usd_per_month_max),
        unpriced=bool(costs[0].unpriced or costs[1].unpriced),
        new_findings=tuple(
            NewFinding(severity=item.severity.value, code=item.code, path=item.path, message=item.message)
            for item in new.diagnostics
            if (item.code, item.path) not in known
        ),
        key_effects=key_effects(old, new),
        lost_ways=tuple(f"{path}: {what}" for path, what in lost_ways(old, new)),
        ended=tuple(f"{item.path}: {item.why}" for item in ended(old, new)),
    )


def _alone(path: str, before: Mapping[str, Facts], after: Mapping[str, Facts], twin: str) -> PlanChange:
    """An object that comes or goes; where one like it comes under another name, that is told."""
    gone = path in before
    facts = before[path] if gone else after[path]
    summary = next(iter(facts.values()), "")
    if gone:
        return PlanChange(path=path, action="gone", old=summary)
    renamed = f"; as {twin}, which goes: another name is another address" if twin else ""
    return PlanChange(path=path, action="new", new=f"{summary}{renamed}")


def _twin(path: str, before: Mapping[str, Facts], after: Mapping[str, Facts]) -> str:
    """The endpoint that goes and answered to what one that comes answers to; empty: none, or none comes.

    Parts of an endpoint have its address.
    """
    if path in before or not path.startswith("endpoints.") or path.count(".") > 1:
        return ""
    gone = [name for name in before.keys() - after.keys() if name.startswith("endpoints.")]
    return next((name for name in sorted(gone) if before[name]["answers to"] == after[path]["answers to"]), "")


def _differences(path: str, was: Facts, will: Facts) -> Iterator[PlanChange]:
    for what in dict.fromkeys((*was, *will)):
        one, other = was.get(what, ""), will.get(what, "")
        if one != other:
            yield _differs(path, what, one, other)


def _differs(path: str, what: str, old: str, new: str) -> PlanChange:
    """A decision before and after; of lists only what goes and what comes."""
    was, will = old.split(_AND), new.split(_AND)
    if len(was) > 1 or len(will) > 1:
        gone, come = [item for item in was if item not in will], [item for item in will if item not in was]
        if (gone or come) and len(gone) + len(come) < len(was) + len(will):
            old, new = _AND.join(gone), _AND.join(come)
    return PlanChange(path=path, action="changed", what=what, old=old or "–", new=new or "–")


def paired(old: Sequence[Plan], new: Sequence[Plan]) -> tuple[tuple[Plan | None, Plan | None], ...]:
    """Plans of one platform side by side, by its name; the only one of each spec also where its name changed."""
    if len(old) == len(new) == 1:
        return ((old[0], new[0]),)
    before, after = ({plan.platform.name: plan for plan in plans} for plans in (old, new))
    return tuple((before.get(name), after.get(name)) for name in dict.fromkeys((*after, *before)))


def _facts(plan: Plan) -> Iterator[tuple[str, Facts]]:
    """Decisions by spec path and in words, the most telling of each object first."""
    total = total_cost(plan.costs)
    whole = {
        "name": plan.platform.name,
        "region": plan.platform.region,
        "network": plan.network.existing_vpc_id or plan.network.cidr or "none",
    }
    whole["encrypted with"] = key_words(plan)
    whole |= {
        f"subnet in {item.zone}": item.existing_id or item.cidr
        for item in plan.network.subnets
        if item.kind == "private"
    }
    if plan.cluster is not None:
        whole["cluster"] = f"EKS {plan.cluster.version}, {plan.cluster.name}"
        whole["metrics"] = metrics_of(plan)
        if (system := plan.cluster.system_nodes) is not None:
            nodes = span(system.min_nodes, system.max_nodes)
            whole["nodes for controllers"] = f"{system.instance_types[0]} × {nodes}"
    for label, hourly, unpriced in (
        ("$ a month at rest", total.usd_per_hour_min, total.unpriced_at_rest),
        ("$ a month at most", total.usd_per_hour_max, total.unpriced),
    ):
        whole[label] = bound(hourly * HOURS_PER_MONTH, 0, unpriced=unpriced)
    whole |= dict(guarded(plan))
    whole |= {
        f"{what} kept, days": f"{days:,}"
        for path, (what, days) in days_kept(plan).items()
        if path.startswith(("cluster.", "observability."))
    }
    yield "", whole
    bought = {item.name: _bought(item.capacity) for item in plan.platform.pools}
    yield from ((f"pools.{item.name}", _pool(item, bought[item.name])) for item in plan.pools)
    yield from (
        (f"storage.{item.name}", {"bucket": "there already" if item.existing else "made"}) for item in plan.buckets
    )
    for system_ in plan.lustre:
        size = f"{system_.capacity_gib:,} GiB at {system_.throughput_mbps_per_tib} MB/s per TiB"
        yield f"storage.{system_.name}", {"Lustre": size, "zone": system_.zone}
    names, ways, work = image_names(plan), ways_in(plan), work_facts(plan)
    for path, item in plan.served:
        declared = plan.declared_path(path)
        way = ways[declared].facts if declared in ways else {}
        yield declared, {**_serving(item, names), **way, **work.pop(declared, {})}
    for gateway in plan.gateways:
        models = ", ".join(name for route in gateway.routes for name in route.models)
        paths = ", ".join(path for route in gateway.routes if route.paths for path in route.led_by)
        tenants = ", ".join(tenant.name for tenant in gateway.spec.tenants)
        told = {"address": gateway.url, "models": models, "tenants": tenants, "exposure": gateway.spec.exposure}
        told |= {"paths": paths} if paths else {}
        told |= ways[f"gateways.{gateway.name}"].facts
        yield f"gateways.{gateway.name}", told
    yield from work.items()
    for quota in plan.quotas:
        yield f"quota {quota.name}", {"needed": f"{quota.needed:,.0f}", "code": quota.code}


def _bought(capacity: Capacity) -> str:
    """Which reservation or block is named, if any."""
    named = (getattr(capacity, field, None) for field in ("reservation_id", "resource_group_arn"))
    return next((f", {name}" for name in named if name), "")


def _pool(pool: PoolPlan, reserved: str) -> Facts:
    types = ", ".join(item.name for item in pool.instance_types)
    return {
        "instance types": types,
        "nodes": f"{span(pool.min_nodes, pool.max_nodes)}, {pool.desired_nodes:,} at rest",
        "bought": " else ".join(pool.capacity_types) + reserved + block_until(pool.spec.capacity),
        "zones": ", ".join(pool.zones),
        "started by": pool.provisioner,
        "EFA": f"{pool.efa_per_node} a node" if pool.efa_per_node else "none",
        "root volume": f"{pool.root_volume_gib:,} GiB",
        "$ an hour and node": money(pool.usd_per_node_hour, "?"),
    }


def _serving(item: ServingPlan, names: ImageNames) -> Facts:
    fit, speed = item.fit, item.performance
    model, on = item.spec.model, item.spec.on
    held = fit.replica_concurrency
    facts = {
        "model": f"{item.model_id}@{(item.revision or 'main')[:_REVISION]}",
        "weights": f"{fit.quantization or model.quantization or fit.dtype or model.dtype}, from {item.weights.kind}",
        "answers to": ", ".join((item.served_name, *(adapter.name for adapter in item.adapters))),
        "engine": f"{item.engine} {item.engine_version}",
        "image": _image(item, names),
        # An instance of SageMaker is another product, at another price, than EC2's of that name.
        "on": on.instance_type if isinstance(on, SageMaker | SageMakerAsync) else item.instance_type,
        "spread": spread_words(item) + (f" over {count(item.nodes, 'node')}" if item.nodes > 1 else ""),
        "replicas": "; ".join(
            (span(item.min_replicas, item.max_replicas), *map(hours_words, working_hours(item.spec)))
        ),
        "context": f"{fit.max_model_len:,} tokens" if fit.max_model_len else "",
        "requests of full length at once": "" if held is None else _about(held, 1),
    }
    if speed is not None:
        facts["first token, ms"] = _about(speed.ttft_ms)
        if not speed.whole:
            facts["each further, ms"] = _about(speed.tpot_ms, 1)
    return {
        **facts,
        "cold start": duration(item.startup.estimate_s),
        "$ an hour and replica": money(item.usd_per_replica_hour, "?"),
        "$ per million tokens": money(item.usd_per_million_tokens, "?"),
    }


def _image(item: ServingPlan, names: ImageNames) -> str:
    """By its digest, where it is declared with one; by tag and digest, where it is locked."""
    call = item.invocation
    if call.image_digest:
        return f"{call.image_repository}@{call.image_digest}"
    return names.pinned(joined(call.image_repository, call.image_tag, None))


def _about(value: float, digits: int = 0) -> str:
    return f"{value:,.{digits}f}"
