"""What TGI, TensorRT-LLM and DJL Serving refuse beside memory, and what they do not."""

import datetime as dt
from typing import Any

import pytest

from llminfra import (
    TGI,
    DeepSpeedMII,
    DJLServing,
    Endpoint,
    GpuPool,
    Image,
    Model,
    ModelBucket,
    OnDemand,
    Parallelism,
    Platform,
    SageMaker,
    SpecError,
    TensorRTLLM,
)
from llminfra.catalog.engines import engine_release, inner_release, known_versions
from llminfra.catalog.model_code import missing_code
from llminfra.catalog.models import known_models, load_model
from llminfra.catalog.tgi_models import Served, served_by
from llminfra.diagnostics import Diagnostic
from llminfra.planning import plan_platform

DAY = dt.date(2026, 11, 23)
NVIDIA = "nvcr.io/nvidia/tensorrt-llm/release"
NEW_LMI = "0.38.0-lmi29.0.0"
MII = DeepSpeedMII(max_model_len=4096, image=Image(repository="acme/mii", tag="v1"))


def trtllm(tag: str, repository: str = NVIDIA, **options: Any) -> TensorRTLLM:
    return TensorRTLLM(image=Image(repository=repository, tag=tag), max_model_len=4096, **options)


def tgi(version: str | None = None, **options: Any) -> TGI:
    return TGI(max_model_len=4096, version=version, **options)


def told(
    model: str, engine: Any, instance: str, *, tensor: int = 0, on: Any = None, **of_model: Any
) -> list[Diagnostic]:
    """Every finding of an endpoint of that model on one kind of machine."""
    pool = GpuPool(name="gpus", instance_types=[instance], nodes=(0, 1), capacity=OnDemand())
    spread: dict[str, Any] = {"parallelism": Parallelism(tensor=tensor)} if tensor else {}
    endpoint = Endpoint(name="chat", model=Model(id=model, **of_model), engine=engine, on=on or pool, **spread)
    pools, storage = ([] if on else [pool]), [ModelBucket(name="acme-weights")]
    platform = Platform(name="p", region="us-east-1", pools=pools, storage=storage, endpoints=[endpoint])
    try:
        return list(plan_platform(platform, today=DAY).diagnostics)
    except SpecError as error:
        return list(error.diagnostics)


def found(code: str, items: list[Diagnostic]) -> Diagnostic:
    (item,) = [item for item in items if item.code == code]
    return item


def errors(items: list[Diagnostic]) -> list[str]:
    return [item.code for item in items if item.severity == "error"]


@pytest.mark.parametrize(
    ("release", "kind", "how"),
    [
        ((1, 4, 0), "llama", Served.OWN),
        ((1, 4, 0), "qwen2", Served.WHOLE),
        ((1, 4, 0), "phi3", Served.NONE),
        ((1, 4, 3), "qwen2", Served.OWN),
        ((2, 1, 0), "deepseek_v2", Served.NONE),
        ((2, 2, 0), "deepseek_v2", Served.OWN),
        ((2, 4, 1), "olmo", Served.WHOLE),
        ((3, 1, 0), "qwen2_moe", Served.NONE),
        ((3, 1, 1), "qwen2_moe", Served.WHOLE),
        ((3, 1, 1), "gemma3", Served.NONE),
        ((3, 2, 0), "gemma3", Served.OWN),
        ((3, 2, 2), "qwen3", Served.NONE),
        ((3, 2, 3), "qwen3", Served.CUT),
        ((3, 3, 7), "qwen3_moe", Served.CUT),
        ((3, 3, 7), "mistral3", Served.NONE),
        ((3, 3, 7), "glm4", Served.NONE),
    ],
)
def test_tgi_knows_types_of_models_by_release(release: tuple[int, ...], kind: str, how: Served) -> None:
    assert served_by(release, kind) is how


@pytest.mark.parametrize(
    ("model", "version", "expected"),
    [
        ("openai/gpt-oss-20b", None, "a release with the model's class"),
        ("mistralai/Mistral-Small-3.1-24B-Instruct-2503", None, "a release with the model's class"),
        ("google/gemma-3-27b-it", "2.4.1", "tgi 3.2.0 or later"),
        ("Qwen/Qwen3-8B", "3.1.0", "tgi 3.2.3 or later"),
        ("Qwen/Qwen2.5-VL-7B-Instruct", "3.0.2", "tgi 3.1.1 or later"),
    ],
)
def test_tgi_has_no_code_for_these(model: str, version: str | None, expected: str) -> None:
    item = found("LLM_FIT_56", told(model, tgi(version), "p5.48xlarge"))
    assert item.expected == expected
    assert (item.runtime_message or "").startswith("ValueError: Unsupported model type ")
    assert "VLLM" in item.fix or "leave version out" in item.fix


