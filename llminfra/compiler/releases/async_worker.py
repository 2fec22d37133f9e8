"""The workers of one queue as values of the chart ``async-worker``."""

from __future__ import annotations

from collections.abc import Mapping

from llminfra.catalog.batch_runner import runner_container
from llminfra.charts.async_worker import AsyncWorkerValues, WorkedEndpoint, WorkerScaling
from llminfra.charts.kubernetes import Image
from llminfra.charts.llm_server import Security, ServiceAccount
from llminfra.planning.plan.targets import AsyncPlan, WorkersPlan
from llminfra.workloads import REQUIREMENTS_VARIABLE, installing_command

_ALIVE_FILE = "/tmp/alive"  # noqa: S108  # in the container
_USER = 10001
# The pod ends after its last request has been answered and written.
_GRACE_MARGIN_S = 20
# A message is hidden again and again while it is worked on, every third of this time.
_HIDDEN_S = 120


def worker_labels(name: str) -> dict[str, str]:
    """Labels of the workers' pods (chart ``async-worker``) by the name of their release."""
    return {"app.kubernetes.io/name": "async-worker", "app.kubernetes.io/instance": name}


def async_worker_values(
    item: AsyncPlan,
    workers: WorkersPlan,
    *,
    name: str,
    command: list[str],
    environment: Mapping[str, str],
    queue_url: str,
    region: str,
    role_arn: str | None,
    node_selector: dict[str, str],
) -> AsyncWorkerValues:
    """Values of the workers of a queue.

    Args:
        item: The queue.
        workers: Its pods.
        name: Name of the release and of its service account.
        command: Starts the consumer; without a declared image, packages are installed before.
        environment: The consumer's settings.
        queue_url: Address of the queue.
        region: Its region.
        role_arn: Role for IRSA; ``None`` with EKS Pod Identity.
        node_selector: Nodes that they run on.
    """
    own = item.spec.worker_image
    packages = {} if own else {REQUIREMENTS_VARIABLE: "\n".join(runner_container().requirements)}
    settings = {
        **environment,
        **packages,
        "ASYNC_ALIVE_FILE": _ALIVE_FILE,
        "ASYNC_CONCURRENCY": str(workers.concurrency),
        "ASYNC_DRAIN_TIMEOUT_S": str(workers.drain_s),
        "ASYNC_HEALTH_PATH": workers.health_path,
        "ASYNC_VISIBILITY_S": str(_HIDDEN_S),
        "AWS_DEFAULT_REGION": region,
    }
    image = workers.image
    return AsyncWorkerValues(
        name=name,
        image=Image(repository=image.repository, tag=image.tag, digest=image.digest),
        command=command if own else installing_command(command),
        env=dict(sorted(settings.items())),
        alive_file=_ALIVE_FILE,
        termination_grace_period_seconds=workers.drain_s + _GRACE_MARGIN_S,
        endpoint=WorkedEndpoint(name=item.behind, port=workers.port),
        scaling=WorkerScaling(
            queue_url=queue_url, region=region, queue_length=workers.concurrency, max_replicas=workers.most
        ),
        service_account=ServiceAccount(name=name, role_arn=role_arn),
        node_selector=node_selector,
        security=Security(run_as_user=_USER, run_as_group=_USER, fs_group=_USER, read_only_root_filesystem=True),
    )
