"""What else is known before a pod starts: device, driver, host memory, wires, adapters, access to the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llminfra.catalog import eks, instances
from llminfra.catalog.gpus import find_gpu
from llminfra.engines.given import last
from llminfra.planning.facts import numbers
from llminfra.planning.hardware.cuda_support import driver_problem
from llminfra.planning.hardware.engine_run import EngineRun
from llminfra.planning.memory.device import problems_on
from llminfra.planning.memory.doubts import SCALES_BESIDE_CONFIG
from llminfra.planning.served.model_class import named_numbers, without_flash

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llminfra.catalog.engines import EngineRelease
    from llminfra.catalog.gpus import Gpu
    from llminfra.catalog.models import ModelFacts
    from llminfra.engines.given import Given
    from llminfra.planning.findings import Findings
    from llminfra.planning.plan.infrastructure import PoolPlan
    from llminfra.planning.plan.serving import PodResources, WeightsPlan
    from llminfra.planning.spread.parallelism import Candidate
    from llminfra.spec.endpoint import Endpoint

_FILE = "gpu_support"
# Share of the pod's memory that the object-storage streamer may fill (llminfra/engines/vllm.py sets its limit).
_STREAM_SHARE = 0.25
# Custom all-reduce needs peer access; without NVLink vLLM uses it on two GPUs at most.
_MOST_PCIE_RANKS = 2
_WITHOUT = "--disable-custom-all-reduce"
_OWN_ALL_REDUCE = frozenset({"vllm", "sglang"})


def _value(fact: str) -> Any:
    return numbers(_FILE)[fact]["value"]


def check_device(
    endpoint: Endpoint, facts: ModelFacts, pool: PoolPlan, release: EngineRelease | None, findings: Findings
) -> bool:
    """Report what the pool's GPUs and driver cannot run; false where the engine would not start."""
    gpu = find_gpu(pool.gpu)
    if gpu is None:
        return True
    engine = endpoint.engine
    cache = getattr(engine, "kv_cache_dtype", "auto")
    model = endpoint.model
    run = EngineRun(
        engine=engine.kind,
        release=release,
        quant=facts.quantization,
        requested=model.quantization,
        dtype=None if model.dtype == "auto" else model.dtype,
        kv_cache_dtype=None if cache == "auto" else cache,
        text_only=getattr(engine, "language_model_only", False),
        named=named_numbers(endpoint),
        longest=getattr(engine, "max_model_len", None),
    )
    problems = list(problems_on(gpu, facts, run))
    if without_flash(endpoint):
        problems = [item for item in problems if item.code != "LLM_FIT_62"]
    if model.config is not None and model.quantization in SCALES_BESIDE_CONFIG:
        problems = [item for item in problems if item.code != "LLM_FIT_23"]
    driver = eks.nvidia_driver()
    # The CUDA of an image of one's own is not known.
    cuda = release.cuda_major if release is not None and engine.image is None else None
    if (mismatch := driver_problem(cuda, driver.version, driver.cuda_major)) is not None:
        problems.append(mismatch)
    for item in problems:
        report = findings.error if item.fatal else findings.warning
        report(
            item.code,
            endpoint,
            f"endpoints.{endpoint.name}.{item.field}",
            item.message,
            found=item.found,
            expected=item.expected,
            fix=item.fix,
            runtime_message=item.runtime_message,
        )
    _check_own_ami(endpoint, pool, release, findings)
    return not any(item.fatal for item in problems)


def check_start(
    endpoint: Endpoint,
    facts: ModelFacts,
    pool: PoolPlan,
    chosen: Candidate,
    weights: WeightsPlan,
    resources: PodResources,
    options: Sequence[Given],
    findings: Findings,
) -> None:
    """Report what stops or slows the pod although the model fits the GPUs."""
    _check_access(endpoint, facts, weights, findings)
    _check_host_memory(endpoint, pool, weights, resources, findings)
    _check_adapters(endpoint, pool, chosen, resources, findings)
    _check_wires(endpoint, pool, chosen, options, findings)
    _check_arguments(endpoint, pool, options, findings)


