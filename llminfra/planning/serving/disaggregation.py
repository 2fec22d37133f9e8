"""Separate pods for prompts and for answers: each role planned like an endpoint, and the router in front of both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from llminfra.catalog.engines import engine_info, known_versions
from llminfra.diagnostics import entry_path
from llminfra.engines.job import Role
from llminfra.engines.vllm_cache_transfer import PORT
from llminfra.planning.facts import numbers
from llminfra.planning.findings import Findings
from llminfra.planning.plan.endpoint import RouterPlan
from llminfra.planning.plan.made_names import name_of_role
from llminfra.planning.served.endpoint_model import model_facts
from llminfra.spec.compute.gpu_pool import GpuPool
from llminfra.spec.endpoint import Disaggregation, Endpoint

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llminfra.catalog.models import ModelFacts
    from llminfra.planning.plan.endpoint import EndpointPlan
    from llminfra.planning.plan.infrastructure import PoolPlan
    from llminfra.planning.spread.parallelism import Candidate
    from llminfra.spec.endpoint import Role as RoleSpec

ROLES: tuple[Role, ...] = get_args(Role)


def role_endpoint(endpoint: Endpoint, role: Role) -> Endpoint:
    """The endpoint as one role sees it: its replicas, spread and batch, and the latency target that it answers for."""
    declared = _declared(endpoint, role)
    engine: dict[str, Any] = {}
    for name in ("max_num_seqs", "max_num_batched_tokens"):
        if getattr(declared, name) is not None:
            engine[name] = getattr(declared, name)
    slo = endpoint.slo
    if slo is not None:
        other = "time_per_output_token_ms" if role == "prefill" else "time_to_first_token_ms"
        slo = slo.model_copy(update={other: None})
    return endpoint.model_copy(
        update={
            "name": name_of_role(endpoint.name, role),
            "replicas": declared.replicas,
            "parallelism": declared.parallelism,
            "engine": endpoint.engine.model_copy(update=engine),
            "slo": slo,
            # A cache stays with the prefill role only until it is fetched.
            "concurrency": endpoint.concurrency if role == "decode" else None,
        }
    )


def check_disaggregated(endpoint: Endpoint, pool: PoolPlan | None, findings: Findings) -> bool:
    """Report what the cache could not be sent with; false where the roles would not work."""
    known = len(findings.items)
    path = f"endpoints.{endpoint.name}"
    if endpoint.engine.kind != "vllm":
        findings.error(
            "LLM_DIST_8",
            endpoint,
            f"{path}.engine",
            "llminfra separates prefill and decode for vLLM only",
            found=endpoint.engine.kind,
            expected="VLLM(…)",
            fix="use VLLM(…), or leave disaggregation out",
        )
    elif endpoint.engine.version and not _sends_over_efa(endpoint.engine.version):
        findings.error(
            "LLM_DIST_8",
            endpoint,
            f"{path}.engine.version",
            "this release cannot be told how NIXL sends the cache, or has no image with EFA",
            found=endpoint.engine.version,
            expected=f"{_since()} or later",
            fix=f"use {engine_info('vllm').default_version}",
        )
    if pool is not None and not pool.efa_per_node:
        findings.error(
            "LLM_DIST_9",
            endpoint,
            f"{path}.on",
            f"pool {pool.name!r} has no EFA: the cache of every prompt would go over TCP, slower than reading the "
            "prompt again",
            found="efa=False",
            expected="a pool with efa=True",
            fix=f"set efa=True on {pool.name!r} (on an instance type that has it), or leave disaggregation out",
            runtime_message="NIXL INFO Backend UCX was instantiated; time to first token of 98 s instead of 1 s",
        )
    for index, argument in enumerate(getattr(endpoint.engine, "extra_args", ())):
        if argument.partition("=")[0].partition(".")[0] == "--kv-transfer-config":
            findings.error(
                "LLM_DIST_10",
                endpoint,
                entry_path(f"{path}.engine.extra_args", index),
                "disaggregation writes --kv-transfer-config itself",
                found=argument,
                expected="no such argument",
                fix="remove it",
            )
    return not any(item.severity == "error" for item in findings.items[known:])


def check_role_shape(endpoint: Endpoint, chosen: Candidate, role: Role | None, findings: Findings) -> bool:
    """Report a spread that NIXL cannot send from or to."""
    if role is None or chosen.parallelism.pipeline == 1:
        return True
    findings.error(
        "LLM_DIST_11",
        endpoint,
        f"endpoints.{endpoint.name}.parallelism.pipeline",
        "NIXL's connector does not send caches of pipeline stages",
        found=f"pipeline={chosen.parallelism.pipeline}",
        expected="pipeline=1",
        fix="use tensor parallelism, or tensor=1 with data and expert over several nodes",
        runtime_message="NotImplementedError: … does not support pipeline_parallel_size > 1",
    )
    return False


def check_pair(endpoint: Endpoint, facts: ModelFacts | None, roles: Iterable[EndpointPlan], findings: Findings) -> None:
    """Report two roles whose caches do not match."""
    spreads = {item.role: item.parallelism.tensor for item in roles}
    if facts is None or not facts.is_hybrid or len(spreads) < len(ROLES) or len(set(spreads.values())) == 1:
        return
    findings.error(
        "LLM_DIST_12",
        endpoint,
        f"endpoints.{endpoint.name}.disaggregation",
        f"{facts.model_id} keeps recurrent states, which NIXL sends between equal ranks only",
        found=", ".join(f"{role}: tensor={tensor}" for role, tensor in spreads.items()),
        expected="the same tensor parallelism in both roles",
        fix="give both roles the same parallelism",
        runtime_message="heterogeneous tensor parallelism is not supported for Mamba layers",
    )


def plan_routers(endpoints: tuple[EndpointPlan, ...], pools: tuple[PoolPlan, ...]) -> tuple[RouterPlan, ...]:
    """A router for each endpoint whose two roles could be planned."""
    found = []
    for decode in endpoints:
        prefill = next((item for item in endpoints if item.part_of == decode.part_of and item.role == "prefill"), None)
        if decode.role != "decode" or decode.part_of is None or prefill is None:
            continue
        disaggregation = decode.spec.disaggregation or Disaggregation()
        found.append(
            RouterPlan(
                name=decode.part_of,
                spec=decode.spec,
                namespace=decode.namespace,
                served_name=decode.served_name,
                port=PORT,
                prefill=prefill.name,
                decode=decode.name,
                remote_from_tokens=disaggregation.remote_from_tokens,
                grace_s=max(prefill.drain.grace_s, decode.drain.grace_s),
                cache_bytes_per_token=_cache_bytes(prefill),
                fabric_gbps=_fabric_gbps((prefill, decode), next(item for item in pools if item.name == decode.pool)),
            )
        )
    return tuple(found)


def _cache_bytes(endpoint: EndpointPlan) -> float | None:
    """Cache of one token on all ranks, each head counted once; latent attention keeps a whole copy on every rank."""
    facts, each = model_facts(endpoint.spec, Findings()), endpoint.fit.kv_bytes_per_token_per_gpu
    if facts is None or each is None:
        return None
    ranks = 1 if facts.uses_mla else min(endpoint.parallelism.tensor, facts.num_key_value_heads)
    return each * ranks


def _fabric_gbps(roles: Iterable[EndpointPlan], pool: PoolPlan) -> float | None:
    """Line rate between one pod of each role: the smaller share of the node's EFA devices."""
    if not pool.main_type.network_gbps or not pool.efa_per_node:
        return None
    return pool.main_type.network_gbps * min(item.resources.efa for item in roles) / pool.efa_per_node


def refuse_elsewhere(endpoint: Endpoint, findings: Findings) -> bool:
    """Report disaggregation on a target that has no pods."""
    if endpoint.disaggregation is None or isinstance(endpoint.on, GpuPool):
        return False
    findings.error(
        "LLM_DIST_8",
        endpoint,
        f"endpoints.{endpoint.name}.disaggregation",
        "separate pods for prompts and answers exist in the cluster only",
        found=f"on {type(endpoint.on).__name__}",
        expected="on a GpuPool with EFA",
        fix="run it on a GpuPool, or leave disaggregation out",
    )
    return True


def _declared(endpoint: Endpoint, role: Role) -> RoleSpec:
    disaggregation = endpoint.disaggregation or Disaggregation()
    return disaggregation.prefill if role == "prefill" else disaggregation.decode


def _sends_over_efa(version: str) -> bool:
    versions = known_versions("vllm")
    plain = version.removeprefix("v")
    return plain not in versions or versions.index(plain) >= versions.index(_since())


def _since() -> str:
    return str(numbers("distributed")["nixl_over_efa_since"]["value"])