@pytest.mark.parametrize(
    "model",
    ["meta-llama/Llama-3.1-8B-Instruct", "google/gemma-3-27b-it", "Qwen/Qwen2.5-VL-7B-Instruct", "microsoft/phi-4"],
)
def test_tgi_has_code_for_these(model: str) -> None:
    assert not {"LLM_FIT_56", "LLM_FIT_57", "LLM_FIT_66"} & {item.code for item in told(model, tgi(), "p5.48xlarge")}


def test_code_of_a_repository_or_of_an_own_image_may_do() -> None:
    model = "openai/gpt-oss-20b"
    trusted = found("LLM_FIT_57", told(model, tgi(), "p5.48xlarge", trust_remote_code=True))
    assert "is trusted" in trusted.message
    own = tgi(image=Image(repository="acme/tgi", tag="v1"))
    assert "the image may" in found("LLM_FIT_57", told(model, own, "p5.48xlarge")).message


def test_what_the_library_serves_is_cut_or_not() -> None:
    cut = told("Qwen/Qwen3-30B-A3B", tgi(), "g6e.12xlarge", tensor=4)
    assert errors(cut) == []
    assert "slower" in found("LLM_FIT_66", cut).message
    model = "Qwen/Qwen1.5-MoE-A2.7B"
    refused = found("LLM_FIT_65", told(model, tgi(), "g6e.12xlarge", tensor=4))
    assert refused.path == "endpoints.chat.parallelism"
    assert refused.runtime_message == "NotImplementedError: sharded is not supported for AutoModel"
    whole = told(model, tgi(), "g6e.12xlarge")
    assert errors(whole) == []
    assert "without a paged cache" in found("LLM_FIT_66", whole).message


@pytest.mark.parametrize(
    ("model", "options", "words"),
    [
        ("Qwen/Qwen3-8B-AWQ", {}, "NotImplementedError: awq quantization is not supported for AutoModel"),
        ("Qwen/Qwen3-8B", {"quantization": "fp8"}, None),
    ],
)
def test_what_the_library_serves_is_not_quantized(model: str, options: dict[str, Any], words: str | None) -> None:
    assert found("LLM_FIT_61", told(model, tgi(), "g6e.xlarge", **options)).runtime_message == words


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("Qwen/Qwen2.5-7B-Instruct-AWQ", {}),
        ("Qwen/Qwen2.5-7B-Instruct", {"quantization": "fp8"}),
        ("Qwen/Qwen2.5-7B-Instruct", {"quantization": "bitsandbytes"}),
        ("RedHatAI/phi-4-FP8-dynamic", {}),
    ],
)
def test_tgi_quantizes_what_it_has_code_for(model: str, options: dict[str, Any]) -> None:
    assert errors(told(model, tgi(), "g6e.xlarge", **options)) == []


@pytest.mark.parametrize(
    ("version", "model", "instance", "code", "words"),
    [
        ("3.3.7", "mistralai/Mistral-7B-v0.1", "g4dn.xlarge", None, ""),
        ("3.1.0", "meta-llama/Llama-3.2-1B-Instruct", "g4dn.xlarge", "LLM_FIT_62", "no kernel image is available"),
        ("3.1.1", "meta-llama/Llama-3.2-1B-Instruct", "g4dn.xlarge", None, ""),
        ("3.3.7", "meta-llama/Llama-3.2-1B-Instruct", "p3dn.24xlarge", "LLM_FIT_62", ""),
        ("3.3.0", "meta-llama/Llama-3.2-1B-Instruct", "p6-b200.48xlarge", "LLM_FIT_27", "no kernel image is available"),
        ("3.3.1", "meta-llama/Llama-3.2-1B-Instruct", "p6-b200.48xlarge", None, ""),
        ("2.3.0", "meta-llama/Llama-3.2-1B-Instruct", "g5.xlarge", None, ""),
        ("3.3.7", "Qwen/Qwen2.5-1.5B-Instruct-AWQ", "g4dn.xlarge", "LLM_FIT_5", "no kernel image is available"),
        ("3.3.7", "Qwen/Qwen2.5-1.5B-Instruct-GPTQ-Int4", "g4dn.xlarge", None, ""),
    ],
)
def test_gpus_of_tgi(version: str, model: str, instance: str, code: str | None, words: str) -> None:
    items = told(model, tgi(version), instance)
    of_device = [item for item in items if item.code in {"LLM_FIT_5", "LLM_FIT_27", "LLM_FIT_62"}]
    assert [item.code for item in of_device] == ([code] if code else [])
    assert all(words in (item.runtime_message or "") for item in of_device)


