"""Containers of a batch job: the engine, and the runner that feeds it."""

from __future__ import annotations

import json
from collections.abc import Mapping

from msgspec import Struct

from llminfra.catalog.batch_runner import runner_container
from llminfra.constructs.basis.scope import Scope
from llminfra.constructs.batch.job import Container
from llminfra.planning.network.mirror import by_digest_or_tag, declared_image, engine_image
from llminfra.planning.plan.targets import BatchPlan
from llminfra.workloads import REQUIREMENTS_VARIABLE, bootstrap_command, installing_command

WORKLOAD = "batch_runner"
_ENGINE = "engine"
# What LeaderWorkerSet calls the nodes, in the words of the runner.
_RANKS = {
    "$(LWS_GROUP_SIZE)": "%NUM_NODES%",
    "$(LWS_LEADER_ADDRESS)": "%MAIN_ADDRESS%",
    "$(LWS_WORKER_INDEX)": "%NODE_RANK%",
    "$(VLLM_HOST_IP)": "%MAIN_ADDRESS%",
}
_CACHE = "/tmp/llminfra"  # noqa: S108  # in the container of one job, which is alone on its instance


class BatchCode(Struct, frozen=True):
    """The runner's archive: its bucket, its key there, and its digest."""

    bucket: str
    bucket_arn: str
    key: str
    sha256: str


def batch_containers(item: BatchPlan, code: BatchCode, scope: Scope, secrets: Mapping[str, str]) -> list[Container]:
    """Engine and runner beside each other; in a job of several nodes, both in one container on each.

    Args:
        item: The batch.
        code: Where the runner's code is.
        scope: The stack.
        secrets: What the engine's secrets are called in a container definition, by variable.
    """
    if item.serving.nodes == 1:
        return [_engine(item, scope, secrets), _runner(item, code, scope)]
    return [_node(item, code, scope, secrets)]


def _image(item: BatchPlan, scope: Scope) -> str:
    return by_digest_or_tag(scope.images.pulled(engine_image(item.serving.invocation)))


def _engine_env(item: BatchPlan) -> dict[str, str]:
    invocation = item.serving.invocation
    caches = {name: f"{_CACHE}/{folder}" for name, folder in invocation.cache_env.items()}
    return {**invocation.env, **caches}


def _engine(item: BatchPlan, scope: Scope, secrets: Mapping[str, str]) -> Container:
    """The engine's own image, which starts the server. The job goes on without it until the runner gives up."""
    invocation = item.serving.invocation
    runner = runner_container()
    return Container(
        name=_ENGINE,
        image=_image(item, scope),
        # ``vllm serve`` is the entry point of vLLM's image (vllm-project/vllm docker/Dockerfile, stage vllm-openai);
        # SGLang's has none of its own (sgl-project/sglang docker/Dockerfile).
        command=invocation.args if item.serving.engine == "vllm" else (*invocation.command, *invocation.args),
        environment=_engine_env(item),
        secrets=secrets,
        vcpus=item.vcpus - runner.vcpus,
        memory_mib=item.memory_mib - runner.memory_mib,
        gpus=item.gpus,
        shm_mib=item.serving.resources.shm_mib,
        essential=False,
    )


def _node(item: BatchPlan, code: BatchCode, scope: Scope, secrets: Mapping[str, str]) -> Container:
    """Runner and rank of the engine in one container, on each node of a job that spans several."""
    invocation = item.serving.invocation
    ranks = {
        "BATCH_SERVER_COMMAND": (*invocation.command, *invocation.args),
        "BATCH_NODE_COMMAND": (*(invocation.worker_command or invocation.command), *invocation.worker_args),
    }
    # The container has an interface of its own, whose name is not known; the others are Docker's and the agent's.
    env = {name: value for name, value in _engine_env(item).items() if not name.endswith("_SOCKET_IFNAME")}
    return Container(
        name="runner",
        image=_image(item, scope),
        command=bootstrap_command(WORKLOAD, code.bucket, code.key, code.sha256),
        environment={
            **env,
            **_settings(item, scope.region),
            **{name: json.dumps([_ranked(word) for word in command]) for name, command in ranks.items()},
            "NCCL_SOCKET_IFNAME": "^lo,docker,ecs",
        },
        secrets=secrets,
        vcpus=item.vcpus,
        memory_mib=item.memory_mib,
        gpus=item.gpus,
        shm_mib=item.serving.resources.shm_mib,
        efa_devices=sum(nic.has_efa for nic in item.nics),
    )


def _ranked(word: str) -> str:
    """In the runner's words; the leader's own address is that of the main node."""
    for name, own in _RANKS.items():
        word = word.replace(name, own)
    return word


def _settings(item: BatchPlan, region: str) -> dict[str, str]:
    """The runner's settings, without those whose default is meant."""
    invocation, spec = item.serving.invocation, item.spec
    return {
        "AWS_DEFAULT_REGION": region,
        "BATCH_NAME": item.name,
        "BATCH_INPUT": spec.input,
        "BATCH_OUTPUT": spec.output,
        "BATCH_ENDPOINT_URL": f"http://127.0.0.1:{invocation.port}",
        "BATCH_HEALTH_PATH": invocation.startup.path or "/health",
        "BATCH_START_TIMEOUT_S": str(item.start_timeout_s),
        "BATCH_CONCURRENCY": str(spec.concurrency),
        "BATCH_WATCH_SPOT": "true" if spec.on.spot else "false",
        "BATCH_SPOT_DRAIN_TIMEOUT_S": str(item.drain_s),
    }


def _runner(item: BatchPlan, code: BatchCode, scope: Scope) -> Container:
    """The runner beside the engine."""
    spec, runner = item.spec, runner_container()
    command = bootstrap_command(WORKLOAD, code.bucket, code.key, code.sha256)
    environment = _settings(item, scope.region)
    image = runner.image
    if (own := spec.runner_image) is not None:
        image = declared_image(own)
    else:
        environment[REQUIREMENTS_VARIABLE] = "\n".join(runner.requirements)
        command = installing_command(command)
    return Container(
        name="runner",
        image=by_digest_or_tag(scope.images.pulled(image)),
        command=command,
        environment=environment,
        vcpus=runner.vcpus,
        memory_mib=runner.memory_mib,
        after=[_ENGINE],
    )
