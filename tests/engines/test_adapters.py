import datetime as dt
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from llminfra import (
    TGI,
    VLLM,
    CustomMetrics,
    CustomServer,
    DeepSpeedMII,
    DJLServing,
    Ec2,
    Endpoint,
    GpuPool,
    HttpProbe,
    Image,
    Lustre,
    Model,
    ModelBucket,
    OnDemand,
    Parallelism,
    Platform,
    Secret,
    Severity,
    SGLang,
    SpecError,
    TensorRTLLM,
)
from llminfra.catalog.engines import engine_release
from llminfra.observability.signals import signals_of
from llminfra.planning import plan_platform
from llminfra.planning.plan.endpoint import EndpointPlan

DAY = dt.date(2026, 11, 23)
H100 = GpuPool(name="h100", instance_types=["p5.48xlarge"], nodes=(0, 4), efa=True, capacity=OnDemand())
OWN = Image(repository="acme/server", tag="v1")
KEYLESS = ("trtllm", "djl-lmi")
LLM_ENGINES = [
    VLLM(max_model_len=8192),
    SGLang(max_model_len=8192),
    TGI(max_model_len=8192),
    TensorRTLLM(max_model_len=8192, image=OWN),
    DeepSpeedMII(max_model_len=8192, image=OWN),
]


def plan(engine: Any, **options: Any) -> EndpointPlan:
    storage = options.pop("storage", (ModelBucket(name="acme-weights"),))
    model = options.pop("model", Model(id="Qwen/Qwen3-32B", token=Secret(name="acme/hf")))
    key = None if engine.kind in KEYLESS else Secret(name="acme/key")
    endpoint = Endpoint(name="a", model=model, engine=engine, on=H100, api_key=key, **options)
    spec = Platform(name="p", region="us-east-1", pools=[H100], storage=storage, endpoints=[endpoint])
    return plan_platform(spec, today=DAY).endpoints[0]


@pytest.mark.parametrize("engine", LLM_ENGINES, ids=lambda engine: engine.kind)
@pytest.mark.parametrize("storage", [(), (ModelBucket(name="acme-weights"),), (Lustre(name="w"),)], ids=len)
def test_every_emitted_flag_is_known_to_the_pinned_release(engine: Any, storage: Any) -> None:
    planned = plan(engine, storage=storage)
    release = engine_release(planned.engine, planned.engine_version)
    assert release is not None
    flags = [item for item in planned.invocation.args if item.startswith("--")]
    assert len(flags) >= 4
    assert [flag for flag in flags if not release.knows_flag(flag)] == []


@pytest.mark.parametrize("engine", LLM_ENGINES, ids=lambda engine: engine.kind)
def test_every_watched_metric_is_known_to_the_pinned_release(engine: Any) -> None:
    planned = plan(engine)
    release = engine_release(planned.engine, planned.engine_version)
    metrics = planned.invocation.metrics
    if planned.engine == "mii":
        assert metrics is None
        return
    assert release is not None
    assert metrics is not None
    names = [name for name in (metrics.waiting, metrics.running, metrics.kv_usage) if name]
    assert names
    assert [name for name in names if not release.knows_metric(name)] == []


@pytest.mark.parametrize("engine", LLM_ENGINES, ids=lambda engine: engine.kind)
def test_engine_listens_where_its_probes_look(engine: Any) -> None:
    invocation = plan(engine).invocation
    arguments = " ".join(invocation.args)
    assert f"port={invocation.port}" in arguments
    assert "0.0.0.0" in arguments
    assert {invocation.startup.port, invocation.readiness.port, invocation.liveness.port} == {invocation.port}


def test_engines_that_cannot_stream_see_the_bucket_as_files() -> None:
    assert plan(TGI(max_model_len=8192)).weights.kind == "mountpoint"
    assert plan(TGI(max_model_len=8192)).invocation.args[0].startswith("--model-id=/mnt/weights/models/Qwen/")
    assert plan(VLLM(max_model_len=8192)).weights.kind == "bucket"