def test_a_turing_gpu_has_no_window() -> None:
    long = TGI(max_model_len=8192)
    item = found("LLM_FIT_62", told("mistralai/Mistral-7B-v0.1", long, "g4dn.12xlarge", tensor=4))
    assert item.path == "endpoints.chat.engine.max_model_len"
    assert "set max_model_len=4097" in item.fix
    assert "smaller than sliding_window=4096" in (item.runtime_message or "")
    assert errors(told("mistralai/Mistral-7B-v0.1", TGI(max_model_len=4097), "g4dn.12xlarge", tensor=4)) == []
    assert errors(told("mistralai/Mistral-7B-v0.1", long, "g5.12xlarge", tensor=4)) == []
    off = TGI(max_model_len=8192, env={"USE_FLASH_ATTENTION": "false"})
    without = told("mistralai/Mistral-7B-v0.1", off, "g5.xlarge")
    assert "without flash attention" in found("LLM_FIT_66", without).message


@pytest.mark.parametrize(
    ("model", "version", "words"),
    [
        ("google/gemma-3-4b-it", "3.2.0", "window_size_left is only available with flash attn v2"),
        ("google/gemma-2-2b-it", "2.3.1", "softcap is only available with flash attn v2"),
        ("google/gemma-3-4b-it", "3.3.7", None),
        ("google/gemma-2-2b-it", "3.3.7", None),
    ],
)
def test_gemma_on_a_turing_gpu_wants_flashinfer(model: str, version: str, words: str | None) -> None:
    items = [item for item in told(model, tgi(version), "g4dn.xlarge") if item.code == "LLM_FIT_62"]
    assert [str(item.runtime_message).partition(": ")[2] for item in items] == ([words] if words else [])


def test_deepspeed_mii_wants_ampere_and_plain_weights() -> None:
    assert "LLM_FIT_27" in errors(told("Qwen/Qwen2.5-1.5B-Instruct", MII, "g4dn.xlarge"))
    assert errors(told("Qwen/Qwen2.5-7B-Instruct", MII, "g6e.xlarge")) == []


def test_a_container_is_left_to_the_planner_by_its_classes() -> None:
    engine = DJLServing(max_model_len=4096)
    assert errors(told("openai/gpt-oss-20b", engine, "p5.48xlarge")) == []
    old = found(
        "LLM_FIT_56",
        told("openai/gpt-oss-20b", DJLServing(max_model_len=4096, version="0.33.0-lmi15.0.0"), "p5.48xlarge"),
    )
    assert "vLLM 0.8.5 inside" in old.message


@pytest.mark.parametrize(
    ("model", "version", "words"),
    [
        ("microsoft/Phi-3-mini-4k-instruct", "3.3.7", "only supported for flashinfer on CUDA"),
        ("deepseek-ai/DeepSeek-V2-Lite-Chat", "3.3.7", "only supported for flashinfer on CUDA"),
        ("Qwen/Qwen2.5-7B-Instruct", "2.3.1", "unexpected argument '--kv-cache-dtype'"),
    ],
)
def test_an_8_bit_cache_wants_flashinfer(model: str, version: str, words: str) -> None:
    item = found("LLM_FIT_64", told(model, tgi(version, kv_cache_dtype="fp8"), "g6e.12xlarge"))
    assert words in (item.runtime_message or "")


def test_what_has_no_pages_needs_no_flash_attention() -> None:
    model = "facebook/opt-1.3b"
    volta = told(model, TGI(max_model_len=2048), "p3dn.24xlarge")
    assert errors(volta) == []
    assert "serves opt without a paged cache" in found("LLM_FIT_66", volta).message
    wish = told(model, TGI(max_model_len=2048, kv_cache_dtype="fp8"), "g6e.xlarge")
    assert "no paged cache for opt" in found("LLM_FIT_64", wish).message


