"""FlashInfer's trials of kernels: who waits for them, what leaves them out, and what a later start finds."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from llminfra import VLLM, Endpoint, GpuPool, Model, ModelBucket, Parallelism, Platform
from llminfra.catalog.engines import engine_release, known_versions
from llminfra.catalog.models import ModelFacts, load_model
from llminfra.diagnostics import Diagnostic
from llminfra.engines.given import given_options
from llminfra.planning import plan_platform
from llminfra.planning.facts import numbers
from llminfra.planning.memory.peak.expert_kernels import ExpertKernel
from llminfra.planning.plan.endpoint import EndpointPlan
from llminfra.planning.start.engine_times import times_of
from llminfra.planning.start.kernel_trials import (
    Told,
    finds_choices,
    kept_on,
    slow_trials,
    told,
    tried_for_experts,
    waits_for_rank_0,
    ways_out,
)

DAY = dt.date(2026, 12, 1)
BUCKET = ModelBucket(name="acme-weights")
OP = "flashinfer::trtllm_fp4_block_scale_moe"
SKIP = "VLLM_FLASHINFER_AUTOTUNE_SKIP_OPS"
FLASH = "deepseek-ai/DeepSeek-V4-Flash"
GLM = "nvidia/GLM-5.2-NVFP4"
QWEN = "Qwen/Qwen3-235B-A22B-Instruct-2507-FP8"
B200, B300, H100 = "p6-b200.48xlarge", "p6-b300.48xlarge", "p5.48xlarge"


def facts(model: str) -> ModelFacts:
    found = load_model(model)
    assert found is not None
    return found


def said(*arguments: str, version: str | None = "0.33.0", **env: str) -> Told:
    release = engine_release("vllm", version) if version is not None else None
    return told("vllm", version, given_options("vllm", arguments, env, release), env)


def planned(
    model: str, instance: str, *arguments: str, version: str = "0.33.0", env: dict[str, str] | None = None, **more: Any
) -> tuple[EndpointPlan, dict[str, Diagnostic]]:
    pool = GpuPool(name="gpu", instance_types=[instance], nodes=(1, 1))
    engine = VLLM(version=version, max_model_len=32768, extra_args=list(arguments), env=env or {})
    endpoint = Endpoint(name="chat", model=Model(id=model), engine=engine, on=pool, **more)
    spec = Platform(name="p", region="us-west-2", pools=[pool], storage=[BUCKET], endpoints=[endpoint])
    plan = plan_platform(spec, today=DAY)
    return plan.endpoints[0], {item.code: item for item in plan.diagnostics if item.code.startswith("LLM_STO_")}


@pytest.mark.parametrize("model", [FLASH, "XiaomiMiMo/MiMo-V2.6-Flash-RL"])
def test_experts_in_mxfp4_on_a_b300_may_be_tried_for_longer_than_the_probe_waits(model: str) -> None:
    endpoint, found = planned(model, B300)
    finding = found["LLM_STO_29"]
    assert finding.path == "endpoints.chat.engine"
    assert "may last longer" in finding.message
    assert f"{endpoint.startup.budget_s / 60:.0f} min" in finding.expected
    assert f"'{SKIP}': '{OP},fp4_gemm'" in finding.fix
    assert "--no-enable-flashinfer-autotune" in finding.fix
    assert finding.runtime_message == f"[AutoTuner]: Tuning {OP}"


def test_experts_in_host_memory_are_tried_for_hours_as_in_the_thread() -> None:
    offload = ("--offload-backend", "uva", "--cpu-offload-gb", "320", "--max-num-batched-tokens", "2048")
    slow = slow_trials(facts("XiaomiMiMo/MiMo-V2.6-Flash-RL"), "0.29.0", 103, said(*offload, version="0.29.0"))
    assert slow is not None
    assert slow.sure
    assert slow.seen.startswith("2 h on a GB300")
    marlin = said(*offload, "--moe-backend", "marlin", version="0.29.0")
    assert slow_trials(facts("XiaomiMiMo/MiMo-V2.6-Flash-RL"), "0.29.0", 103, marlin) is None


def test_the_offload_of_a_plan_is_reported_as_sure() -> None:
    _, found = planned(GLM, B200, "--cpu-offload-gb", "20")
    assert "which lasts longer" in found["LLM_STO_29"].message
    assert "LLM_STO_29" not in planned(GLM, B200, "--cpu-offload-gb", "0")[1]


@pytest.mark.parametrize(
    ("model", "instance", "arguments", "env"),
    [
        (FLASH, B200, (), {}),
        (GLM, B300, (), {}),
        ("openai/gpt-oss-120b", B300, (), {}),
        (FLASH, B300, ("--no-enable-flashinfer-autotune",), {}),
        (FLASH, B300, ("--kernel-config", '{"enable_flashinfer_autotune": false}'), {}),
        (FLASH, B300, ("--kernel-config.moe_backend=marlin",), {}),
        (FLASH, B300, ("--moe-backend", "marlin"), {}),
        (FLASH, B300, ("--optimization-level", "0"), {}),
        (FLASH, B300, ("-O0",), {}),
        (FLASH, B300, (), {SKIP: f"{OP},fp4_gemm"}),
    ],
)
def test_others_and_those_with_the_fix_are_not_reported(
    model: str, instance: str, arguments: tuple[str, ...], env: dict[str, str]
) -> None:
    assert "LLM_STO_29" not in planned(model, instance, *arguments, env=env)[1]


def test_names_without_their_library_leave_nothing_out() -> None:
    assert "LLM_STO_29" in planned(FLASH, B300, env={SKIP: "trtllm_fp4_block_scale_moe"})[1]
    assert tried_for_experts(facts(FLASH), 103, said(version="0.25.1", **{SKIP: OP})) == OP


def test_a_switch_counts_where_the_release_has_it() -> None:
    off = given_options("vllm", ("--no-enable-flashinfer-autotune",), {}, None)
    assert told("vllm", "0.16.0", off, {}).switched_off
    assert not told("vllm", "0.15.0", off, {}).switched_off
    assert told("sglang", "0.5.19", off, {}) == Told()
    on = ("--optimization-level", "0", "--enable-flashinfer-autotune")
    assert not said(*on).switched_off


def test_every_way_out_is_an_option_of_the_release() -> None:
    for version in known_versions("vllm"):
        release = engine_release("vllm", version)
        assert release is not None
        ways = ways_out(version, OP)
        assert (SKIP in ways) == release.knows_env(SKIP)
        assert ("--no-enable-flashinfer-autotune" in ways) == ("--enable-flashinfer-autotune" in release.flags())
        assert ("--moe-backend" in ways) == ("--moe-backend" in release.flags())
        assert "--disable-flashinfer-autotune" not in release.flags()


def test_without_trials_a_start_is_shorter_and_a_probe_waits_less() -> None:
    first, without = planned(FLASH, B300)[0], planned(FLASH, B300, "--no-enable-flashinfer-autotune")[0]
    seconds = [{phase.name: phase.seconds for phase in item.startup.phases} for item in (first, without)]
    assert seconds[0]["warmup"] > seconds[1]["warmup"] > 0
    assert first.startup.budget_s > without.startup.budget_s


@pytest.mark.parametrize(
    ("version", "ranks", "found"),
    [
        ("0.20.2", 1, False),
        ("0.24.0", 1, False),
        ("0.25.0", 1, True),
        ("0.26.0", 4, False),
        ("0.31.0", 1, True),
        ("0.31.0", 4, False),
        ("0.32.0", 4, True),
        (None, 8, True),
    ],
)
def test_choices_are_kept_by_release_and_ranks(version: str | None, ranks: int, found: bool) -> None:
    assert finds_choices(version, ranks) is found
    warmup = times_of("vllm", version, facts(GLM), capability=100, gpus=ranks).warmup
    assert warmup is not None
    row = numbers("engine_start")["vllm"]["warmup"][0]
    assert warmup.kept == row["seconds"] - (row["trials"] if found else 0)


def test_releases_that_keep_nothing_come_before_those_that_keep_all() -> None:
    kept = [kept_on(version) for version in known_versions("vllm")]
    assert kept == sorted(kept, key=["none", "one", "all"].index)


def test_plans_tell_the_first_start_and_those_with_kept_kernels() -> None:
    cached = planned(GLM, B300, compile_cache=BUCKET)[0].startup
    each = planned(GLM, B300)[0].startup
    assert cached.estimate_s + cached.first_pod_s == pytest.approx(each.estimate_s)
    assert each.first_pod_s == 0 < cached.first_pod_s
    assert cached.budget_s == each.budget_s
    trials = numbers("engine_start")["vllm"]["warmup"][0]["trials"]
    assert (
        cached.first_pod_s > trials > planned(GLM, B300, version="0.26.0", compile_cache=BUCKET)[0].startup.first_pod_s
    )
    assert any("where nothing is kept" in phase.why for phase in cached.phases)


def test_karpenter_leaves_a_node_alone_for_longer_than_its_probe_waits() -> None:
    pool = GpuPool(name="gpu", instance_types=[B300], nodes=(0, 1))
    engine = VLLM(version="0.33.0", max_model_len=32768)
    endpoint = Endpoint(name="chat", model=Model(id=GLM), engine=engine, on=pool)
    plan = plan_platform(Platform(name="p", region="us-west-2", pools=[pool], endpoints=[endpoint]), today=DAY)
    assert plan.pools[0].provisioner == "karpenter"
    assert plan.endpoints[0].startup.budget_s > 1800
    assert plan.pools[0].consolidate_after_s > plan.endpoints[0].startup.budget_s


def test_choices_that_ranks_get_stuck_on_are_not_kept() -> None:
    stuck, folder = numbers("kernel_trials")["stuck"], "vllm/deep_gemm"
    for version, kept in (("0.31.0", False), ("0.26.0", True), ("0.33.0", True)):
        endpoint, _ = planned(GLM, B300, version=version, compile_cache=BUCKET)
        assert endpoint.parallelism.gpus > 1
        assert folder in endpoint.invocation.kernel_folders
        assert (stuck["folder"] in endpoint.invocation.kernel_folders) is kept
    alone, _ = planned(FLASH, B300, version="0.31.0", compile_cache=BUCKET)
    assert alone.parallelism.gpus == 1
    assert stuck["folder"] in alone.invocation.kernel_folders


def test_a_container_that_starts_again_hangs_where_rank_0_alone_finds_choices() -> None:
    dealt = Parallelism(tensor=8, expert=True)
    found = planned(QWEN, H100, version="0.29.0", parallelism=dealt)[1]["LLM_STO_30"]
    assert "version='0.32.0'" in found.fix
    assert "the other 7 wait" in found.message
    for version, arguments in (("0.33.0", ()), ("0.26.0", ()), ("0.29.0", ("--no-enable-flashinfer-autotune",))):
        assert "LLM_STO_30" not in planned(QWEN, H100, *arguments, version=version, parallelism=dealt)[1]
    # Cut over tensor-parallel ranks, Triton multiplies on Hopper, which FlashInfer does not try.
    assert "LLM_STO_30" not in planned(QWEN, H100, version="0.29.0", parallelism=Parallelism(tensor=4))[1]


@pytest.mark.parametrize(
    ("version", "ranks", "expert", "kernel", "stuck"),
    [
        ("0.28.0", 8, False, ExpertKernel.FLASHINFER_CUTLASS, False),
        ("0.28.0", 8, True, ExpertKernel.FLASHINFER_CUTLASS, True),
        ("0.29.0", 8, False, ExpertKernel.FLASHINFER_CUTLASS, True),
        ("0.29.0", 1, False, ExpertKernel.FLASHINFER_CUTLASS, False),
        ("0.29.0", 8, False, ExpertKernel.FLASHINFER_TRTLLM, False),
        ("0.29.0", 8, True, ExpertKernel.FLASHINFER_TRTLLM, True),
        ("0.29.0", 8, True, ExpertKernel.TRITON, False),
        ("0.32.0", 8, True, ExpertKernel.FLASHINFER_CUTLASS, False),
    ],
)
def test_what_hangs_goes_by_the_key_of_a_kernel(
    version: str, ranks: int, expert: bool, kernel: ExpertKernel, stuck: bool
) -> None:
    assert waits_for_rank_0(version, ranks=ranks, expert=expert, op=None, kernel=kernel) is stuck


def test_every_fact_of_trials_has_its_source() -> None:
    data = json.loads(json.dumps(numbers("kernel_trials")))
    told_of = [data["switches"], data["skip"], *data["kernels"], data["stuck"], data["offload"], data["crawling"]]
    assert all(item["_source"] for item in told_of)
    assert all(row["where"] for row in data["kept"])
