"""Names and references of a platform: unique names, and objects that belong to it."""

from __future__ import annotations

from collections import Counter
from difflib import get_close_matches
from typing import TYPE_CHECKING, TypeGuard, get_args
from zoneinfo import available_timezones

from llminfra.diagnostics import entry_path
from llminfra.engines.job import Role
from llminfra.planning.plan.made_names import (
    async_id,
    gateway_service,
    name_of_overflow,
    name_of_role,
    picker_name,
    preflight_name,
    router_workload,
)
from llminfra.spec.compute.ec2 import Ec2
from llminfra.spec.compute.gpu_pool import GpuPool
from llminfra.spec.endpoint import Autoscaling
from llminfra.spec.models.storage import LocalNvme
from llminfra.spec.services.async_endpoint import AsyncEndpoint
from llminfra.spec.services.gateway import Gateway

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from llminfra.planning.findings import Findings
    from llminfra.spec.base.spec import Spec
    from llminfra.spec.compute.target import Target
    from llminfra.spec.endpoint import Endpoint
    from llminfra.spec.models.storage import Lustre, ModelBucket
    from llminfra.spec.platform import Platform


def check_references(platform: Platform, findings: Findings) -> None:
    """Report duplicate names, and endpoints or file systems that point outside the platform."""
    _unique("pools", platform.pools, findings)
    _unique("storage", platform.storage, findings)
    _unique("endpoints", platform.workloads, findings)
    _unique_workloads(platform, findings)
    _unique("gateways", platform.gateways, findings)
    _unique("async_endpoints", platform.async_endpoints, findings)
    _unique("batches", platform.batches, findings)
    if platform.cluster is not None:
        _unique("cluster.shared_with", platform.cluster.shared_with, findings)
    _unique_addresses(platform, findings)
    for endpoint in platform.workloads:
        if not endpoint.broken:
            _time_zones(endpoint, findings)
            _pools_of(endpoint, platform, findings)
            _storage_of(endpoint, platform, findings)
    if platform.cluster is None and platform.pools:
        findings.error(
            "LLM_REF_5",
            platform.pools[0],
            f"pools.{platform.pools[0].name}",
            "a GPU pool is part of an EKS cluster, and the platform is declared without one",
            found="cluster=None",
            expected="a cluster, or no pools",
            fix="leave cluster out, or run the endpoints on Ec2(…) or SageMaker(…)",
        )
    for item in platform.storage:
        if item.kind == "lustre":
            _file_system(item, platform, findings)


def _pools_of(endpoint: Endpoint, platform: Platform, findings: Findings) -> None:
    """An endpoint, or its overflow, on a pool of another platform."""
    # Where pools were refused as a whole, what is missing among them was not forgotten.
    if "pools" in platform.doubtful:
        return
    path = f"endpoints.{endpoint.name}"
    _pool_of(endpoint, f"{path}.on", "endpoint", endpoint.on, platform, findings)
    if endpoint.overflow is not None:
        _pool_of(endpoint, f"{path}.overflow.on", "overflow", endpoint.overflow.on, platform, findings)


def _pool_of(endpoint: Endpoint, path: str, what: str, on: Target, platform: Platform, findings: Findings) -> None:
    if not _is_elsewhere(on, platform):
        return
    names = [pool.name for pool in platform.pools if not pool.broken]
    findings.error(
        "LLM_REF_1",
        endpoint,
        path,
        f"the {what} runs on a pool that is not part of this platform",
        found=f"pool {on.name!r}",
        expected=f"one of: {', '.join(names)}" if names else "a pool of the platform, which has none",
        fix=f"add the pool to Platform(pools=[…]) of {platform.name!r}, or name one of its pools",
    )


def _storage_of(endpoint: Endpoint, platform: Platform, findings: Findings) -> None:
    """Weights or compiled kernels on storage of another platform."""
    if "storage" in platform.doubtful:
        return
    beyond = endpoint.overflow
    for field, declared in (
        ("weights", endpoint.weights),
        ("overflow.weights", beyond.weights if beyond else None),
        ("compile_cache", endpoint.compile_cache),
    ):
        item: ModelBucket | Lustre | None = declared.source if isinstance(declared, LocalNvme) else declared
        if item is None or item in platform.storage:
            continue
        names = ", ".join(item.name for item in platform.storage)
        findings.error(
            "LLM_REF_2",
            endpoint,
            f"endpoints.{endpoint.name}.{field}",
            f"the {'compiled kernels' if field == 'compile_cache' else 'weights'} lie on storage that is not part of "
            "this platform",
            found=f"storage {item.name!r}",
            expected=f"one of: {names}" if names else "storage of the platform, which has none",
            fix=f"add it to Platform(storage=[…]) of {platform.name!r}",
        )


def _file_system(item: Lustre, platform: Platform, findings: Findings) -> None:
    """A file system that no pod reads, or that is linked to a bucket of another platform."""
    if not platform.needs_cluster:
        findings.error(
            "LLM_REF_6",
            item,
            f"storage.{item.name}",
            "a Lustre file system is for pods of a cluster, and this platform has none",
            found="Lustre without a cluster",
            expected="a ModelBucket",
            fix="remove the file system, or add a GpuPool",
        )
    if item.source and "storage" not in platform.doubtful and item.source not in platform.storage:
        findings.error(
            "LLM_REF_2",
            item,
            f"storage.{item.name}.source",
            "the file system is linked to a bucket that is not part of this platform",
            found=f"bucket {item.source.name!r}",
            expected="a ModelBucket of the same platform",
            fix="add the bucket to Platform(storage=[…]); existing=True if it is already there",
        )


