"""How the ranks of a vLLM replica that spans nodes find each other: vLLM's own processes, or Ray by choice.

Sources, read in the PyPI wheel vllm 0.27.1: ``--nnodes`` with ``--node-rank`` gives every node its data-parallel rank
(vllm/engine/arg_utils.py), all ranks meet at ``--master-addr`` (vllm/distributed/parallel_state.py), engines report to
``--data-parallel-address`` at start-up (vllm/v1/engine/utils.py). Ray: vllm-project/vllm
examples/online_serving/multi-node-serving.sh; kubernetes-sigs/lws docs/examples/vllm/GPU/lws.yaml.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from llminfra.engines.invocation import Probe
from llminfra.engines.shared import worker_probe

if TYPE_CHECKING:
    from llminfra.catalog.engines import EngineRelease
    from llminfra.engines.job import ServingJob
    from llminfra.spec.engines.vllm import VLLM

SERVE = ("vllm", "serve")
MASTER_PORT = 29501
# Nothing but engines may talk to this port while they start (vllm-project/vllm#38677), so no probe dials it.
DATA_RPC_PORT = 13345
RAY_PORT = 6379
# NCCL's all-gather and reduce-scatter need nothing but the NCCL plug-in of EFA; vLLM's default since 0.11.1, written
# out so that no later default changes what runs.
EFA_ALL2ALL = "allgather_reducescatter"

_LEADER = "$(LWS_LEADER_ADDRESS)"
# The leader binds its own address: its DNS name may not be there yet when it starts.
_OWN = "$(VLLM_HOST_IP)"
_MEET = ("--nnodes=$(LWS_GROUP_SIZE)", f"--master-addr={_LEADER}", f"--master-port={MASTER_PORT}")

_RAY_HEAD = (
    f'ray start --head --port={RAY_PORT} --node-ip-address="$VLLM_HOST_IP" --include-dashboard=false '
    "--disable-usage-stats || exit 1\n"
    "until python3 -c \"import os, sys, ray; ray.init(address='auto', log_to_driver=False); "
    "sys.exit(sum(node['Alive'] for node in ray.nodes()) < int(os.environ['LWS_GROUP_SIZE']))\"\n"
    "do sleep 5; done\n"
    'exec vllm serve "$@"\n'
)
_RAY_WORKER = (
    'until python3 -c "import os, socket; '
    f"socket.create_connection((os.environ['LWS_LEADER_ADDRESS'], {RAY_PORT}), timeout=5).close()\"\n"
    "do sleep 5; done\n"
    f'exec ray start --address="$LWS_LEADER_ADDRESS:{RAY_PORT}" --node-ip-address="$VLLM_HOST_IP" '
    "--disable-usage-stats --block\n"
)


class Ranks(Struct, frozen=True, kw_only=True):
    """Commands and further arguments of the leader and of the other nodes; ``probe`` is the workers' own."""

    command: tuple[str, ...] = SERVE
    leader_args: tuple[str, ...] = ()
    worker_command: tuple[str, ...] = ()
    worker_args: tuple[str, ...] = ()
    worker_serves: bool = True
    probe: Probe | None = None


def ranks_of(job: ServingJob, engine: VLLM, release: EngineRelease) -> Ranks:
    """How the nodes of one replica start; nothing to add where it has one."""
    shared = _experts(job, engine, release)
    if job.nodes == 1:
        return Ranks(leader_args=shared)
    if engine.distributed_executor_backend == "ray":
        return Ranks(
            command=("sh", "-c", _RAY_HEAD, "vllm"),
            leader_args=("--distributed-executor-backend=ray", *shared),
            # The head drives the workers: they have no arguments of their own.
            worker_command=("sh", "-c", _RAY_WORKER),
            worker_serves=False,
            probe=worker_probe(job, RAY_PORT),
        )
    copies = _copies(job)
    return Ranks(
        leader_args=(*_MEET, "--node-rank=0", *copies, *_reports_to(copies, _OWN), *shared),
        worker_command=SERVE,
        worker_args=(
            *_MEET,
            "--node-rank=$(LWS_WORKER_INDEX)",
            "--headless",
            *copies,
            *_reports_to(copies, _LEADER),
            *shared,
        ),
        probe=worker_probe(job, MASTER_PORT),
    )


def _copies(job: ServingJob) -> tuple[str, ...]:
    if job.parallelism.data == 1:
        return ()
    return (f"--data-parallel-size-local={job.parallelism.data // job.nodes}",)


def _reports_to(copies: tuple[str, ...], address: str) -> tuple[str, ...]:
    if not copies:
        return ()
    return (f"--data-parallel-address={address}", f"--data-parallel-rpc-port={DATA_RPC_PORT}")


def _experts(job: ServingJob, engine: VLLM, release: EngineRelease) -> tuple[str, ...]:
    backend = engine.all2all_backend
    if backend is None and job.nodes > 1 and job.parallelism.expert and job.parallelism.data > 1:
        backend = EFA_ALL2ALL
    if backend is None or not release.knows_flag("--all2all-backend"):
        return ()
    return (f"--all2all-backend={backend}",)
