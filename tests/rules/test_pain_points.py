"""``docs/pain_points.md``: every trouble it lists is reproduced here, and the codes it names fire."""

from __future__ import annotations

import re

import pytest

from llminfra import (
    VLLM,
    Autoscaling,
    DeepSpeedMII,
    DJLServing,
    Endpoint,
    GpuPool,
    Image,
    Lustre,
    Model,
    ModelBucket,
    Parallelism,
    Platform,
)
from llminfra.catalog import eks
from llminfra.planning import plan_platform
from llminfra.planning.hardware.cuda_support import driver_problem
from llminfra.planning.memory import FitCase, estimate
from llminfra.rules import by_code, run_kubernetes, run_plan, run_terraform
from llminfra.rules.views.kubernetes_view import KubernetesObjects
from tests.rules import terraform_mutants as terraform
from tests.rules import test_kubernetes_mutants as kubernetes
from tests.rules.pain_points import DAY, L40S, P4, P5, REPRODUCED, findings_of, fired_on_plan, planned, spec, told
from tests.rules.platforms import ROOT, Documents, deep_copy, prod_plan

PAGE = (ROOT / "docs/pain_points.md").read_text(encoding="utf-8")
ROWS = {
    int(match[1]): tuple(match[2].split())
    for match in re.finditer(r"^\| (\d+) \|.*\| ([A-Z0-9_ ]+) \|$", PAGE, re.MULTILINE)
}


def test_all_thirty_three_are_listed() -> None:
    assert sorted(ROWS) == list(range(1, 34))


def test_every_code_of_the_page_is_a_rule() -> None:
    codes = set(re.findall(r"LLM_[A-Z]+_\d+", PAGE))
    assert codes <= set(by_code())


@pytest.mark.parametrize("number", REPRODUCED)
def test_the_configuration_of_the_thread_is_found(number: int) -> None:
    assert set(ROWS[number]) <= REPRODUCED[number]()


@pytest.mark.helm
@pytest.mark.parametrize("number", sorted(set(ROWS) - set(REPRODUCED)))
def test_objects_with_the_trouble_are_found(number: int, objects: KubernetesObjects, documents: Documents) -> None:
    for code in ROWS[number]:
        if code in kubernetes.MUTANTS:
            found = {item.diagnostic.code for item in run_kubernetes(kubernetes.broken(objects, code))}
        elif code in terraform.MUTANTS:
            broken = deep_copy(documents)
            terraform.MUTANTS[code](broken)
            found = {item.diagnostic.code for item in run_terraform(terraform.view(broken))}
        else:
            found = fired_on_plan(code)
        assert code in found, f"row {number}"


@pytest.mark.helm
def test_what_is_emitted_has_none_of_the_troubles(objects: KubernetesObjects) -> None:
    assert run_kubernetes(objects) == ()
    assert run_plan(prod_plan()) == ()


SMALL = Model(id="Qwen/Qwen3-8B")


@pytest.mark.parametrize(
    ("code", "text", "pool", "model", "engine", "fields"),
    [
        (
            "LLM_FIT_7",
            "error: unrecognized arguments: --swap-space",
            L40S,
            SMALL,
            VLLM(version="0.33.0", max_model_len=4096, extra_args=("--swap-space=4",)),
            {},
        ),
        (
            "LLM_FIT_7",
            "Unknown vLLM environment variable detected: VLLM_USE_V1",
            L40S,
            SMALL,
            VLLM(version="0.33.0", max_model_len=4096, env={"VLLM_USE_V1": "1"}),
            {},
        ),
        (
            "LLM_SHAPE_2",
            "assert self.total_num_kv_heads % tp_size == 0",
            GpuPool(name="a10g", instance_types=["g5.12xlarge"], nodes=(0, 1)),
            Model(id="google/gemma-3-27b-it"),
            VLLM(max_model_len=8192),
            {"parallelism": Parallelism(tensor=3)},
        ),
        (
            "LLM_SHAPE_5",
            "Number of experts in the model must be greater than 0 when expert parallelism is enabled.",
            P4,
            SMALL,
            None,
            {"parallelism": Parallelism(tensor=2, expert=True)},
        ),
        (
            "LLM_FIT_24",
            "Weight-only FP4 compression will be used leveraging the Marlin kernel.",
            GpuPool(name="a10g", instance_types=["g5.12xlarge"], nodes=(0, 1)),
            Model(id="nvidia/Llama-3.3-70B-Instruct-FP4", revision="0" * 40),
            None,
            {},
        ),
    ],
    ids=("flag", "variable", "key-value heads", "experts", "fp4"),
)
def test_findings_quote_what_users_search_for(
    code: str, text: str, pool: GpuPool, model: Model, engine: VLLM | None, fields: dict[str, object]
) -> None:
    assert text in (findings_of(pool, model, engine, **fields)[code] or "")


@pytest.mark.parametrize("bounds", [(1, 3), (2, 2)])
def test_replicas_of_a_server_without_a_queue_do_not_scale_in_silence(bounds: tuple[int, int]) -> None:
    """Row 22: DeepSpeed-MII and LMI report no queue, so nothing would move between the bounds."""
    image = Image(repository="111122223333.dkr.ecr.us-east-1.amazonaws.com/mii", tag="0.3.3")
    model = Model(id="meta-llama/Llama-3.1-8B-Instruct")
    for engine in (DeepSpeedMII(image=image, max_model_len=4096), DJLServing(max_model_len=4096)):
        replicas = Autoscaling(min=bounds[0], max=bounds[1])
        served = Endpoint(name="a", model=model, engine=engine, on=L40S, replicas=replicas)
        bucket = ModelBucket(name="acme-weights")
        platform = Platform(name="p", region="us-east-1", pools=[L40S], storage=[bucket], endpoints=[served])
        found = {item.code for item in run_plan(plan_platform(platform, today=DAY))}
        assert ("LLM_SRV_80" in found) is (bounds[0] < bounds[1])