def test_flashinfer_takes_an_8_bit_cache() -> None:
    for model in ("Qwen/Qwen2.5-7B-Instruct", "google/gemma-2-9b-it"):
        assert errors(told(model, tgi(kv_cache_dtype="fp8"), "g6e.xlarge")) == []


@pytest.mark.parametrize(
    ("model", "engine", "words"),
    [
        ("unsloth/Llama-3.3-70B-Instruct-bnb-4bit", tgi(), "Unknown quantization method bitsandbytes"),
        ("nvidia/Llama-3.3-70B-Instruct-FP4", tgi(), "Unknown quantization method modelopt_fp4"),
        ("RedHatAI/phi-4-FP8-dynamic", tgi("2.4.0"), "Unknown quantization method compressed-tensors"),
        ("Qwen/Qwen2.5-7B-Instruct-AWQ", trtllm("1.2.1"), "NotImplementedError: Unsupported quantization_config"),
        ("RedHatAI/phi-4-FP8-dynamic", trtllm("1.1.0"), "NotImplementedError: Unsupported quantization_config"),
        ("Qwen/Qwen2.5-7B-Instruct-AWQ", MII, "ValueError: Cannot find container for model.layers.0"),
        ("RedHatAI/phi-4-FP8-dynamic", MII, "ValueError: Cannot find container for a scale"),
    ],
)
def test_checkpoints_that_are_not_read(model: str, engine: Any, words: str) -> None:
    item = found("LLM_FIT_63", told(model, engine, "p5.48xlarge"))
    assert item.path == "endpoints.chat.model"
    assert (item.runtime_message or "").startswith(words)


@pytest.mark.parametrize(
    ("model", "tag", "instance", "expected"),
    [
        ("google/gemma-2-9b-it", "1.2.1", "p5.48xlarge", "a release with the model's class"),
        ("ibm-granite/granite-3.1-8b-instruct", "1.2.1", "p5.48xlarge", "a release with the model's class"),
        ("openai/gpt-oss-20b", "1.0.0", "p5.48xlarge", "trtllm 1.1 or later"),
        ("Qwen/Qwen3-Next-80B-A3B-Instruct", "1.1.0", "p5.48xlarge", "trtllm 1.2 or later"),
    ],
)
def test_classes_of_tensorrt_llm(model: str, tag: str, instance: str, expected: str) -> None:
    item = found("LLM_FIT_56", told(model, trtllm(tag), instance))
    assert (item.path, item.expected) == ("endpoints.chat.engine.image", expected)
    assert "Unknown architecture for AutoModelForCausalLM" in (item.runtime_message or "")


@pytest.mark.parametrize(
    ("model", "engine", "instance"),
    [
        ("openai/gpt-oss-20b", trtllm("1.1.0"), "p5.48xlarge"),
        ("meta-llama/Llama-3.1-8B-Instruct", trtllm("1.0.0"), "g5.xlarge"),
        ("Qwen/Qwen3-8B-FP8", trtllm("1.2.1"), "g6e.xlarge"),
        ("Qwen/Qwen3-30B-A3B-FP8", trtllm("1.2.1"), "p5.48xlarge"),
        ("RedHatAI/phi-4-FP8-dynamic", trtllm("1.2.1"), "p5.48xlarge"),
        ("nvidia/Llama-3.3-70B-Instruct-FP4", trtllm("1.2.1"), "p6-b200.48xlarge"),
        ("google/gemma-2-9b-it", trtllm("1.2.1", extra_args=["--custom_module_dirs=/models"]), "p5.48xlarge"),
        ("google/gemma-2-9b-it", trtllm("v1", "acme/trt"), "p5.48xlarge"),
    ],
)
def test_tensorrt_llm_starts_with_these(model: str, engine: Any, instance: str) -> None:
    assert errors(told(model, engine, instance)) == []


