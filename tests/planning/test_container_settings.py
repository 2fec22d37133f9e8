"""What a user adds to a container: secrets, names and overrules are findings of the plan, not tracebacks later."""

import pytest

from llminfra import (
    TGI,
    VLLM,
    CustomServer,
    DeepSpeedMII,
    Diagnostic,
    DJLServing,
    Endpoint,
    GpuPool,
    Image,
    Model,
    Platform,
    Secret,
    SGLang,
    SpecError,
    TensorRTLLM,
)
from llminfra.charts.secrets_guard import literal_secrets
from llminfra.engines.decided import field_of_flag, flag_name
from llminfra.planning import plan_platform
from llminfra.spec.base.spec import Spec

L4 = GpuPool(name="l4", instance_types=["g6.12xlarge"], nodes=(1, 4))
OWN = Image(repository="acme/server", tag="v1")
TOKEN = "hf_" + "abcdEFGH1234ijklMNOP5678"


def found(engine: Spec, **fields: object) -> list[Diagnostic]:
    endpoint = Endpoint(name="chat", model=Model(id="Qwen/Qwen3-8B"), engine=engine, on=L4, **fields)
    try:
        plan_platform(Platform(name="x", region="us-east-1", pools=[L4], endpoints=[endpoint]))
    except SpecError as error:
        return [item for item in error.diagnostics if item.severity == "error"]
    return []


@pytest.mark.parametrize(
    ("env", "path", "fix"),
    [
        ({"HF_TOKEN": TOKEN}, "env.HF_TOKEN", "Model(token="),
        ({"GREETING": TOKEN}, "env.GREETING", "Secret("),
        ({"MY_PASSWORD": "correct-horse"}, "env.MY_PASSWORD", "Secret("),
        ({"AWS_SECRET_ACCESS_KEY": "abc"}, "env.AWS_SECRET_ACCESS_KEY", "role of their own"),
        ({"ACME_API_KEY": "abc"}, "env.ACME_API_KEY", "Endpoint(api_key="),
    ],
)
@pytest.mark.parametrize("kind", [VLLM, CustomServer])
def test_a_secret_in_the_environment_is_named_and_not_shown(
    kind: type[Spec], env: dict[str, str], path: str, fix: str
) -> None:
    engine = kind(env=env, **({"image": OWN} if kind is CustomServer else {"max_model_len": 8192}))
    (item,) = found(engine)
    assert (item.code, item.path) == ("LLM_SEC_1", f"endpoints.chat.engine.{path}")
    assert item.file == __file__
    assert item.line
    assert fix in item.fix
    assert not any(value in str(item) for value in env.values())


def test_a_name_that_no_shell_accepts() -> None:
    (item,) = found(VLLM(max_model_len=8192, env={"bad name=": "x"}))
    assert (item.code, item.path, item.found) == ("LLM_SPEC_1", "endpoints.chat.engine.env", "'bad name='")


@pytest.mark.parametrize("args", [["--api-key=sesame-open"], ["--api-key", "sesame-open"], ["--hf-token=" + TOKEN]])
def test_a_secret_on_the_command_line(args: list[str]) -> None:
    (item,) = found(VLLM(max_model_len=8192, extra_args=args))
    assert (item.code, item.path) == ("LLM_SEC_1", "endpoints.chat.engine.extra_args[0]")
    assert "sesame" not in str(item)
    assert TOKEN not in str(item)


def test_a_secret_in_the_arguments_of_an_own_server() -> None:
    (item,) = found(CustomServer(image=OWN, args=["--serve", f"--upstream={TOKEN}"]))
    assert (item.code, item.path) == ("LLM_SEC_1", "endpoints.chat.engine.args[1]")


def test_a_variable_that_the_chart_fills_from_a_secret_is_no_literal() -> None:
    """SGLang takes its key as a flag only."""
    assert literal_secrets({}, ["--api-key=$(SGLANG_API_KEY)"]) == []
    assert literal_secrets({}, ["--api-key=sesame"])
    assert found(SGLang(max_model_len=8192), api_key=Secret(name="acme/key")) == []