def test_hub_token_only_where_the_engine_downloads() -> None:
    for engine in LLM_ENGINES:
        names = [item.name for item in plan(engine, storage=()).invocation.secret_env]
        assert "HF_TOKEN" in names
        assert "HF_TOKEN" not in [item.name for item in plan(engine).invocation.secret_env]


@pytest.mark.parametrize(
    ("engine", "told"),
    [
        (VLLM(max_model_len=8192), "VLLM_API_KEY"),
        (TGI(max_model_len=8192), "API_KEY"),
        (SGLang(max_model_len=8192), "--api-key=$(SGLANG_API_KEY)"),
        (DeepSpeedMII(max_model_len=8192, image=OWN), "--api-keys=$(MII_API_KEY)"),
    ],
    ids=lambda item: getattr(item, "kind", ""),
)
def test_every_engine_that_checks_a_key_is_told_it_by_reference(engine: Any, told: str) -> None:
    invocation = plan(engine).invocation
    variable = told.partition("$(")[2].rstrip(")") or told
    assert [item.secret_name for item in invocation.secret_env if item.name == variable] == ["acme/key"]
    assert told in (*invocation.args, variable)


@pytest.mark.parametrize(
    "engine", [TensorRTLLM(max_model_len=8192, image=OWN), DJLServing(max_model_len=8192)], ids=lambda item: item.kind
)
@pytest.mark.parametrize("on", ["pool", "ec2"])
@pytest.mark.parametrize("storage", [(), (ModelBucket(name="acme-weights"),)], ids=len)
def test_a_key_that_an_engine_never_asks_for_is_refused(engine: Any, on: str, storage: Any) -> None:
    key = Secret(name="acme/one-secret")  # one secret with both values: the token reaches the engine, the key does not
    model = Model(id="Qwen/Qwen3-8B", token=key)
    ec2 = Ec2(
        instance_type="g6e.2xlarge",
        domain_name="a.example.com",
        certificate_arn="arn:aws:acm:us-east-1:111122223333:certificate/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
    )
    where = H100 if on == "pool" else ec2
    endpoint = Endpoint(name="a", model=model, engine=engine, on=where, api_key=key)
    pools = [H100] if on == "pool" else []
    with pytest.raises(SpecError) as caught:
        plan_platform(Platform(name="p", region="us-east-1", pools=pools, storage=storage, endpoints=[endpoint]))
    (found,) = [item for item in caught.value.diagnostics if item.code == "LLM_SEC_42"]
    assert found.path == "endpoints.a.api_key"
    assert ("Gateway" in found.fix) == (on == "pool")


@pytest.mark.parametrize("storage", [(), (ModelBucket(name="acme-weights"),)], ids=len)
def test_mii_is_called_by_what_it_answers_to(storage: Any) -> None:
    planned = plan(DeepSpeedMII(max_model_len=8192, image=OWN), storage=storage)
    assert f"--model={planned.served_name}" in planned.invocation.args
    assert (planned.served_name == "Qwen/Qwen3-32B") == (not storage)


def test_a_name_that_mii_would_not_answer_to_is_refused() -> None:
    with pytest.raises(SpecError) as caught:
        plan(DeepSpeedMII(max_model_len=8192, image=OWN), served_name="chat")
    (found,) = [item for item in caught.value.diagnostics if item.severity is Severity.ERROR]
    assert (found.code, found.path) == ("LLM_FIT_44", "endpoints.a.served_name")


