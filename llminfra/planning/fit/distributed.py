"""What several ranks need beyond memory: stages that the model class has, ranks inside a node, a way between experts.

Facts about networks are in ``data/distributed.json``, those about releases in the catalog.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llminfra.planning.facts import numbers
from llminfra.spec.engines.vllm import VLLM

if TYPE_CHECKING:
    from llminfra.catalog.engines import EngineRelease
    from llminfra.catalog.models import ModelFacts
    from llminfra.planning.findings import Findings
    from llminfra.planning.plan.infrastructure import PoolPlan
    from llminfra.planning.spread.parallelism import Candidate
    from llminfra.spec.endpoint import Endpoint

_RAY_HINT = "use an image that has Ray with Image(…, ray=True), or leave distributed_executor_backend at 'mp'"


def check_ranks(
    endpoint: Endpoint,
    facts: ModelFacts,
    pool: PoolPlan,
    chosen: Candidate,
    release: EngineRelease | None,
    findings: Findings,
) -> bool:
    """Report what the ranks of a spread lack; false where the engine would not start."""
    known = len(findings.items)
    _check_network(endpoint, pool, chosen, findings)
    _check_stages(endpoint, facts, chosen, release, findings)
    _check_copies(endpoint, pool, chosen, findings)
    _check_copies_of_engine(endpoint, chosen, findings)
    _check_all2all(endpoint, chosen, release, findings)
    _check_ray(endpoint, chosen, release, findings)
    return not any(item.severity == "error" for item in findings.items[known:])


def has_stages(facts: ModelFacts, engine: str, release: EngineRelease | None) -> bool:
    """Whether the engine can cut the model into pipeline stages; true where nobody knows."""
    if engine != "vllm" or release is None:
        return True
    return release.pipeline_of(facts.architecture) is not False


def _check_stages(
    endpoint: Endpoint, facts: ModelFacts, chosen: Candidate, release: EngineRelease | None, findings: Findings
) -> None:
    if chosen.parallelism.pipeline == 1 or has_stages(facts, endpoint.engine.kind, release) or release is None:
        return
    findings.error(
        "LLM_DIST_1",
        endpoint,
        f"endpoints.{endpoint.name}.parallelism.pipeline",
        f"vLLM {release.version} has no pipeline stages for {facts.architecture}",
        found=f"pipeline={chosen.parallelism.pipeline}",
        expected="pipeline=1",
        fix="spread it by tensor parallelism inside a node, on larger GPUs if need be, or use a later version that has "
        "stages for it",
        runtime_message="Pipeline parallelism is not supported for this model. Supported models implement the "
        "`SupportsPP` interface.",
    )


def _check_network(endpoint: Endpoint, pool: PoolPlan, chosen: Candidate, findings: Findings) -> None:
    spread = chosen.parallelism
    if chosen.nodes == 1 or pool.efa_per_node:
        return
    split = spread.tensor > pool.gpus_per_node
    findings.warning(
        "LLM_DIST_18",
        endpoint,
        f"endpoints.{endpoint.name}.parallelism",
        f"the ranks of {chosen.nodes} nodes talk over TCP: "
        + (
            "every layer waits for it twice in each step"
            if split
            else "every step waits for it between stages"
            if spread.pipeline > 1
            else "experts of other nodes are reached through it in every layer"
        ),
        found=f"{chosen.shape} on nodes of {pool.gpus_per_node} GPUs without EFA",
        expected="EFA between the nodes of a replica, or a replica that is no larger than a node",
        fix=(
            "set efa=True and one zone on the pool" if pool.main_type.efa_interfaces else "use instance types with EFA"
        )
        + (f", or tensor={pool.gpus_per_node} with pipeline={chosen.nodes}" if split else "")
        + ", or quantize the model so that one node holds it",
        runtime_message="NCCL INFO NET/Socket : Using [0]eth0",
    )


def _check_copies(endpoint: Endpoint, pool: PoolPlan, chosen: Candidate, findings: Findings) -> None:
    spread = chosen.parallelism
    one = spread.tensor * spread.pipeline
    if chosen.nodes == 1 or spread.data == 1 or pool.gpus_per_node % one == 0:
        return
    findings.error(
        "LLM_DIST_2",
        endpoint,
        f"endpoints.{endpoint.name}.parallelism",
        "a copy of attention does not fit evenly into a node: every node starts a whole number of copies",
        found=f"{one} GPUs a copy (tensor={spread.tensor}, pipeline={spread.pipeline}) on nodes of "
        f"{pool.gpus_per_node}",
        expected=f"tensor × pipeline that divides {pool.gpus_per_node}",
        fix=f"use tensor=1, data={spread.gpus}, expert=True, or no copies and pipeline={chosen.nodes}",
        runtime_message="data_parallel_size_local must be > 0 in headless mode",
    )


def _check_copies_of_engine(endpoint: Endpoint, chosen: Candidate, findings: Findings) -> None:
    """SGLang's copies stay on one node unless they share the experts by attention data parallelism."""
    if chosen.nodes == 1 or chosen.parallelism.data == 1 or endpoint.engine.kind != "sglang":
        return
    findings.error(
        "LLM_DIST_19",
        endpoint,
        f"endpoints.{endpoint.name}.parallelism.data",
        "SGLang has no copies on several nodes",
        found=f"data={chosen.parallelism.data} on {chosen.nodes} nodes",
        expected="data=1, or copies that fit on one node",
        fix="set data=1 and more replicas, or use VLLM",
        runtime_message="AssertionError: multi-node data parallel is not supported unless dp attention!",
    )