def _check_own_ami(endpoint: Endpoint, pool: PoolPlan, release: EngineRelease | None, findings: Findings) -> None:
    """An older node image than the pinned one may hold an older driver than the image's CUDA wants."""
    asked = pool.spec.ami_release
    pinned = max(
        (
            found.ami_release.rpartition("-")[2]
            for name in eks.versions()
            if (found := eks.version(name)) and found.ami_release
        ),
        default="",
    )
    if asked is None or release is None or release.cuda_major is None or asked.lstrip("v") >= pinned:
        return
    if release.cuda_major < eks.nvidia_driver().cuda_major:
        return
    findings.warning(
        "LLM_FIT_30",
        pool.spec,
        f"pools.{pool.name}.ami_release",
        f"{endpoint.engine.kind} {release.version} needs a driver with CUDA {release.cuda_major}, and the driver of "
        "this node image is not recorded",
        found=f"AMI {asked}",
        expected=f"AMI {pinned} or later, whose driver is {eks.nvidia_driver().version}",
        fix="leave ami_release to llminfra, or check the driver in the AMI's release notes",
        runtime_message="CUDA error: forward compatibility was attempted on non supported HW",
    )


def _check_access(endpoint: Endpoint, facts: ModelFacts, weights: WeightsPlan, findings: Findings) -> None:
    if not facts.gated or endpoint.model.token is not None:
        return
    if weights.kind == "hub":
        findings.error(
            "LLM_FIT_36",
            endpoint,
            f"endpoints.{endpoint.name}.model.token",
            f"{facts.model_id} is gated: the Hub answers only to an account that accepted its terms",
            found="no token",
            expected="a reference to a Hugging Face token",
            fix="set Model(token=Secret(name=…)), or copy the model into a ModelBucket once",
            runtime_message=f"Cannot access gated repo for url https://huggingface.co/{facts.model_id}: "
            "Access to model is restricted. You must have access to it and be authenticated to access it.",
        )


def _check_host_memory(
    endpoint: Endpoint, pool: PoolPlan, weights: WeightsPlan, resources: PodResources, findings: Findings
) -> None:
    ranks_gib = float(_value("host_gib_per_rank")) * resources.gpus
    pod_gib = resources.memory_mib / 1024
    streams = weights.kind in {"bucket", "nvme"}
    # No file is larger than the checkpoint.
    largest_gib = min(float(_value("host_gib_loading")), weights.bytes_total / 2**30)
    loading_gib = pod_gib * _STREAM_SHARE if streams else largest_gib
    shared_gib = resources.shm_mib / 1024
    needed = ranks_gib + loading_gib + shared_gib
    if needed <= pod_gib:
        return
    enough = (ranks_gib + shared_gib) / (1 - _STREAM_SHARE) if streams else needed
    # The pod has a share of the instance's memory, and another type gives it about the same share.
    roomier = instances.with_more_memory(pool.main_type, enough / pod_gib)
    digits = 1 if f"{needed:.0f}" == f"{pod_gib:.0f}" else 0
    findings.warning(
        "LLM_FIT_31",
        endpoint,
        f"endpoints.{endpoint.name}.on",
        "the pod may run out of host memory while it loads",
        found=f"{pod_gib:.{digits}f} GiB, of that {shared_gib:.{digits}f} GiB shared memory",
        expected=f"about {needed:.{digits}f} GiB: {ranks_gib:.{digits}f} for {resources.gpus} "
        f"process{'' if resources.gpus == 1 else 'es'}, {loading_gib:.{digits}f} for loading, the rest shared",
        fix=f"use {roomier}, or another type with more memory a GPU"
        if roomier
        else "use an instance type with more memory a GPU",
        runtime_message="OOMKilled (exit code 137)",
    )