def _is_elsewhere(on: Target, platform: Platform) -> TypeGuard[GpuPool]:
    """Whether this is a pool, and none of the platform's."""
    return isinstance(on, GpuPool) and not any(on is pool or on == pool for pool in platform.pools)


def _time_zones(endpoint: Endpoint, findings: Findings) -> None:
    """Working hours by a clock that there is not; not told where this machine has no list of them."""
    path, split = f"endpoints.{endpoint.name}", endpoint.disaggregation
    scaled = [(f"{path}.replicas", endpoint.replicas)]
    if split is not None and not split.broken:
        scaled += [(f"{path}.disaggregation.{name}.replicas", getattr(split, name).replicas) for name in get_args(Role)]
    for place, replicas in scaled:
        for index, hours in enumerate(replicas.working_hours if isinstance(replicas, Autoscaling) else ()):
            known = set() if hours.broken else available_timezones()
            if not known or hours.time_zone in known:
                continue
            city = hours.time_zone.rpartition("/")[2].lower()
            near = sorted(name for name in known if name.lower().endswith(f"/{city}"))
            near = near or get_close_matches(hours.time_zone, sorted(known), n=2)
            findings.error(
                "LLM_REF_7",
                hours,
                f"{entry_path(f'{place}.working_hours', index)}.time_zone",
                "there is no such time zone: KEDA would never know that the hours have come",
                found=hours.time_zone,
                expected=" or ".join(near) or "an IANA name, such as Europe/Berlin",
                fix=f"set time_zone={near[0]!r}" if near else "name a zone of the IANA time zone database",
                runtime_message="unable to load timezone: unknown time zone",
            )


def _unique_workloads(platform: Platform, findings: Findings) -> None:
    """Endpoints whose name another object of the platform gives to pods that it needs besides."""
    named = {item.name: item for item in platform.workloads if not item.broken}
    for name, owner, what in _made_besides(platform):
        other = named.get(name)
        if other is None or other is owner or not (isinstance(other.on, GpuPool) or what.endswith("role")):
            continue
        kind = {Gateway: "gateway", AsyncEndpoint: "queue"}.get(type(owner), "endpoint")
        findings.error(
            "LLM_SPEC_4",
            other,
            f"endpoints.{name}",
            f"the {what} of {kind} {owner.name!r} has this name already",
            found=name,
            expected="a name of its own",
            fix=f"rename the endpoint {name!r}",
        )


def _made_besides(platform: Platform) -> Iterator[tuple[str, Endpoint | Gateway | AsyncEndpoint, str]]:
    """Names of workloads beside those of endpoints, with what declares them."""
    for endpoint in platform.workloads:
        if endpoint.broken:
            continue
        if endpoint.disaggregation is not None:
            yield from ((name_of_role(endpoint.name, role), endpoint, f"{role} role") for role in get_args(Role))
            yield router_workload(endpoint.name), endpoint, "router"
        if endpoint.overflow is not None:
            yield name_of_overflow(endpoint.name), endpoint, "overflow"
        if endpoint.preflight:
            yield preflight_name(endpoint.name), endpoint, "preflight job"
    for gateway in platform.gateways:
        if not gateway.broken:
            yield gateway_service(gateway.name), gateway, "proxy"
            yield from ((picker_name(item.name), item, "picker") for item in gateway.endpoints)
    for queue in platform.async_endpoints:
        if not queue.broken and queue.address is None:
            yield async_id(queue.name), queue, "consumer"


def _unique_addresses(platform: Platform, findings: Findings) -> None:
    """Two load balancers cannot have one name of a zone; where users make the name, they may share it between both."""
    named: list[tuple[str, Spec, str]] = [
        (item.on.domain_name, item, f"endpoints.{item.name}.on.domain_name")
        for item in platform.workloads
        if not item.broken and isinstance(item.on, Ec2) and not item.on.broken and item.on.hosted_zone_id
    ]
    named += [
        (item.hostname, item, f"gateways.{item.name}.hostname")
        for item in platform.gateways
        if not item.broken and item.hostname is not None and item.hosted_zone_id
    ]
    first: dict[str, str] = {}
    for address, item, path in named:
        if (other := first.setdefault(address, path)) != path:
            findings.error(
                "LLM_SPEC_4",
                item,
                path,
                f"this name is made twice in Route 53: the other is {other}",
                found=address,
                expected="a name of its own",
                fix="give each its own, or put endpoints of one cluster behind one Gateway",
                runtime_message="InvalidChangeBatch: Tried to create resource record set … but it already exists",
            )


def _unique(section: str, items: Iterable[Spec], findings: Findings) -> None:
    named = [(str(getattr(item, "name", "")), item) for item in items]
    counts = Counter(name for name, _ in named)
    for index, (name, item) in enumerate(named):
        if name and counts[name] > 1:
            place = next(place for place, (other_name, _) in enumerate(named) if other_name == name)
            first = named[place][1]
            if index == place:
                continue
            if item is first:
                findings.error(
                    "LLM_SPEC_4",
                    item,
                    f"{section}.{name}",
                    f"the same object stands twice among the platform's {section}",
                    found=name,
                    expected="each object once",
                    fix=f"remove one of the two {name!r}",
                )
                continue
            where = f" (first declared at {first.origin[0]}:{first.origin[1]})" if first.origin else ""
            findings.error(
                "LLM_SPEC_4",
                item,
                f"{section}.{name}",
                f"two {section} have the same name{where}",
                found=name,
                expected="a name of its own",
                fix=f"rename one of the two {name!r}",
            )
