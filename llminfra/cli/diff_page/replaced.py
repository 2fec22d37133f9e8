"""What AWS makes anew where a plan differs, though the spec still has it, and what is kept for a shorter time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from llminfra.cli.diff_page.work_facts import caller_words
from llminfra.rules.changes.dangers import upgrade
from llminfra.rules.changes.losses import lost_with
from llminfra.spec.foundation.observability import Observability
from llminfra.spec.services.bedrock import InvocationLogging

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan
    from llminfra.planning.plan.infrastructure import NetworkPlan

_GONE, _REPLACED, _NODES, _CALLERS = "LLM_GUARD_1", "LLM_GUARD_2", "LLM_GUARD_3", "LLM_GUARD_9"


class Ended(NamedTuple):
    """Guard, spec path, and what is lost."""

    rule: str
    path: str
    why: str


def ended(old: Plan, new: Plan) -> tuple[Ended, ...]:
    """What an apply would replace, end or cut short; what goes with a whole platform is no part of it."""
    if whole := _elsewhere(old, new):
        return (whole,)
    return (*_network(old.network, new.network), *_cluster(old, new), *_file_systems(old, new), *_work(old, new),
            *_kept(old, new))  # fmt: skip


def _elsewhere(old: Plan, new: Plan) -> Ended | None:
    """A platform under another name or in another region: nothing of what is there becomes it."""
    was, will = old.platform, new.platform
    if was.name != will.name:
        why = (
            f"nothing is renamed: {will.name} is made anew beside {was.name}, whose stacks stay until they are "
            "destroyed with the old spec; move callers and data in between"
        )
        return Ended(_REPLACED, "name", why)
    if was.region != will.region:
        why = f"everything in {was.region} is destroyed and made anew in {will.region}: a platform of another name can "
        return Ended(_REPLACED, "region", f"{why}stand beside it until callers and data have moved")
    return None


def _network(old: NetworkPlan, new: NetworkPlan) -> Iterator[Ended]:
    if not old.there:
        return
    if old.existing_vpc_id:
        if new.there and new.existing_vpc_id != old.existing_vpc_id:
            why = f"everything in {old.existing_vpc_id} is made anew in the other VPC: EKS moves no cluster"
            yield Ended(_REPLACED, "network", why)
        return
    beside = "AWS deletes no network with something in it: build another platform beside this one, and move callers"
    if not new.there or new.existing_vpc_id:
        yield Ended(_GONE, "network", f"{lost_with('aws_vpc')}; {beside}")
        return
    if old.cidr != new.cidr:
        yield Ended(_REPLACED, "network.cidr", f"{lost_with('aws_vpc', replaced=True)}; {beside}")
        return
    was, will = ({(item.kind, item.zone): item.cidr for item in each.subnets} for each in (old, new))
    if moved := sorted({zone for (kind, zone), cidr in was.items() if will.get((kind, zone), cidr) != cidr}):
        fields = " and ".join(
            f"{kind}_subnets [{', '.join(was.get((kind, zone), 'a free block') for zone in new.zones)}]"
            for kind in dict.fromkeys(kind for kind, _ in was)
        )
        why = f"{lost_with('aws_subnet', replaced=True)}, in {', '.join(moved)}: their blocks stay with {fields}"
        yield Ended(_REPLACED, "network", why)
    if gone := [zone for zone in old.zones if zone not in new.zones]:
        yield Ended(_GONE, "network.zones", f"{lost_with('aws_subnet')}, in {', '.join(gone)}")


def _cluster(old: Plan, new: Plan) -> Iterator[Ended]:
    was, will = old.cluster, new.cluster
    if was is None or was.existing:
        return
    if will is None or will.existing:
        yield Ended(_GONE, "cluster", lost_with("aws_eks_cluster"))
    elif found := upgrade(was.version, will.version):
        yield Ended(found.rule, "cluster.version", found.why)


def _file_systems(old: Plan, new: Plan) -> Iterator[Ended]:
    will = {item.name: item for item in new.lustre}
    for item in old.lustre:
        if (other := will.get(item.name)) is None:
            continue
        forced = [
            words
            for words, differs in (
                (f"from {item.capacity_gib:,} to {other.capacity_gib:,} GiB", other.capacity_gib < item.capacity_gib),
                (f"from {item.zone} to {other.zone}", item.zone != other.zone),
                ("another setting of EFA", item.efa != other.efa),
            )
            if differs
        ]
        if forced:
            why = (
                f"{lost_with('aws_fsx_lustre_file_system', replaced=True)} ({', '.join(forced)}); to keep serving, "
                "declare a second one beside it, give it to the endpoints, and drop this one in a later change"
            )
            yield Ended(_REPLACED, f"storage.{item.name}", why)


def _work(old: Plan, new: Plan) -> Iterator[Ended]:
    """Gateways, queues, jobs, models and guardrails that go; another name is another one."""
    for path, name in _only(old.gateways, new.gateways, "gateways"):
        (gone,) = [item for item in old.gateways if item.name == name]
        why = "its load balancer goes, and its callers get no answer"
        if any(item.url == gone.url for item in new.gateways):
            why += " until the new one has its address: declare it beside this one under another hostname first"
        yield Ended(_CALLERS, path, why)
    for path, _ in _only(old.async_endpoints, new.async_endpoints, "async_endpoints"):
        yield Ended(_GONE, path, "the queue goes with the messages in it: let it run empty first")
    for path, _ in _only(old.batches, new.batches, "batches"):
        yield Ended(_NODES, path, "AWS Batch ends the jobs that wait in its queue and those that run")
    yield from _bedrock(old, new)


def _bedrock(old: Plan, new: Plan) -> Iterator[Ended]:
    models = [(each.bedrock.models if each.bedrock is not None else ()) for each in (old, new)]
    for path, _ in _only(models[0], models[1], "bedrock.models"):
        yield Ended(_CALLERS, path, "requests that name its profile find no model from then on")
    was, will = old.platform.bedrock, new.platform.bedrock
    if was is None:
        return
    if was.guardrail is not None and (will is None or will.guardrail is None):
        yield Ended(_CALLERS, "bedrock.guardrail", "requests that name the guardrail are refused from then on")
    let_in = {caller_words(item) for item in will.access} if will is not None else set()
    if gone := [words for item in was.access if (words := caller_words(item)) not in let_in]:
        yield Ended(_CALLERS, "bedrock.access", f"requests of {', '.join(gone)} are refused")


def _only(old: object, new: object, section: str) -> Iterator[tuple[str, str]]:
    """Path and name of what only the old plan has."""
    there = {getattr(item, "name", "") for item in _items(new)}
    for item in _items(old):
        if (name := getattr(item, "name", "")) not in there:
            yield f"{section}.{name}", name


def _items(found: object) -> tuple[object, ...]:
    return found if isinstance(found, tuple) else ()


def _kept(old: Plan, new: Plan) -> Iterator[Ended]:
    """Logs, metrics and answers that are kept for a shorter time, and go at once where they are older."""
    was, will = days_kept(old), days_kept(new)
    for path, (what, days) in was.items():
        if path in will and will[path][1] < days:
            yield Ended(_GONE, path, f"{what} older than {will[path][1]} days are deleted: they were kept for {days}")


def days_kept(plan: Plan) -> dict[str, tuple[str, int]]:
    """Days by the field that declares them, each after what is kept."""
    platform = plan.platform
    found: dict[str, tuple[str, int]] = {}
    if plan.network.there and not plan.network.existing_vpc_id:
        found["network.flow_logs_days"] = ("flow logs", plan.network.flow_logs_days)
    if plan.cluster is not None and not plan.cluster.existing:
        found["cluster.log_days"] = ("logs of the control plane", plan.cluster.log_days)
        if isinstance(observability := platform.observability, Observability):
            found["observability.retention_days"] = ("metrics", observability.retention_days)
    for item in plan.ec2:
        found[f"endpoints.{item.name}.on.log_days"] = ("logs of its engine", item.on.log_days)
    for queue in plan.async_endpoints:
        found[f"async_endpoints.{queue.name}.results_days"] = ("answers", queue.spec.results_days)
    if platform.bedrock is not None and isinstance(logging := platform.bedrock.logging, InvocationLogging):
        found["bedrock.logging.days"] = ("logged requests", logging.days)
    return found
