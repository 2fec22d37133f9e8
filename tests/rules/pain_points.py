"""Configurations of the threads behind ``docs/pain_points.md``, each with the codes that it is told."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable

from llminfra import (
    VLLM,
    Endpoint,
    GpuPool,
    Model,
    ModelBucket,
    Parallelism,
    Platform,
    Secret,
    SpecError,
)
from llminfra.planning import plan_platform
from llminfra.planning.hardware.cuda_support import driver_problem
from llminfra.planning.memory import fit_line
from llminfra.planning.plan import Plan
from llminfra.rules import run_plan
from tests.rules import test_plan_mutants as plans
from tests.rules.platforms import ROOT

DAY = dt.date(2026, 11, 23)
A10G = GpuPool(name="a10g", instance_types=["g5.2xlarge"], nodes=(0, 4))
T4 = GpuPool(name="t4", instance_types=["g4dn.2xlarge"], nodes=(0, 4))
L40S = GpuPool(name="l40s", instance_types=["g6e.12xlarge"], nodes=(0, 4))
P4D = GpuPool(name="a100", instance_types=["p4d.24xlarge"], nodes=(0, 4), zones=["us-east-1a"], efa=True)
P4 = GpuPool(name="a100", instance_types=["p4d.24xlarge"], nodes=(0, 4))
H100 = GpuPool(name="h100", instance_types=["p5.4xlarge"], nodes=(0, 4))
P5 = GpuPool(name="h100", instance_types=["p5.48xlarge"], nodes=(0, 4), zones=["us-east-1a"], efa=True)


def spec(pool: GpuPool, model: Model, engine: VLLM | None = None, **fields: object) -> Platform:
    endpoint = Endpoint(name="a", model=model, engine=engine or VLLM(max_model_len=4096), on=pool, **fields)  # type: ignore[arg-type]  # fields by name
    return Platform(
        name="p", region="us-east-1", pools=[pool], storage=[ModelBucket(name="acme-weights")], endpoints=[endpoint]
    )


def planned(pool: GpuPool, model: Model, engine: VLLM | None = None, **fields: object) -> Plan:
    return plan_platform(spec(pool, model, engine, **fields), today=DAY)


def told(pool: GpuPool, model: Model, engine: VLLM | None = None, **fields: object) -> set[str]:
    """Codes of all findings, whether the platform is refused or not."""
    try:
        return {item.code for item in planned(pool, model, engine, **fields).diagnostics}
    except SpecError as error:
        return {item.code for item in error.diagnostics}


def kv_too_small() -> set[str]:
    return told(A10G, Model(id="Qwen/Qwen3-8B"), VLLM(max_model_len=40_960))


def out_of_memory() -> set[str]:
    threads = {"27508", "33155", "15105"}
    oss = Model(id="openai/gpt-oss-120b")
    by_default = told(H100, oss, VLLM(version="0.11.0"))
    raised = told(
        H100, oss, VLLM(version="0.11.0", gpu_memory_utilization=0.99, max_num_batched_tokens=1024, max_model_len=4096)
    )
    assert raised == {"LLM_MEM_5"}, "graphs beside the budget"
    return told(A10G, Model(id="Qwen/Qwen3-32B")) | by_default | verdicts(threads)


def verdicts(threads: set[str]) -> set[str]:
    """Codes of the verdicts on the failed starts of these threads, as they were measured."""
    found = set()
    for file in (ROOT / "benchmarks/memory/data").glob("*.jsonl"):
        for line in file.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            thread = str(row.get("source_url", "")).rpartition("vllm-project/vllm/issues/")[2]
            if thread in threads and row.get("outcome") not in {None, "ok"}:
                result = fit_line(line)
                assert result.fits is False, row["id"]
                found.add(result.reason.partition(":")[0])
    return found


def heads() -> set[str]:
    return told(P4, Model(id="Qwen/Qwen2.5-7B-Instruct"), parallelism=Parallelism(tensor=8))


def groups() -> set[str]:
    eight = {"pool": P4, "parallelism": Parallelism(tensor=8)}
    padded = told(model=Model(id="Qwen/Qwen2.5-72B-Instruct-GPTQ-Int4"), **eight)  # type: ignore[arg-type]  # by name
    assert "LLM_SHAPE_6" not in padded, "Qwen padded this one to 29696"
    width = told(model=Model(id="Qwen/Qwen2.5-VL-72B-Instruct-AWQ"), **eight)  # type: ignore[arg-type]  # by name
    blocks = told(model=Model(id="Qwen/Qwen3-235B-A22B-FP8"), **eight)  # type: ignore[arg-type]  # by name
    output = told(P4, Model(id="Qwen/Qwen2.5-0.5B-Instruct-AWQ"), parallelism=Parallelism(tensor=2))
    experts = told(model=Model(id="Qwen/Qwen3-235B-A22B-GPTQ-Int4"), engine=VLLM(version="0.9.1"), **eight)  # type: ignore[arg-type]  # by name
    return width & blocks & output & experts


def unsupported() -> set[str]:
    small = Model(id="Qwen/Qwen3-0.6B", quantization="fp8")
    return (
        told(T4, small, VLLM(version="0.10.2", max_model_len=2048))
        | told(A10G, small)
        | told(T4, Model(id="Qwen/Qwen3-0.6B", dtype="bfloat16"))
    )


def no_efa_image() -> set[str]:
    found = told(
        P5,
        Model(id="deepseek-ai/DeepSeek-R1-0528", trust_remote_code=False),
        VLLM(version="0.33.0", max_model_len=8192),
        parallelism=Parallelism(tensor=8, pipeline=2),
    )
    return found | fired_on_plan("LLM_SRV_64") | fired_on_plan("LLM_DIST_20")


def expert_deadlock() -> set[str]:
    wide = Parallelism(data=16, expert=True)
    one_node = told(P5, Model(id="Qwen/Qwen3-30B-A3B-FP8"), parallelism=Parallelism(data=8, expert=True))
    assert "LLM_FIT_33" not in one_node
    over_tcp = P5.model_copy(update={"efa": False})
    assert "LLM_FIT_33" not in told(over_tcp, Model(id="Qwen/Qwen3-30B-A3B-FP8"), parallelism=wide)
    return told(P5, Model(id="Qwen/Qwen3-30B-A3B-FP8"), parallelism=wide)


def host_memory() -> set[str]:
    def read_from_the_hub(instance: str, model: str = "Qwen/Qwen3-8B") -> dict[str, str]:
        pool = GpuPool(name="small", instance_types=[instance], nodes=(0, 4))
        platform = spec(pool, Model(id=model))
        hub = Platform(**{**dict(platform), "storage": []})
        return {item.code: item.fix for item in plan_platform(hub, today=DAY).diagnostics}

    assert "LLM_FIT_31" not in read_from_the_hub("g6.2xlarge"), "32 GiB of host memory are enough"
    assert "LLM_FIT_31" not in read_from_the_hub("g6.xlarge", "Qwen/Qwen3-0.6B"), "no file of it has 5 GB"
    small = read_from_the_hub("g6.xlarge")
    assert small["LLM_FIT_31"].startswith("use g6.2xlarge, "), "the smallest that is enough"
    return set(small) | fired_on_plan("LLM_SRV_75")


def streaming() -> set[str]:
    found: set[str] = set()
    for env in ({"RUNAI_STREAMER_MEMORY_LIMIT": str(10**13)}, {"AWS_EC2_METADATA_DISABLED": "true"}):
        plan = planned(L40S, Model(id="Qwen/Qwen3-8B"), VLLM(max_model_len=4096, env=env))
        assert plan.endpoints[0].weights.kind == "bucket"
        found |= {item.code for item in run_plan(plan)}
        said = {item.code: item.runtime_message for item in run_plan(plan)}
        assert said.get("LLM_SRV_77", "File access error") == "File access error", "as in the threads"
    assert not {"LLM_SRV_75", "LLM_SRV_77"} & {item.code for item in run_plan(planned(L40S, Model(id="Qwen/Qwen3-8B")))}
    return found


def ray() -> set[str]:
    argument = VLLM(max_model_len=4096, extra_args=("--distributed-executor-backend=ray",))
    field = VLLM(max_model_len=4096, distributed_executor_backend="ray")
    two_nodes = told(P5, Model(id="Qwen/Qwen3-235B-A22B"), field, parallelism=Parallelism(tensor=8, pipeline=2))
    return told(L40S, Model(id="Qwen/Qwen3-8B"), argument) | told(L40S, Model(id="Qwen/Qwen3-8B"), field) | two_nodes


def nixl() -> set[str]:
    transfer = '--kv-transfer-config={"kv_connector":"NixlConnector","kv_role":"kv_both"}'
    over_efa = transfer.removesuffix("}") + ',"kv_connector_extra_config":{"backends":["LIBFABRIC"]}}'
    assert "LLM_FIT_38" not in told(P5, Model(id="Qwen/Qwen3-8B"), VLLM(max_model_len=4096, extra_args=(over_efa,)))
    return told(P5, Model(id="Qwen/Qwen3-8B"), VLLM(max_model_len=4096, extra_args=(transfer,)))


def pcie() -> set[str]:
    model = Model(id="meta-llama/Llama-3.3-70B-Instruct", token=Secret(name="hf"))
    assert "LLM_FIT_32" not in told(L40S, model), "the planner takes stages instead"
    # The threads' own case: two ranks, whose sums go by vLLM's kernel.
    pair, small = {"parallelism": Parallelism(tensor=2)}, Model(id="Qwen/Qwen3-14B")
    without = VLLM(max_model_len=4096, extra_args=("--disable-custom-all-reduce",))
    assert "LLM_FIT_32" not in told(L40S, small, without, **pair) | told(P4, small, **pair) | told(L40S, small)
    alone = GpuPool(name="one", instance_types=["g6e.2xlarge"], nodes=(0, 4))
    apart = {"parallelism": Parallelism(tensor=4)}
    assert "LLM_FIT_32" not in told(alone, Model(id="Qwen/Qwen3-32B"), **apart), "there is no PCIe between nodes"
    return told(L40S, model, parallelism=Parallelism(tensor=4)) & told(L40S, small, **pair)


def lora() -> set[str]:
    engine = VLLM(max_model_len=4096, extra_args=("--enable-lora", "--max-lora-rank=48"))
    return told(L40S, Model(id="Qwen/Qwen3-8B"), engine)


def driver() -> set[str]:
    problem = driver_problem(13, "570.172.08", 12)
    assert problem is not None
    assert driver_problem(12, "570.172.08", 12) is None
    assert driver_problem(None, "570.172.08", 12) is None
    old = L40S.model_copy(update={"ami_release": "20250715"})
    return {problem.code} | told(old, Model(id="Qwen/Qwen3-8B"))


def too_long() -> set[str]:
    return told(L40S, Model(id="Qwen/Qwen3-8B"), VLLM(max_model_len=1_000_000)) | fired_on_plan("LLM_SRV_68")


def findings_of(pool: GpuPool, model: Model, engine: VLLM | None = None, **fields: object) -> dict[str, str | None]:
    """What users would see, by the code of each finding."""
    try:
        found = planned(pool, model, engine, **fields).diagnostics
    except SpecError as error:
        found = error.diagnostics
    return {item.code: item.runtime_message for item in found}


def fired_on_plan(code: str) -> set[str]:
    return {item.code for item in run_plan(plans.MUTANTS[code]())}


REPRODUCED: dict[int, Callable[[], set[str]]] = {
    1: kv_too_small,
    2: out_of_memory,
    3: heads,
    4: groups,
    5: unsupported,
    13: no_efa_image,
    16: nixl,
    17: expert_deadlock,
    18: ray,
    20: pcie,
    25: streaming,
    27: host_memory,
    28: lora,
    29: driver,
    30: too_long,
    33: kv_too_small,
}
"""Configurations of the threads; the other rows are broken objects, which the rules' own mutants are."""
