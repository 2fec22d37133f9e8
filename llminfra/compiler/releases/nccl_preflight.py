"""The pre-flight of endpoints that span nodes, where they ask for one."""

from __future__ import annotations

from llminfra.charts.kubernetes import Image, tolerate
from llminfra.charts.llm_server import Resources
from llminfra.charts.nccl_preflight import NcclPreflightValues
from llminfra.compiler.releases.names import pool_nodes
from llminfra.compiler.releases.security import pod_security
from llminfra.planning.plan import Plan
from llminfra.planning.plan.endpoint import EndpointPlan
from llminfra.planning.plan.made_names import preflight_name

_NETWORK_VARIABLES = ("FI_", "NCCL_", "GLOO_", "OFI_")
# Process groups and their buffers need little; the endpoint's own share would only wait longer for a node.
_MEMORY_MIB_PER_GPU = 4096
_CPU_MILLIS_PER_GPU = 1000
_SCRATCH_GIB = 2


def nccl_preflight_values(endpoint: EndpointPlan, plan: Plan) -> NcclPreflightValues:
    """The endpoint's image, network variables, GPUs and EFA interfaces, on its pool."""
    call, pod, pool = endpoint.invocation, endpoint.resources, plan.pool(endpoint.pool)
    return NcclPreflightValues(
        name=preflight_name(endpoint.name),
        image=Image(repository=call.image_repository, tag=call.image_tag, digest=call.image_digest),
        nodes=endpoint.nodes,
        env={name: value for name, value in call.env.items() if name.startswith(_NETWORK_VARIABLES)},
        resources=Resources(
            cpu_millis=pod.gpus * _CPU_MILLIS_PER_GPU,
            memory_mib=pod.gpus * _MEMORY_MIB_PER_GPU + pod.shm_mib,
            ephemeral_storage_gib=_SCRATCH_GIB,
            gpus=pod.gpus,
            efa_interfaces=pod.efa,
            huge_pages_mib=pod.huge_pages_mib,
        ),
        shm_mib=pod.shm_mib,
        node_selector=pool_nodes(pool),
        tolerations=[tolerate(taint.key, taint.value, taint.effect) for taint in pool.taints],
        security=pod_security(call),
    )


def has_preflight(endpoint: EndpointPlan) -> bool:
    """Whether there is something to test: ranks on several nodes, and EFA between them."""
    return endpoint.spec.preflight and endpoint.nodes > 1 and endpoint.resources.efa > 0
