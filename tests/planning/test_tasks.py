"""Endpoints that embed, rerank, classify or transcribe: what is refused, what vLLM is told, what callers read."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from llminfra import (
    VLLM,
    AsyncEndpoint,
    Autoscaling,
    Diagnostic,
    Disaggregation,
    Ec2,
    Endpoint,
    Gateway,
    GpuPool,
    Image,
    LoraAdapter,
    Model,
    ModelBucket,
    OnDemand,
    Parallelism,
    Platform,
    SageMaker,
    Secret,
    SGLang,
    Slo,
    SpecError,
    TimeSlicing,
)
from llminfra.catalog.engines import engine_release
from llminfra.catalog.models import catalog_config
from llminfra.observability.rules import rule_groups
from llminfra.observability.signals import signals_of
from llminfra.planning import plan_platform
from llminfra.planning.endpoints.contract import contract, gateway_contract
from llminfra.planning.memory import FitCase, fit_case
from llminfra.planning.plan import Plan
from llminfra.rules import run_plan

DAY = dt.date(2026, 11, 23)
L4 = GpuPool(name="l4", instance_types=["g6.12xlarge"], nodes=(1, 4))
H100 = GpuPool(name="h100", instance_types=["p5.48xlarge"], nodes=(0, 4), efa=True, capacity=OnDemand())
BUCKET = ModelBucket(name="acme-weights")
SOUND = Image(repository="acme/vllm-audio", tag="v1", audio=True)
ARCTIC = "Snowflake/snowflake-arctic-embed-l-v2.0"
CERTIFICATE = "arn:aws:acm:us-east-1:111122223333:certificate/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def plan(model: str | Model, engine: Any = None, **fields: Any) -> Plan:
    own = {key: fields.pop(key) for key in ("trust_remote_code",) if key in fields}
    on = fields.pop("on", L4)
    gateways = fields.pop("behind", None)
    served = model if isinstance(model, Model) else Model(id=model, **own)
    item = Endpoint(name="e", model=served, engine=engine or VLLM(), on=on, **fields)
    spec = Platform(
        name="p",
        region="us-east-1",
        pools=[L4, H100],
        storage=[BUCKET],
        endpoints=[item],
        gateways=[Gateway(name="g", endpoints=[item], exposure="cluster", **gateways)] if gateways is not None else (),
    )
    return plan_platform(spec, today=DAY)


def found(model: str | Model, engine: Any = None, **fields: Any) -> dict[str, Diagnostic]:
    try:
        planned = plan(model, engine, **fields)
    except SpecError as error:
        return {item.code: item for item in error.diagnostics}
    return {item.code: item for item in planned.diagnostics}


def told(model: str, version: str, **fields: Any) -> list[str]:
    """Arguments about the task."""
    args = plan(model, VLLM(version=version, **fields.pop("settings", {})), **fields).endpoints[0].invocation.args
    return [item for item in args if item.startswith(("--task", "--runner", "--convert", "--hf-overrides"))]


@pytest.mark.parametrize(
    ("model", "version", "wanted"),
    [
        (ARCTIC, "0.27.1", ["--runner=pooling"]),
        (ARCTIC, "0.10.0", ["--task=embed"]),
        ("BAAI/bge-reranker-v2-m3", "0.10.0", ["--task=score"]),
        ("BAAI/bge-reranker-v2-m3", "0.33.0", ["--runner=pooling"]),
        ("Qwen/Qwen3-Embedding-0.6B", "0.10.1", ["--runner=pooling", "--convert=embed"]),
        ("Qwen/Qwen3-8B", "0.27.1", []),
    ],
)
def test_what_a_release_is_told(model: str, version: str, wanted: list[str]) -> None:
    assert told(model, version, settings={"max_model_len": 512}) == wanted


def test_a_decoder_embeds_where_that_is_asked() -> None:
    args = told("Qwen/Qwen3-8B", "0.27.1", settings={"max_model_len": 4096}, task="embed")
    assert args == ["--runner=pooling", "--convert=embed"]


def test_a_reranking_decoder_is_read_by_two_words() -> None:
    runner, convert, overrides = told("Qwen/Qwen3-Reranker-0.6B", "0.27.1", settings={"max_model_len": 8192})
    assert (runner, convert) == ("--runner=pooling", "--convert=classify")
    assert json.loads(overrides.partition("=")[2]) == {
        "architectures": ["Qwen3ForSequenceClassification"],
        "classifier_from_token": ["no", "yes"],
        "is_original_qwen3_reranker": True,
    }


@pytest.mark.parametrize("version", ["0.8.5", "0.9.2", "0.10.1", "0.12.0", "0.27.1", "0.33.0"])
@pytest.mark.parametrize("model", [ARCTIC, "BAAI/bge-reranker-base", "Qwen/Qwen3-Embedding-0.6B"])
def test_every_argument_is_known_to_the_release(model: str, version: str) -> None:
    release = engine_release("vllm", version)
    args = plan(model, VLLM(version=version, max_model_len=512)).endpoints[0].invocation.args
    assert [item for item in args if item.startswith("--") and not release.knows_flag(item)] == []


REFUSED: list[tuple[str, str, Any, dict[str, Any], str]] = [
    ("LLM_TASK_1", ARCTIC, SGLang(), {}, "engine"),
    ("LLM_TASK_2", ARCTIC, VLLM(), {"task": "generate"}, "task"),
    ("LLM_TASK_2", "Qwen/Qwen3-8B", VLLM(), {"task": "rerank"}, "task"),
    ("LLM_TASK_2", "BAAI/bge-reranker-base", VLLM(), {"task": "embed"}, "task"),
    ("LLM_TASK_3", "google/embeddinggemma-300m", VLLM(version="0.10.0"), {}, "engine.version"),
    ("LLM_TASK_3", "Qwen/Qwen3-Reranker-0.6B", VLLM(version="0.9.1", max_model_len=512), {}, "engine.version"),
    (
        "LLM_TASK_4",
        "Qwen/Qwen3-Embedding-0.6B",
        VLLM(max_model_len=512, extra_args=['--speculative-config={"method": "ngram"}']),
        {},
        "engine.extra_args[0]",
    ),
    (
        "LLM_TASK_4",
        ARCTIC,
        VLLM(extra_args=["--enable-auto-tool-choice"]),
        {},
        "engine.extra_args[0]",
    ),
    ("LLM_TASK_6", ARCTIC, VLLM(), {"adapters": [LoraAdapter(name="x", bucket=BUCKET, key="x", rank=8)]},
     "adapters"),
    ("LLM_TASK_7", "Qwen/Qwen3-Embedding-0.6B", VLLM(), {"on": H100, "disaggregation": Disaggregation()},
     "disaggregation"),
    ("LLM_TASK_9", ARCTIC, VLLM(), {"slo": Slo(time_per_output_token_ms=10)}, "slo.time_per_output_token_ms"),
    ("LLM_TASK_10", ARCTIC, VLLM(max_num_batched_tokens=4096), {}, "engine.max_num_batched_tokens"),
    ("LLM_FIT_43", ARCTIC, VLLM(version="0.10.2", max_model_len=128), {}, "engine.max_num_seqs"),
    ("LLM_TASK_11", "openai/whisper-large-v3-turbo", VLLM(), {}, "engine.image"),
    ("LLM_TASK_13", "openai/whisper-large-v3-turbo", VLLM(image=SOUND),
     {"on": SageMaker(instance_type="ml.g6.xlarge")}, "on"),
    ("LLM_TASK_14", "Alibaba-NLP/gte-large-en-v1.5", VLLM(), {}, "model.trust_remote_code"),
    ("LLM_TASK_15", "Alibaba-NLP/gte-large-en-v1.5", VLLM(), {"trust_remote_code": True}, "model.id"),
    ("LLM_TASK_18", "BAAI/bge-m3", VLLM(), {}, "model.id"),
    ("LLM_FIT_4", "BAAI/bge-large-en-v1.5", VLLM(max_model_len=1024), {}, "engine.max_model_len"),
    ("LLM_SHAPE_8", "Alibaba-NLP/gte-modernbert-base", VLLM(), {"parallelism": Parallelism(tensor=2)}, "parallelism"),
    ("LLM_DIST_1", ARCTIC, VLLM(), {"parallelism": Parallelism(pipeline=2)}, "parallelism.pipeline"),
    ("LLM_FIT_42", ARCTIC, VLLM(extra_args=["--convert=embed"]), {}, "engine.extra_args[0]"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "model", "engine", "fields", "path"), REFUSED)
def test_what_cannot_work_is_an_error_at_its_field(
    code: str, model: str, engine: Any, fields: dict[str, Any], path: str
) -> None:
    item = found(model, engine, **fields)[code]
    assert item.severity == "error"
    assert item.path == f"endpoints.e.{path}"
    assert item.fix
    assert item.expected


def test_a_key_does_not_cover_a_path_of_its_own(tmp_path: Path) -> None:
    config = catalog_config("BAAI/bge-reranker-base") | {"id2label": {"0": "spam", "1": "ham", "2": "eggs"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    own, key = Model(id="acme/spam", config=str(tmp_path / "config.json"), revision=COMMIT), Secret(name="acme/key")
    assert found(own, api_key=key)["LLM_TASK_12"].found == "/classify"
    assert "LLM_TASK_12" not in found("BAAI/bge-reranker-v2-m3", api_key=key)


def test_settings_of_a_cache_are_named_where_there_is_none() -> None:
    assert found(ARCTIC, VLLM(kv_cache_dtype="fp8"))["LLM_TASK_5"].severity == "warning"


def test_a_gateway_tells_embeddings_by_model_and_scores_by_path() -> None:
    (by_model,) = plan(ARCTIC, behind={}).gateways[0].routes
    assert (by_model.models, by_model.paths) == ((ARCTIC,), ())
    planned = plan("BAAI/bge-reranker-v2-m3", behind={})
    (by_path,) = planned.gateways[0].routes
    assert by_path.models == ()
    assert by_path.led_by == ("/endpoints/e/v1/rerank", "/endpoints/e/v1/score")
    told_ = json.loads(contract(planned.endpoints[0], planned).as_json())
    assert told_["address"] == f"{planned.gateways[0].url}/endpoints/e/v1"
    of_gateway = json.loads(gateway_contract(planned.gateways[0], planned))
    assert of_gateway["paths"] == {"e": [f"{planned.gateways[0].url}{path}" for path in by_path.led_by]}
    assert "paths" not in json.loads(gateway_contract(plan(ARCTIC, behind={}).gateways[0], planned))


def test_a_gateway_takes_neither_sound_nor_keys_along_paths() -> None:
    keyed = found("BAAI/bge-reranker-v2-m3", behind={}, api_key=Secret(name="acme/key"))["LLM_TASK_16"]
    assert keyed.path == "gateways.g.endpoints.e"
    assert "api_key" in keyed.fix
    assert "take the endpoint out" in found("openai/whisper-large-v3", VLLM(image=SOUND), behind={})["LLM_TASK_16"].fix


def test_callers_read_task_and_paths_in_the_contract() -> None:
    told_: dict[str, Any] = {}
    for model in (ARCTIC, "BAAI/bge-reranker-v2-m3", "Qwen/Qwen3-8B"):
        planned = plan(model)
        told_[model] = json.loads(contract(planned.endpoints[0], planned).as_json())
    assert told_[ARCTIC]["paths"] == ["/v1/embeddings"]
    assert told_["BAAI/bge-reranker-v2-m3"]["task"] == "rerank"
    assert told_["BAAI/bge-reranker-v2-m3"]["paths"] == ["/v1/rerank", "/v1/score"]
    assert "task" not in told_["Qwen/Qwen3-8B"]


def test_the_same_contract_on_ec2_and_sagemaker() -> None:
    on = Ec2(
        instance_type="g6.xlarge",
        domain_name="embed.acme.com",
        certificate_arn=CERTIFICATE,
    )
    machine = plan(ARCTIC, on=on)
    assert json.loads(contract(machine.ec2[0], machine).as_json())["paths"] == ["/v1/embeddings"]
    hosted = plan(ARCTIC, on=SageMaker(instance_type="ml.g6.xlarge"))
    item = hosted.sagemaker[0]
    assert item.environment["SM_VLLM_RUNNER"] == "pooling"
    assert json.loads(contract(item, hosted).as_json())["task"] == "embed"


def test_alerts_and_records_leave_out_what_an_encoder_never_says() -> None:
    planned = plan(ARCTIC, replicas=Autoscaling(min=1, max=2), slo=Slo(time_to_first_token_ms=500))
    signals = signals_of(planned.endpoints[0])
    assert {"requests_waiting", "requests_running", "prompt_tokens", "request_latency_seconds"} <= set(signals)
    assert not {"kv_cache_usage", "preemptions", "inter_token_latency_seconds", "generation_tokens"} & set(signals)
    group = next(item for item in rule_groups(planned, scaled={"e"}) if item.name == "llm-endpoint-e")
    alerts = {item.alert for item in group.alerts}
    assert "LlmTimeToFirstTokenSlow" in alerts
    assert not {"LlmKvCacheFull", "LlmPreemptions", "LlmTokensSlow"} & alerts
    assert planned.endpoints[0].invocation.metrics.kv_usage is None


def test_an_embedding_decoder_has_a_cache_to_watch() -> None:
    signals = signals_of(plan("Qwen/Qwen3-Embedding-0.6B", VLLM(max_model_len=8192)).endpoints[0])
    assert "kv_cache_usage" in signals
    assert "inter_token_latency_seconds" not in signals


def test_answers_come_whole_and_inputs_are_priced() -> None:
    item = plan(ARCTIC, concurrency=8).endpoints[0]
    speed = item.performance
    assert speed.whole
    assert speed.tpot_ms == 0
    assert speed.load.output_tokens == 0
    assert speed.full.input_tokens_per_s == pytest.approx(speed.input_tokens_per_s, rel=0.2)
    hour = item.usd_per_replica_hour
    assert item.usd_per_million_tokens == pytest.approx(hour / 3600 / speed.full.input_tokens_per_s * 1e6)


def test_whisper_is_planned_in_seconds_of_sound() -> None:
    planned = plan("openai/whisper-large-v3-turbo", VLLM(image=SOUND))
    item = planned.endpoints[0]
    assert item.performance.load.heard_s == 30
    assert item.performance.full.sound_s_per_s > 100
    assert item.performance.usd_per_hour_of_sound(1.0) == pytest.approx(1 / item.performance.full.sound_s_per_s)
    assert not [arg for arg in item.invocation.args if arg.startswith(("--runner", "--task"))]
    told_ = json.loads(contract(item, planned).as_json())
    assert told_["paths"][0] == "/v1/audio/transcriptions"
    old = plan("openai/whisper-large-v3-turbo", VLLM(image=SOUND, version="0.10.0")).endpoints[0]
    assert "--task=transcription" in old.invocation.args


def test_the_longest_input_stands_beside_the_config(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(catalog_config("BAAI/bge-large-en-v1.5")))
    (tmp_path / "sentence_bert_config.json").write_text('{"max_seq_length": 256, "do_lower_case": true}')
    own = Model(id="acme/bge", config=str(tmp_path / "config.json"), revision=COMMIT)
    assert plan(own).endpoints[0].fit.max_model_len == 256
    assert found(own, VLLM(max_model_len=512))["LLM_FIT_4"].expected == "at most 256"


def test_several_encoders_take_turns_on_one_gpu() -> None:
    turns = GpuPool(
        name="turns", instance_types=["g6.xlarge"], nodes=(0, 1), sharing=TimeSlicing(replicas=4, tenants=["labs"])
    )
    models = ("Snowflake/snowflake-arctic-embed-l-v2.0", "BAAI/bge-reranker-v2-m3", "BAAI/bge-small-en-v1.5")
    endpoints = [
        Endpoint(name=f"e{index}", model=Model(id=model), engine=VLLM(), on=turns) for index, model in enumerate(models)
    ]
    spec = Platform(name="p", region="us-east-1", pools=[turns], storage=[BUCKET], endpoints=endpoints)
    planned = plan_platform(spec, today=DAY)
    assert [item.fit.fits for item in planned.endpoints] == [True] * 3
    assert all(item.fit.gpu_memory_utilization < 0.3 for item in planned.endpoints)
    assert "LLM_FIT_10" not in {item.code for item in planned.diagnostics}


def test_an_encoder_that_outgrows_its_share_is_tight() -> None:
    case = FitCase(model="BAAI/bge-m3", gpu="l4-24gb", gpu_memory_utilization=0.05, max_num_seqs=64)
    fit = fit_case(case)
    assert fit.fits
    assert fit.tight


@pytest.mark.parametrize("model", ["openai/whisper-large-v3", "Qwen/Qwen3-8B"])
def test_a_queue_takes_recordings(model: str) -> None:
    """They are larger than what is sent as JSON, so that a pod holds fewer."""
    hears = "whisper" in model
    pool = GpuPool(name="l4", instance_types=["g6.xlarge"], nodes=(0, 2))
    engine = VLLM(image=SOUND) if hears else VLLM(max_model_len=8192)
    rest = Autoscaling(min=0, max=1, cooldown_s=1800)
    speech = Endpoint(
        name="e", model=Model(id=model, quantization=None if hears else "fp8"), engine=engine, on=pool, replicas=rest
    )
    plan = plan_platform(
        Platform(
            name="p", region="us-east-1", pools=[pool], storage=[BUCKET], endpoints=[speech],
            async_endpoints=[AsyncEndpoint(name="q", behind=speech, max_concurrency=8)],
        ),
        today=DAY,
    )  # fmt: skip
    (queue,) = plan.async_endpoints
    assert queue.workers is not None
    assert (queue.max_body_mib, queue.workers.most, queue.workers.concurrency) == (
        (25, 2, 4) if hears else (None, 1, 8)
    )
    found = {item.code for item in run_plan(plan)}
    assert not found & {"LLM_TASK_17", "LLM_SRV_69"}