def test_tensorrt_llm_shows_its_time_series_unless_the_user_has_a_file_of_options(tmp_path: Path) -> None:
    invocation = plan(TensorRTLLM(max_model_len=8192, image=OWN)).invocation
    assert invocation.metrics is not None
    shell, dash, script, name = invocation.command
    server = tmp_path / "trtllm-serve"
    server.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n', encoding="utf-8")
    server.chmod(0o755)
    script = script.replace("/tmp/", f"{tmp_path}/")
    path = f"{tmp_path}:/usr/bin:/bin"
    done = subprocess.run(
        [shell, dash, script, name, *invocation.args], env={"PATH": path}, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [
        "serve",
        *invocation.args,
        f"--extra_llm_api_options={tmp_path}/llminfra.yaml",
    ]
    options = yaml.safe_load((tmp_path / "llminfra.yaml").read_text(encoding="utf-8"))
    assert options == {"return_perf_metrics": True, "enable_iter_perf_stats": True}
    own = plan(TensorRTLLM(max_model_len=8192, image=OWN, extra_args=["--extra_llm_api_options=/etc/own.yaml"]))
    assert own.invocation.command == ("trtllm-serve", "serve")


@pytest.mark.parametrize(
    ("tag", "shown", "waiting"),
    [("1.0.0", False, False), ("1.1.0rc5", True, False), ("1.2.1", True, False), ("1.3.0rc24", True, True)],
)
def test_tensorrt_llm_is_told_and_read_as_its_release_can(tag: str, *, shown: bool, waiting: bool) -> None:
    image = Image(repository="nvcr.io/nvidia/tensorrt-llm/release", tag=tag)
    planned = plan(TensorRTLLM(max_model_len=8192, image=image))
    metrics = planned.invocation.metrics
    assert (planned.invocation.command[0] == "sh", metrics is not None) == (shown, shown)
    assert bool(metrics and metrics.waiting and metrics.kv_usage) == waiting
    assert ("requests_waiting" in signals_of(planned)) == waiting


def test_sglang_health_check_waits_for_a_generation() -> None:
    invocation = plan(SGLang(max_model_len=8192)).invocation
    assert invocation.liveness.timeout_s >= 25
    assert invocation.startup.timeout_s >= 25
    assert "--enable-metrics" in invocation.args
    assert "--api-key=$(SGLANG_API_KEY)" in invocation.args


@pytest.mark.parametrize(
    ("version", "path", "timeout_s"),
    [("0.5.2", "/health", 25), ("0.5.17", "/health", 25), ("0.5.19", "/health", 25), ("0.5.20", "/ready", 5)],
)
def test_sglang_is_asked_for_readiness_where_its_release_answers(version: str, path: str, timeout_s: int) -> None:
    invocation = plan(SGLang(max_model_len=8192, version=version)).invocation
    assert (invocation.readiness.path, invocation.readiness.timeout_s) == (path, timeout_s)


def test_sglang_over_two_nodes() -> None:
    planned = plan(SGLang(max_model_len=8192), model=Model(id="meta-llama/Llama-3.1-405B-Instruct"))
    assert planned.nodes == 2
    assert "--dist-init-addr=$(LWS_LEADER_ADDRESS):20000" in planned.invocation.args
    assert "--node-rank=$(LWS_WORKER_INDEX)" in planned.invocation.worker_args
    assert "deep-learning-containers/sglang" in planned.invocation.image_repository


@pytest.mark.parametrize("engine", [TGI(max_model_len=8192), DJLServing(max_model_len=8192)], ids=["tgi", "djl"])
def test_engines_of_one_node_refuse_two(engine: Any) -> None:
    with pytest.raises(SpecError) as caught:
        plan(engine, parallelism=Parallelism(tensor=8, pipeline=2))
    assert "LLM_FIT_16" in [item.code for item in caught.value.diagnostics if item.severity == "error"]


@pytest.mark.parametrize(("engine", "word"), [(TGI(), "maintenance"), (DeepSpeedMII(image=OWN), "no release")])
def test_engines_without_a_future_warn(engine: Any, word: str) -> None:
    endpoint = Endpoint(name="a", model=Model(id="Qwen/Qwen3-32B"), engine=engine, on=H100)
    spec = Platform(name="p", region="us-east-1", pools=[H100], endpoints=[endpoint])
    warnings = [item for item in plan_platform(spec, today=DAY).diagnostics if item.code == "LLM_SRV_20"]
    assert len(warnings) == 1
    assert word in warnings[0].message


def test_tgi_shares_no_prompts_where_the_spec_says_so() -> None:
    assert "PREFIX_CACHING" not in plan(TGI(max_model_len=8192)).invocation.env
    assert plan(TGI(max_model_len=8192, prefix_caching=False)).invocation.env["PREFIX_CACHING"] == "0"


def test_djl_hands_vllm_what_the_plan_counts_with() -> None:
    plain = plan(DJLServing(max_model_len=8192)).invocation.env
    set_up = plan(
        DJLServing(
            max_model_len=8192,
            max_num_batched_tokens=4096,
            kv_cache_dtype="fp8",
            prefix_caching=False,
            enforce_eager=True,
        )
    ).invocation.env
    assert {name: value for name, value in set_up.items() if plain.get(name) != value} == {
        "OPTION_MAX_ROLLING_BATCH_PREFILL_TOKENS": "4096",
        "OPTION_KV_CACHE_DTYPE": "fp8",
        "OPTION_ENABLE_PREFIX_CACHING": "false",
        "OPTION_ENFORCE_EAGER": "true",
    }


def test_djl_takes_environment_and_the_registry_of_its_region() -> None:
    invocation = plan(DJLServing(max_model_len=8192)).invocation
    assert invocation.env["OPTION_MAX_MODEL_LEN"] == "8192"
    assert invocation.env["HF_MODEL_ID"].startswith("s3://acme-weights/")
    assert invocation.env["OPTION_SERVED_MODEL_NAME"] == "Qwen/Qwen3-32B"
    assert plan(DJLServing(), served_name="chat").invocation.env["OPTION_SERVED_MODEL_NAME"] == "chat"
    assert invocation.image_repository.endswith(".dkr.ecr.us-east-1.amazonaws.com/djl-inference")


def test_custom_server_gets_its_placeholders_and_no_promise() -> None:
    server = CustomServer(
        image=OWN,
        command=["serve"],
        args=["--model={model}", '--extra={"port": {port}}', "--gpus={gpus}"],
        port=9000,
        ready=HttpProbe(path="/ready"),
        live=HttpProbe(path="/live", timeout_s=9),
        metrics=CustomMetrics(waiting="queue_length"),
        drain_s=30,
    )
    planned = plan(server, parallelism=Parallelism(tensor=4))
    invocation = planned.invocation
    assert invocation.args[0].startswith("--model=/mnt/weights/models/Qwen/Qwen3-32B")
    assert invocation.args[1:] == ('--extra={"port": 9000}', "--gpus=4")
    assert invocation.readiness.path == "/ready"
    assert invocation.liveness.timeout_s == 9
    assert planned.resources.gpus == 4
    assert planned.drain.engine_s == 30


def test_moving_tags_are_refused() -> None:
    with pytest.raises(SpecError) as caught:
        Image(repository="vllm/vllm-openai", tag="latest")
    assert "latest" in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "flag"),
    [
        ({}, None),
        ({"language_model_only": True}, "--language-model-only"),
        ({"limit_mm_per_prompt": {"image": 2, "video": 0}}, '--limit-mm-per-prompt={"image": 2, "video": 0}'),
        (
            {"language_model_only": True, "version": "0.15.1"},
            '--limit-mm-per-prompt={"image": 0, "video": 0, "audio": 0, "vision_chunk": 0}',
        ),
    ],
)
def test_limits_of_images_become_the_flag_that_the_release_knows(fields: dict[str, Any], flag: str | None) -> None:
    planned = plan(VLLM(max_model_len=8192, **fields), model=Model(id="Qwen/Qwen2.5-VL-7B-Instruct"))
    release = engine_release("vllm", planned.engine_version)
    given = [item for item in planned.invocation.args if "mm-per-prompt" in item or "language-model" in item]
    assert given == ([] if flag is None else [flag])
    assert release is not None
    assert all(release.knows_flag(item) for item in given)