@pytest.mark.parametrize(
    ("model", "tag", "instance", "code", "words"),
    [
        ("Qwen/Qwen3-8B-FP8", "1.2.1", "g5.xlarge", "LLM_FIT_5", "Unsupported SM version for FP8 block scaling GEMM"),
        ("Qwen/Qwen3-30B-A3B-FP8", "1.2.1", "g6e.2xlarge", "LLM_FIT_5", "Unsupported SM version for FP8 block"),
        ("openai/gpt-oss-20b", "1.2.1", "g6e.xlarge", "LLM_FIT_5", "WFP4A16 MoE is unsupported on SM89."),
        ("deepseek-ai/DeepSeek-V4-Flash", "1.3.0", "p5en.48xlarge", "LLM_FIT_53", ""),
        ("nvidia/Llama-3.3-70B-Instruct-FP4", "1.2.1", "p5.48xlarge", "LLM_FIT_5", "FP4 Gemm not supported"),
        ("Qwen/Qwen2.5-1.5B-Instruct", "1.2.1", "g4dn.xlarge", "LLM_FIT_27", ""),
    ],
)
def test_gpus_of_tensorrt_llm(model: str, tag: str, instance: str, code: str, words: str) -> None:
    item = found(code, told(model, trtllm(tag), instance))
    assert item.severity == "error"
    assert words in (item.runtime_message or "")


@pytest.mark.parametrize(
    ("version", "model", "code", "expected"),
    [
        ("0.33.0-lmi15.0.0", "openai/gpt-oss-20b", "LLM_FIT_56", "djl-lmi 0.34.0-lmi16.0.0 or later"),
        (
            NEW_LMI,
            "zai-org/GLM-5.3-Flash",
            "LLM_FIT_56",
            "vLLM 0.30.0 or later, which no container has that is known here",
        ),
        (NEW_LMI, "meta-llama/Llama-3.2-11B-Vision-Instruct", "LLM_FIT_56", "djl-lmi 0.34.0-lmi16.0.0 or earlier"),
        (NEW_LMI, "Qwen/Qwen3-8B", None, ""),
        ("0.34.0-lmi16.0.0", "Qwen/Qwen3-8B", None, ""),
    ],
)
def test_djl_has_the_classes_of_the_vllm_inside(version: str, model: str, code: str | None, expected: str) -> None:
    items = told(model, DJLServing(max_model_len=4096, version=version), "p5en.48xlarge")
    assert [item.expected for item in items if item.code == "LLM_FIT_56"] == ([expected] if code else [])
    assert all("inside)" in item.message for item in items if item.code == "LLM_FIT_56")


def test_djl_is_asked_for_its_vllm_on_sagemaker_too() -> None:
    engine = DJLServing(max_model_len=4096, version="0.33.0-lmi15.0.0")
    place = SageMaker(instance_type="ml.g6e.2xlarge")
    assert "LLM_FIT_56" in errors(told("openai/gpt-oss-20b", engine, "", on=place))


def test_the_vllm_inside_decides_what_a_gpu_runs() -> None:
    sparse = told("deepseek-ai/DeepSeek-V3.2", DJLServing(max_model_len=4096, version=NEW_LMI), "p4de.24xlarge")
    assert "vllm 0.28.0 has no kernel" in found("LLM_FIT_53", sparse).message
    volta = told("Qwen/Qwen2.5-1.5B-Instruct", DJLServing(max_model_len=4096, version=NEW_LMI), "p3dn.24xlarge")
    assert found("LLM_FIT_27", volta).found == "CUDA 13 on compute capability 7.0"


@pytest.mark.parametrize(
    ("version", "inside"),
    [
        ("0.33.0-lmi15.0.0", "0.8.5"),
        ("0.34.0-lmi16.0.0", "0.10.2"),
        ("0.36.0-lmi27.0.0", "0.23.0"),
        (NEW_LMI, "0.28.0"),
    ],
)
def test_a_container_is_taken_for_its_vllm_or_the_one_before(version: str, inside: str) -> None:
    release = engine_release("djl-lmi", version)
    assert release is not None
    assert (inner_release(release).engine, inner_release(release).version) == ("vllm", inside)


def test_what_tgi_lacks_is_had_by_the_release_that_is_named() -> None:
    """For every type in the catalog and every release of TGI: the named one has it, and none is nearer."""
    versions = known_versions("tgi")
    kinds = {facts.config_type: facts for name in known_models() if (facts := load_model(name)) is not None}
    for facts in kinds.values():
        for version in versions:
            missing = missing_code(facts, "tgi", engine_release("tgi", version), ())
            named = missing and (missing.since or missing.until)
            if missing is None or named is None:
                continue
            assert missing_code(facts, "tgi", engine_release("tgi", named), ()) is None
            between = versions[versions.index(version) + 1 : versions.index(named)]
            assert all(missing_code(facts, "tgi", engine_release("tgi", other), ()) for other in between)