def _check_adapters(
    endpoint: Endpoint, pool: PoolPlan, chosen: Candidate, resources: PodResources, findings: Findings
) -> None:
    """Every adapter stays in host memory, of each rank: vLLM's ``--max-cpu-loras``, and what SGLang has loaded."""
    count = len(endpoint.adapters)
    places = min(endpoint.adapters_on_gpu or count, count)
    if not places or not chosen.fit.adapters_gib:
        return
    pod_gib, shared_gib = resources.memory_mib / 1024, resources.shm_mib / 1024
    # At least: a rank holds whole adapters, of which its GPU has a part.
    held_gib = chosen.fit.adapters_gib / places * count * resources.gpus
    needed = held_gib + float(_value("host_gib_per_rank")) * resources.gpus + shared_gib
    if needed <= pod_gib:
        return
    roomier = instances.with_more_memory(pool.main_type, needed / pod_gib)
    fewer = max(1, int(count * (pod_gib - needed + held_gib) / held_gib))
    findings.warning(
        "LLM_FIT_31",
        endpoint,
        f"endpoints.{endpoint.name}.adapters",
        "the pod may run out of host memory, where all adapters are",
        found=f"{count} adapters, {held_gib:.0f} GiB at their largest rank; {pod_gib:.0f} GiB for the pod",
        expected=f"about {needed:.0f} GiB, or {fewer} adapters",
        fix=f"use {roomier}, or spread the adapters over endpoints"
        if roomier
        else "spread the adapters over endpoints",
        runtime_message="OOMKilled (exit code 137)",
    )


def _check_wires(
    endpoint: Endpoint, pool: PoolPlan, chosen: Candidate, options: Sequence[Given], findings: Findings
) -> None:
    gpu = find_gpu(pool.gpu)
    spread = chosen.parallelism
    # Ranks on nodes of their own talk by the network, of which LLM_DIST_18 tells.
    together = min(spread.tensor, pool.gpus_per_node)
    if gpu is not None and not gpu.nvlink_gbps and spread.tensor == together == _MOST_PCIE_RANKS:
        _check_pair(endpoint, pool, gpu, options, findings)
    if gpu is not None and not gpu.nvlink_gbps and together > _MOST_PCIE_RANKS:
        findings.warning(
            "LLM_FIT_32",
            endpoint,
            f"endpoints.{endpoint.name}.parallelism",
            f"tensor parallelism over {spread.tensor} {gpu.product} goes over PCIe without NVLink: each layer waits "
            "for it twice, and hosts without peer access can hang",
            found=f"tensor={spread.tensor} on {pool.main_type.name}",
            expected=f"at most {_MOST_PCIE_RANKS} GPUs a replica on such instance types, or GPUs with NVLink",
            fix="quantize the model so that fewer GPUs do, or use p4, p5 or p6; if it hangs, set NCCL_P2P_DISABLE=1",
            runtime_message="Custom allreduce is disabled because it's not supported on more than two PCIe-only GPUs.",
        )
    if spread.expert and spread.tensor * spread.data > pool.gpus_per_node and pool.efa_per_node:
        findings.warning(
            "LLM_FIT_33",
            endpoint,
            f"endpoints.{endpoint.name}.parallelism",
            "experts over several nodes deadlock in warm-up with some versions of EFA's userspace",
            found=f"{spread.tensor * spread.data} expert-parallel ranks on nodes of {pool.gpus_per_node}",
            expected=f"an image with EFA {_value('efa_expert_parallel')} or later on every node",
            fix="check the EFA installer of the image, and use one image for all nodes",
            runtime_message="no message: warm-up does not end",
        )