@pytest.mark.parametrize(
    ("variable", "value", "off"),
    [
        ("FI_PROVIDER", "tcp", True),
        ("FI_PROVIDER", "efa", False),
        ("NCCL_NET", "Socket", True),
        ("NCCL_NET", "AWS Libfabric", False),
        ("NCCL_NET_PLUGIN", "none", True),
    ],
)
def test_efa_is_not_left_by_a_variable(variable: str, value: str, *, off: bool) -> None:
    """Row 13, from the other side: the image has EFA, and the environment says TCP."""
    engine = VLLM(max_model_len=8192, env={variable: value})
    plan = planned(P5, Model(id="deepseek-ai/DeepSeek-R1-0528"), engine)
    assert plan.endpoints[0].nodes > 1
    assert ("LLM_DIST_20" in {item.code for item in run_plan(plan)}) is off


def test_metrics_are_not_switched_off_in_silence() -> None:
    """Rows 21 and 22: vLLM without statistics has no series at all."""
    engine = VLLM(max_model_len=4096, extra_args=("--disable-log-stats",))
    assert "LLM_FIT_42" in told(L40S, SMALL, engine)


def test_a_port_of_the_ranks_is_not_set_by_hand() -> None:
    """Row 8: it is no port of the API, and what Services would inject is what a user may set by mistake."""
    engine = VLLM(max_model_len=4096, env={"VLLM_PORT": "8000"})
    assert "LLM_FIT_42" in told(L40S, Model(id="Qwen/Qwen3-8B"), engine)


def test_sampler_warm_up_is_part_of_the_memory() -> None:
    """Row 2: more sequences need more memory before the first request."""
    from llminfra.catalog.models import load_model

    facts = load_model("meta-llama/Llama-3.1-8B-Instruct")
    assert facts is not None
    case = FitCase(model=facts.model_id, gpu="a10g", tensor_parallel=1, max_model_len=4096, engine_version="0.10.2")
    few = estimate(facts, case.model_copy(update={"max_num_seqs": 16})).activation_peak_gib or 0
    many = estimate(facts, case.model_copy(update={"max_num_seqs": 1024})).activation_peak_gib or 0
    assert many > few + 1


def test_cold_start_is_estimated_by_phases() -> None:
    """Row 11: the plan says what takes how long, and what would be faster."""
    startup = planned(L40S, Model(id="Qwen/Qwen3-32B")).endpoints[0].startup
    assert {phase.name for phase in startup.phases} >= {"node", "image", "weights", "compile", "graphs"}
    assert startup.budget_s >= startup.estimate_s - sum(
        phase.seconds for phase in startup.phases if phase.name in {"node", "image"}
    )
    assert {choice.kind for choice in startup.choices} >= {"hub", "bucket", "lustre", "ebs", "nvme"}
    assert sum(choice.chosen for choice in startup.choices) == 1


def test_caches_of_the_engine_are_writable_without_root() -> None:
    """Row 12: every cache has a place of its own, and the process is not root."""
    call = planned(L40S, Model(id="Qwen/Qwen3-8B")).endpoints[0].invocation
    assert call.run_as_user > 0
    assert {"HOME", "HF_HOME", "TRITON_CACHE_DIR", "VLLM_CACHE_ROOT"} <= set(call.cache_env)


def test_workers_of_a_group_are_probed() -> None:
    """Row 19: a headless rank answers no HTTP, and still restarts when its leader is gone."""
    plan = planned(P5, Model(id="deepseek-ai/DeepSeek-R1-0528"), VLLM(max_model_len=8192))
    (endpoint,) = plan.endpoints
    assert endpoint.nodes > 1
    assert endpoint.invocation.worker_probe is not None
    assert endpoint.invocation.worker_probe.command


def test_streaming_knows_region_and_memory() -> None:
    """Row 25."""
    endpoint = planned(L40S, Model(id="Qwen/Qwen3-8B")).endpoints[0]
    env = endpoint.invocation.env
    assert env["AWS_DEFAULT_REGION"] == "us-east-1"
    assert int(env["RUNAI_STREAMER_MEMORY_LIMIT"]) < endpoint.resources.memory_mib * 2**20


def test_a_lustre_of_the_right_size_is_found_as_a_choice() -> None:
    pool = L40S.model_copy(update={"zones": ("us-east-1a",)})
    platform = spec(pool, Model(id="Qwen/Qwen3-32B"))
    slow = Lustre(name="slow", capacity_gib=1200, throughput_mbps_per_tib=125, zone="us-east-1a")
    plan = plan_platform(Platform(**{**dict(platform), "storage": [slow], "pools": [pool]}), today=DAY)
    startup = plan.endpoints[0].startup
    chosen = next(choice for choice in startup.choices if choice.chosen)
    assert chosen.kind == "lustre"
    assert startup.choices[0].seconds < chosen.seconds
    assert any("instead of" in text for text in startup.advice)


def test_the_driver_of_the_pinned_image_takes_every_release() -> None:
    """Row 29: no combination that llminfra picks itself can be refused by the driver."""
    from llminfra.catalog.engines import engine_release, known_versions

    driver = eks.nvidia_driver()
    for version in known_versions("vllm"):
        release = engine_release("vllm", version)
        assert release is not None
        assert driver_problem(release.cuda_major, driver.version, driver.cuda_major) is None