@pytest.mark.parametrize(
    ("engine", "fields"),
    [
        (VLLM(max_model_len=8192, extra_args=["--max-model-len", "200000"]), ["VLLM(max_model_len=…)"]),
        (VLLM(max_model_len=8192, extra_args=["--max_model_len=200000"]), ["VLLM(max_model_len=…)"]),
        (VLLM(max_model_len=8192, extra_args=["-tp", "4"]), ["Endpoint(parallelism=Parallelism(tensor=…))"]),
        (
            VLLM(max_model_len=8192, extra_args=["--tensor-parallel-size=4"]),
            ["Endpoint(parallelism=Parallelism(tensor=…))"],
        ),
        (VLLM(max_model_len=8192, extra_args=["--gpu-memory-utilization=0.5"]), ["VLLM(gpu_memory_utilization=…)"]),
        (VLLM(max_model_len=8192, extra_args=["--kv-cache-memory-bytes=1"]), ["VLLM(gpu_memory_utilization=…)"]),
        (
            VLLM(max_model_len=8192, extra_args=["-q", "fp8", "--kv-cache-dtype", "fp8"]),
            ["Model(quantization=…)", "VLLM(kv_cache_dtype=…)"],
        ),
        (VLLM(max_model_len=8192, extra_args=["--no-enable-prefix-caching"]), ["VLLM(prefix_caching=…)"]),
        (VLLM(max_model_len=8192, extra_args=["--trust-remote-code"]), ["Model(trust_remote_code=True)"]),
        (VLLM(max_model_len=8192, extra_args=["--port=9000"]), ["nothing"]),
        (SGLang(max_model_len=8192, extra_args=["--context-length=9"]), ["SGLang(max_model_len=…)"]),
        (SGLang(max_model_len=8192, extra_args=["--tp", "4"]), ["Endpoint(parallelism=Parallelism(tensor=…))"]),
        (SGLang(max_model_len=8192, extra_args=["--mem-frac=0.4"]), ["SGLang(gpu_memory_utilization=…)"]),
        (TGI(max_model_len=8192, extra_args=["--max-total-tokens=9"]), ["TGI(max_model_len=…)"]),
        (TGI(max_model_len=8192, extra_args=["-p", "9000"]), ["nothing"]),
        (
            TensorRTLLM(max_model_len=8192, image=OWN, extra_args=["--max_seq_len=9"]),
            ["TensorRTLLM(max_model_len=…)"],
        ),
        (
            DeepSpeedMII(max_model_len=8192, image=OWN, extra_args=["--tensor-parallel=4"]),
            ["Endpoint(parallelism=Parallelism(tensor=…))"],
        ),
        (DJLServing(max_model_len=8192, env={"OPTION_MAX_MODEL_LEN": "9"}), ["DJLServing(max_model_len=…)"]),
        (VLLM(max_model_len=8192, env={"SM_VLLM_KV_CACHE_DTYPE": "fp8"}), ["VLLM(kv_cache_dtype=…)"]),
        (TGI(max_model_len=8192, env={"QUANTIZE": "fp8"}), ["Model(quantization=…)"]),
        (VLLM(max_model_len=8192, env={"HF_HOME": "/data"}), ["nothing"]),
    ],
)
def test_an_argument_may_not_overrule_the_plan(engine: Spec, fields: list[str]) -> None:
    items = found(engine)
    assert [item.code for item in items] == ["LLM_FIT_42"] * len(fields)
    assert [item.expected for item in items] == fields


def test_other_arguments_are_free() -> None:
    free = ["--async-scheduling", "--disable-access-log-for-endpoints=/v1", "--seed", "7", "--no-enable-log-requests"]
    assert found(VLLM(max_model_len=8192, extra_args=free, env={"VLLM_LOGGING_LEVEL": "DEBUG"})) == []


def test_values_are_no_flags_and_spellings_are_one() -> None:
    assert flag_name("vllm", "200000", None) is None
    assert flag_name("vllm", "--no-enforce_eager", None) == "--enforce-eager"
    assert flag_name("vllm", "--kv-transfer-config.kv_role=x", None) == "--kv-transfer-config"
    assert field_of_flag("custom", "--port") is None


def test_a_step_smaller_than_the_batch_is_refused_as_vllm_would() -> None:
    (item,) = found(VLLM(max_model_len=8192, max_num_batched_tokens=1))
    assert item.code == "LLM_FIT_43"
    assert item.path == "endpoints.chat.engine.max_num_batched_tokens"
    assert item.runtime_message == "max_num_batched_tokens (1) must be greater than or equal to max_num_seqs (256)."
    assert found(VLLM(max_model_len=8192, max_num_batched_tokens=512, max_num_seqs=512)) == []


def test_a_batch_larger_than_the_default_step_is_refused_as_vllm_would() -> None:
    (item,) = found(VLLM(max_model_len=8192, max_num_seqs=4096))
    assert (item.code, item.path) == ("LLM_FIT_43", "endpoints.chat.engine.max_num_seqs")
    assert item.runtime_message == "max_num_batched_tokens (2048) must be greater than or equal to max_num_seqs (4096)."
    assert found(VLLM(max_model_len=8192, max_num_seqs=512)) == []


@pytest.mark.parametrize(
    ("engine", "fields"),
    [
        (TGI(max_model_len=8192, prefix_caching=False, enforce_eager=True), []),
        (
            TensorRTLLM(image=OWN, max_model_len=8192, kv_cache_dtype="fp8", enforce_eager=True),
            ["kv_cache_dtype", "enforce_eager"],
        ),
        (TensorRTLLM(image=OWN, max_model_len=8192, max_num_batched_tokens=8192), []),
        (
            DeepSpeedMII(image=OWN, max_model_len=8192, max_num_seqs=8),
            ["max_num_seqs"],
        ),
        (VLLM(max_model_len=8192, kv_cache_dtype="fp8", prefix_caching=False, enforce_eager=True), []),
    ],
)
def test_a_setting_that_the_server_cannot_be_told_is_refused(engine: Spec, fields: list[str]) -> None:
    items = [item for item in found(engine) if item.code == "LLM_FIT_44"]
    assert [item.path.rpartition(".")[2] for item in items] == fields