def _check_pair(endpoint: Endpoint, pool: PoolPlan, gpu: Gpu, options: Sequence[Given], findings: Findings) -> None:
    """A pair that was asked for: what the planner chooses itself, it chooses for its price, and no finding helps."""
    if endpoint.parallelism is None or endpoint.engine.kind not in _OWN_ALL_REDUCE or last(options, _WITHOUT):
        return
    findings.warning(
        "LLM_FIT_32",
        endpoint,
        f"endpoints.{endpoint.name}.parallelism",
        f"two {gpu.product} without NVLink sum by a kernel of the engine's own, which trusts the peer access that the "
        "driver tells of: where the host isolates devices, the start hangs",
        found=f"tensor={_MOST_PCIE_RANKS} on {pool.main_type.name}",
        expected=f"{_WITHOUT}, one GPU a replica, or GPUs with NVLink",
        fix=f"pass extra_args=['{_WITHOUT}'], and set NCCL_P2P_DISABLE=1 if it hangs all the same; or quantize the "
        "model so that one GPU does",
        runtime_message="no message: nothing follows 'vLLM is using nccl'",
    )


def _check_arguments(endpoint: Endpoint, pool: PoolPlan, options: Sequence[Given], findings: Findings) -> None:
    path = f"endpoints.{endpoint.name}.engine.extra_args"
    if _text(options, "--distributed-executor-backend") == "ray":
        findings.warning(
            "LLM_FIT_34",
            endpoint,
            path,
            "Ray waits without end for a placement group where a node is missing or counts other resources",
            found="--distributed-executor-backend=ray",
            expected="the engine's own processes (mp)",
            fix="remove the argument: llminfra starts every rank itself; with Ray where "
            "VLLM(distributed_executor_backend='ray') says so",
            runtime_message="Waiting for creating a placement group; No available node types can fulfill the request",
        )
    transfer = _text(options, "--kv-transfer-config")
    if "NixlConnector" in transfer and "LIBFABRIC" not in transfer and pool.efa_per_node:
        findings.error(
            "LLM_FIT_38",
            endpoint,
            path,
            "NIXL moves the cache by UCX unless it is told otherwise, and UCX has no EFA: it falls back to TCP",
            found="NixlConnector without the LIBFABRIC back end",
            expected='"kv_connector_extra_config": {"backends": ["LIBFABRIC"]}',
            fix="name the LIBFABRIC back end in --kv-transfer-config, and use an image that has NIXL's plug-in for it",
            runtime_message="NIXL is available; Initialized NIXL agent with UCX backend",
        )
    _check_lora(endpoint, path, options, findings)


def _text(options: Sequence[Given], flag: str) -> str:
    found = last(options, flag)
    return found.value if found else ""


def _check_lora(endpoint: Endpoint, path: str, options: Sequence[Given], findings: Findings) -> None:
    given = (last(options, flag) for flag in ("--max-lora-rank", "--max-cpu-loras", "--max-loras"))
    rank, held, most = (item.number if item else None for item in given)
    ranks: list[int] = _value("lora_ranks")
    if endpoint.engine.kind == "vllm" and rank is not None and rank not in ranks:
        findings.error(
            "LLM_FIT_35",
            endpoint,
            path,
            "vLLM has no kernel for this LoRA rank",
            found=f"--max-lora-rank={rank}",
            expected="one of " + ", ".join(str(item) for item in ranks),
            fix=f"use {next((item for item in ranks if item >= rank), ranks[-1])}: adapters of lower rank fit into it",
            runtime_message=f"max_lora_rank ({rank}) must be one of {tuple(ranks)}.",
        )
    if held is not None and held < (most or 1):
        findings.error(
            "LLM_FIT_35",
            endpoint,
            path,
            "adapters in use must also have a place in host memory",
            found=f"--max-cpu-loras={held}, --max-loras={most or 1}",
            expected=f"--max-cpu-loras of at least {most or 1}",
            fix=f"set --max-cpu-loras={most or 1} or more",
            runtime_message=f"max_cpu_loras ({held}) must be >= max_loras ({most or 1})",
        )