def _check_all2all(endpoint: Endpoint, chosen: Candidate, release: EngineRelease | None, findings: Findings) -> None:
    engine = endpoint.engine
    if not isinstance(engine, VLLM) or engine.all2all_backend is None:
        return
    name = engine.all2all_backend
    path = f"endpoints.{endpoint.name}.engine.all2all_backend"
    known = release.all2all_backends() if release is not None else ()
    if known and name not in known:
        findings.error(
            "LLM_DIST_3",
            endpoint,
            path,
            f"vLLM {release.version if release else ''} has no such way to send tokens to experts",
            found=name,
            expected=", ".join(known),
            fix="use one of these, or leave all2all_backend out",
            runtime_message=f"argument --all2all-backend: invalid choice: '{name}'",
        )
        return
    if chosen.nodes == 1:
        return
    impossible: dict[str, str] = _value("efa_all2all_impossible")
    built: dict[str, str] = _value("efa_all2all_own_image")
    works: list[str] = _value("efa_all2all")
    if name in impossible:
        findings.error(
            "LLM_DIST_3",
            endpoint,
            path,
            f"experts on other nodes cannot be reached like this over EFA: {impossible[name]}",
            found=name,
            expected=", ".join(works),
            fix="leave all2all_backend out",
            runtime_message="no message: warm-up does not end, or the process ends in NVSHMEM's initialization",
        )
    elif name not in works:
        needs = f": it needs {built[name]}" if name in built else ": nobody has reported it over EFA"
        own = engine.image is not None
        report = findings.warning if own else findings.error
        report(
            "LLM_DIST_4" if own else "LLM_DIST_3",
            endpoint,
            path,
            f"experts on other nodes are reached over EFA only by images that are built for it{needs}",
            found=name,
            expected=", ".join(works) if not own else "an image that holds them",
            fix="leave all2all_backend out"
            if own
            else "leave all2all_backend out, or name an image that holds them with Image(…, efa=True)",
        )


def _check_ray(endpoint: Endpoint, chosen: Candidate, release: EngineRelease | None, findings: Findings) -> None:
    engine = endpoint.engine
    if not isinstance(engine, VLLM) or engine.distributed_executor_backend != "ray":
        return
    path = f"endpoints.{endpoint.name}.engine.distributed_executor_backend"
    spread = chosen.parallelism
    if chosen.nodes == 1:
        findings.warning(
            "LLM_DIST_6",
            endpoint,
            path,
            "a replica on one node needs no Ray: vLLM starts its own processes there",
            found="ray",
            expected="mp",
            fix="leave distributed_executor_backend out",
        )
        return
    if spread.data > 1:
        findings.error(
            "LLM_DIST_5",
            endpoint,
            path,
            "copies of attention over several nodes are started by vLLM itself, not by Ray",
            found=f"ray with data={spread.data}",
            expected="mp",
            fix="leave distributed_executor_backend out",
        )
    has_ray = engine.image.ray if engine.image is not None else release is not None and release.brings_ray
    if not has_ray:
        findings.error(
            "LLM_DIST_5",
            endpoint,
            path,
            "the image has no Ray: vLLM's packages stopped bringing it, and so did images made of them",
            found=f"vllm {release.version}" if release is not None and engine.image is None else "Image(ray=False)",
            expected="an image with Ray",
            fix=_RAY_HINT,
            runtime_message="sh: 1: ray: not found",
        )


def _value(fact: str) -> Any:
    return numbers("distributed")[fact]["value"]
