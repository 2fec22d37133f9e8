"""Settings that nothing reads where they stand: they would look like wishes that were heard."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from msgspec import Struct

from llminfra.engines.job import Role
from llminfra.spec.compute.ec2 import Ec2
from llminfra.spec.compute.gpu_pool import GpuPool
from llminfra.spec.compute.sagemaker import SageMaker, SageMakerAsync
from llminfra.spec.endpoint import Autoscaling, Overflow, Scaled
from llminfra.spec.engines.custom import CustomServer
from llminfra.spec.foundation.network import Network

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llminfra.planning.findings import Findings
    from llminfra.spec.base.spec import Spec
    from llminfra.spec.endpoint import Endpoint
    from llminfra.spec.platform import Platform
    from llminfra.spec.services.async_endpoint import AsyncEndpoint

# SageMaker AI Developer Guide, "Custom Inference Code with Hosting Services": the port that it sends requests to.
_SAGEMAKER_PORT = 8080
_CUSTOM_ON_SAGEMAKER = ("command", "args", "port", "ready", "live", "metrics", "run_as_user", "drain_s")


class _Unheard(Struct, frozen=True):
    """A field that is not as it is by default, or that was ``named``; ``counts`` is where it would be read."""

    item: Spec
    field: str
    path: str
    why: str
    counts: str
    named: bool = False


def check_unheard(platform: Platform, findings: Findings) -> None:
    """Report fields that were set on objects, or on platforms, where they change nothing."""
    for each in (*_of_platform(platform), *_of_network(platform), *_of_pools(platform), *_of_endpoints(platform)):
        _report(each, findings)
    for queue in platform.async_endpoints:
        if not queue.broken and not queue.behind.broken:
            for each in _of_queue(queue):
                _report(each, findings)


def _report(each: _Unheard, findings: Findings) -> None:
    value = getattr(each.item, each.field)
    usual = value == type(each.item).model_fields[each.field].default
    if each.field in each.item.doubtful or (usual and not each.named):
        return
    findings.warning(
        "LLM_SPEC_8",
        each.item,
        each.path,
        each.why,
        found=f"{each.field}={value!r}" if isinstance(value, bool | int | float | str) else f"{each.field} is set",
        expected=each.counts,
        fix=f"leave {each.field} out",
    )


def _of_platform(platform: Platform) -> Iterator[_Unheard]:
    if platform.needs_cluster:
        return
    observability = platform.observability
    if "observability" in platform.model_fields_set and observability is not None and not observability.broken:
        why = "metrics, dashboards and alerts are parts of a cluster, and this platform has none"
        counts = "observability beside a GpuPool; metrics of EC2 and SageMaker are in Amazon CloudWatch"
        yield _Unheard(platform, "observability", "observability", why, counts, named=True)
    images = platform.images
    if images is not None and not images.broken:
        why = "no chart is installed: this platform has no cluster"
        yield _Unheard(images, "charts", "images.charts", why, "charts beside a cluster")
        if not (platform.batches or any(isinstance(item.on, Ec2) for item in platform.workloads if not item.broken)):
            why = "no machine of this platform pulls an image: SageMaker takes its own from ECR of the region"
            yield _Unheard(platform, "images", "images", why, "images beside pods, Ec2 or BatchInference")


def _of_network(platform: Platform) -> Iterator[_Unheard]:
    network = platform.network
    if isinstance(network, Network) and not network.broken and network.nat == "none":
        why = "a network without NAT gateways has no public subnets"
        counts = "public_subnets beside nat='single' or 'per-zone'"
        yield _Unheard(network, "public_subnets", "network.public_subnets", why, counts)


def _of_pools(platform: Platform) -> Iterator[_Unheard]:
    for pool in platform.pools:
        if not pool.broken and not pool.efa:
            why = "the layout is that of EFA interfaces, and these nodes have one ordinary interface"
            yield _Unheard(pool, "efa_layout", f"pools.{pool.name}.efa_layout", why, "efa_layout beside efa=True")


def _of_endpoints(platform: Platform) -> Iterator[_Unheard]:
    for endpoint in platform.workloads:
        if endpoint.broken or endpoint.on.broken or endpoint.engine.broken:
            continue
        yield from _of_scaling(endpoint)
        count, places = len(endpoint.adapters), endpoint.adapters_on_gpu
        if places is not None and places >= count and "adapters" not in endpoint.doubtful:
            why = f"the endpoint has {count} adapters, and all of them have a place on the GPU by default"
            path = f"endpoints.{endpoint.name}.adapters_on_gpu"
            yield _Unheard(endpoint, "adapters_on_gpu", path, why, "fewer than there are adapters")
        if isinstance(endpoint.on, SageMakerAsync):
            yield from _of_backlog(endpoint, endpoint.on)
        if isinstance(endpoint.engine, CustomServer):
            yield from _of_server(endpoint, endpoint.engine)


def _of_scaling(endpoint: Endpoint) -> Iterator[_Unheard]:
    path, split = f"endpoints.{endpoint.name}", endpoint.disaggregation
    scaled: list[tuple[str, int | Autoscaling | Overflow]] = [(f"{path}.replicas", endpoint.replicas)]
    if split is not None and not split.broken:
        scaled += [(f"{path}.disaggregation.{name}.replicas", getattr(split, name).replicas) for name in get_args(Role)]
    if endpoint.overflow is not None:
        scaled.append((f"{path}.overflow", endpoint.overflow))
    if not isinstance(endpoint.on, GpuPool) and isinstance(endpoint.replicas, Autoscaling):
        why = "hours are kept by KEDA, which scales pods"
        counts = "working_hours on a GpuPool"
        yield _Unheard(endpoint.replicas, "working_hours", f"{path}.replicas.working_hours", why, counts)
    for place, replicas in scaled:
        if isinstance(replicas, Scaled) and not replicas.broken:
            if replicas.min == replicas.max:
                why = f"min and max are both {replicas.max}: nothing is added or given up"
                for field in ("waiting_per_replica", "target_utilization", "cooldown_s"):
                    yield _Unheard(replicas, field, f"{place}.{field}", why, f"{field} beside a max above min")
            elif replicas.max == 1 and isinstance(endpoint.on, Ec2):
                why = "on EC2 the first call starts the only instance, whatever waits"
                for field in ("waiting_per_replica", "target_utilization"):
                    yield _Unheard(replicas, field, f"{place}.{field}", why, f"{field} beside a max above 1")


def _of_backlog(endpoint: Endpoint, on: SageMakerAsync) -> Iterator[_Unheard]:
    path, replicas = f"endpoints.{endpoint.name}", endpoint.replicas
    if isinstance(replicas, Autoscaling):
        if not replicas.broken and replicas.min < replicas.max:
            why = "instances of SageMakerAsync follow the backlog of its own queue"
            field = "waiting_per_replica"
            yield _Unheard(replicas, field, f"{path}.replicas.{field}", why, "SageMakerAsync(backlog_per_instance=…)")
        return
    why = f"the number of instances is fixed: {replicas}"
    counts = "backlog_per_instance beside replicas=Autoscaling(…)"
    yield _Unheard(on, "backlog_per_instance", f"{path}.on.backlog_per_instance", why, counts)


def _of_server(endpoint: Endpoint, server: CustomServer) -> Iterator[_Unheard]:
    path = f"endpoints.{endpoint.name}.engine"
    if isinstance(endpoint.on, SageMaker | SageMakerAsync):
        why = "SageMaker starts the image by its own entry point, on port 8080, and asks /ping whether it lives"
        for field in _CUSTOM_ON_SAGEMAKER:
            if field == "port" and server.port == _SAGEMAKER_PORT:
                continue
            yield _Unheard(server, field, f"{path}.{field}", why, f"{field} on a GpuPool, or on Ec2")
        return
    if (
        server.metrics is not None
        and not server.metrics.broken
        and not isinstance(endpoint.overflow or endpoint.replicas, Scaled)
    ):
        why, field = f"the number of replicas is fixed: {endpoint.replicas}", "max_running"
        counts = "max_running beside replicas=Autoscaling(…)"
        yield _Unheard(server.metrics, field, f"{path}.metrics.{field}", why, counts)
    if isinstance(endpoint.on, Ec2):
        why = "on EC2 the load balancer alone asks, and it asks `ready`: an instance that does not answer is replaced"
        yield _Unheard(server, "live", f"{path}.live", why, "live on a GpuPool")
        if server.metrics is not None and not server.metrics.broken:
            why = "on EC2 metrics are told apart by the endpoint, in Amazon CloudWatch"
            field = "model_label"
            yield _Unheard(server.metrics, field, f"{path}.metrics.{field}", why, "model_label on a GpuPool")


def _of_queue(queue: AsyncEndpoint) -> Iterator[_Unheard]:
    path = f"async_endpoints.{queue.name}"
    if isinstance(queue.behind.on, GpuPool) and queue.address is None:
        for field in ("log_days", "trace"):
            why = "pods of the cluster call the endpoint, and no function"
            yield _Unheard(queue, field, f"{path}.{field}", why, f"{field} beside address, or before Ec2 and SageMaker")
    else:
        why = "a function calls the endpoint, and no pods"
        counts = "worker_image before an endpoint on a GpuPool, without address"
        yield _Unheard(queue, "worker_image", f"{path}.worker_image", why, counts)
