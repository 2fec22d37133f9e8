"""JSON lines say what they did not take as it stands: a verdict without a finding is one that ``fit`` gives, too."""

import json

import pytest

from llminfra.planning.memory import FitResult, fit_jsonl, fit_line

SMALL = {"model": "Qwen/Qwen3-8B", "gpu": "H100-80GB"}


def fit(**case: object) -> FitResult:
    return fit_line(json.dumps(SMALL | case))


def codes(result: FitResult) -> list[str]:
    return [item.partition(":")[0] for item in result.findings]


def test_a_context_beyond_the_models_is_a_finding_and_memory_decides():
    result = fit(model="meta-llama/Llama-3.1-8B", max_model_len=200_000)
    assert result.fits is True
    (finding,) = result.findings
    assert finding.startswith("LLM_FIT_4: meta-llama/Llama-3.1-8B was made for 131,072 tokens")
    assert "VLLM_ALLOW_LONG_MAX_MODEL_LEN" in finding
    assert fit(model="meta-llama/Llama-3.1-8B", max_model_len=131_072).findings == ()


def test_a_dtype_that_the_gpu_lacks_is_refused():
    result = fit(model="Qwen/Qwen3-0.6B", gpu="T4", dtype="bfloat16")
    assert (result.fits, result.reason[:10]) == (False, "LLM_FIT_25")
    assert "Bfloat16 is only supported" in (result.engine_error or "")
    other = fit(model="Qwen/Qwen3-0.6B", gpu="T4", dtype="bfloat16", engine="sglang")
    assert "LLM_FIT_25" in codes(other)
    assert other.fits is True
    assert "LLM_FIT_25" not in codes(fit(model="Qwen/Qwen3-0.6B", gpu="T4", dtype="float16"))


@pytest.mark.parametrize(
    "name",
    ["nonsense", "gguf", "Q4_K_M", "eetq", "exl2", "hqq", "aqlm", "torchao", "modelopt", "mxfp4", "awqq"],
)
def test_a_quantization_that_is_not_counted_says_so(name: str):
    result = fit(quantization=name)
    assert result.fits is True
    assert "LLM_INPUT_1" in codes(result)


@pytest.mark.parametrize(
    "name", ["fp8", "awq", "w4a16", "compressed-tensors int4 g32", "nvfp4 (modelopt)", "none", "bf16"]
)
def test_a_quantization_that_is_counted_has_no_such_finding(name: str):
    assert "LLM_INPUT_1" not in codes(fit(quantization=name))


def test_a_copy_of_another_models_architecture_is_quantized_as_it_says():
    copy = fit(model="acme/Qwen3-8B-NVFP4", config_ref="Qwen/Qwen3-8B", quantization="modelopt")
    assert copy.quantization == "modelopt_fp4"
    assert not {"LLM_INPUT_1", "LLM_FIT_22", "LLM_FIT_23"} & set(codes(copy))


def test_a_cache_type_that_is_not_known_says_so():
    assert codes(fit(kv_cache_dtype="q8_0")) == ["LLM_INPUT_2"]
    assert codes(fit(kv_cache_dtype="fp8")) == codes(fit(kv_cache_dtype="auto")) == []


@pytest.mark.parametrize(("written", "read"), [("SGLang", "sglang"), ("vLLM", "vllm"), ("TensorRT-LLM", "trtllm")])
def test_engines_are_named_in_any_case(written: str, read: str):
    assert fit(engine=written) == fit(engine=read)
    assert fit(engine=read).engine == read


@pytest.mark.parametrize("engine", ["trtllm", "mii", "deepspeed", "djl-lmi", "ollama"])
def test_an_engine_without_memory_rules_says_whose_are_taken(engine: str):
    (finding,) = fit(engine=engine).findings
    assert finding.startswith("LLM_INPUT_3: ")
    assert "the rules of vLLM that reserve the most are taken" in finding


@pytest.mark.parametrize("engine", ["sglang", "tgi", "trtllm"])
def test_an_engine_without_a_release_is_not_given_one_of_vllms(engine: str):
    result = fit(engine=engine, engine_version=None)
    assert result.engine_version is None
    assert f"engine {engine}: no release is named" in result.explain
    stated = fit(engine=engine, engine_version="1.2.3")
    assert stated.engine_version == "1.2.3"
    assert f"engine {engine} 1.2.3" in stated.explain


def test_null_is_as_good_as_leaving_it_out():
    assert fit(engine=None) == fit()
    given = {"config_ref": "Qwen/Qwen3-8B", "gpu": "H100-80GB"}
    named = fit_line(json.dumps(given | {"model": None}))
    assert (named.error, named.weights_gib_per_gpu) == (None, fit().weights_gib_per_gpu)
    assert named == fit_line(json.dumps(given))


@pytest.mark.parametrize(("written", "read"), [("0.11", "0.11"), ("0.10", "0.10"), ("1", "1"), ('"0.11.0"', "0.11.0")])
def test_a_release_may_be_a_number(written: str, read: str):
    result = fit_line(f'{{"model": "Qwen/Qwen3-8B", "gpu": "H100-80GB", "engine_version": {written}}}')
    assert (result.error, result.engine_version) == (None, read)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("1.5", "1.5"),
        ("1.50", "1.50"),
        ("true", "true"),
        ('["a", 1]', '["a", 1]'),
        ('{"n": 2}', '{"n": 2}'),
        ("0", "0"),
    ],
)
def test_whatever_names_a_row_comes_back(written: str, told: str):
    for rest in ('"model": "Qwen/Qwen3-8B"', '"model": "no/such"', '"model": 5', '"tensor_paralel": 2'):
        assert fit_line(f'{{"id": {written}, {rest}}}').id == told


@pytest.mark.parametrize(
    ("key", "meant", "value"),
    [
        ("tp", "tensor_parallel", 2),
        ("tensor_parallel_size", "tensor_parallel", 2),
        ("tensor-parallel-size", "tensor_parallel", 2),
        ("pp", "pipeline_parallel", 2),
        ("pipeline_parallel_size", "pipeline_parallel", 2),
        ("dp", "data_parallel", 2),
        ("data_parallel_size", "data_parallel", 2),
        ("mem_fraction_static", "gpu_memory_utilization", 0.8),
    ],
)
def test_flags_of_engines_are_inputs(key: str, meant: str, value: float):
    assert fit(**{key: value}) == fit(**{meant: value})
    assert fit(**{key: value, meant: value}) == fit(**{meant: value})
    assert "one of them is meant" in (fit(**{key: value, meant: value / 4}).error or "")


@pytest.mark.parametrize(
    ("key", "written", "read"),
    [
        ("max_model_len", "32K", 32_768),
        ("max_model_len", "32k", 32_000),
        ("max_model_len", "32,768", 32_768),
        ("max_model_len", "32768", 32_768),
        ("max_num_batched_tokens", "8K", 8192),
        ("gpu_memory_utilization", "85%", 0.85),
        ("gpu_memory_utilization", "0.85", 0.85),
    ],
)
def test_numbers_as_people_write_them(key: str, written: str, read: float):
    assert fit(**{key: written}) == fit(**{key: read})


@pytest.mark.parametrize(("key", "value"), [("max_model_len", "long"), ("gpu_memory_utilization", "190%")])
def test_what_is_no_number_is_an_error(key: str, value: str):
    assert key in (fit(**{key: value}).error or "")


def test_an_instance_type_with_fewer_gpus_than_ranks_is_a_finding():
    assert codes(fit(gpu="g5.2xlarge", tensor_parallel=4, max_model_len=8192)) == ["LLM_FIT_6"]
    assert codes(fit(gpu="p5.48xlarge", tensor_parallel=8, pipeline_parallel=2)) == ["LLM_FIT_11"]
    assert codes(fit(gpu="p5.48xlarge", tensor_parallel=8)) == []


def test_a_device_that_is_not_known_has_a_code_of_its_own():
    assert fit(gpu="NOPE").reason.startswith("LLM_INPUT_5: the GPU 'NOPE' is not known")
    assert fit(gpu="MI300X-192GB").reason.startswith("LLM_INPUT_5: 'MI300X-192GB' is no NVIDIA device")
    assert fit(gpu=None).reason.startswith("no GPU is named")
    stated = fit(gpu="MI300X-192GB", total_gpu_gib=191)
    assert (stated.fits, codes(stated)) == (True, ["LLM_INPUT_5"])


def test_lines_and_numbers_that_only_json_knows():
    (line,) = fit_jsonl(['{"id": NaN, "model": "Qwen/Qwen3-8B"}'])
    assert json.loads(line)["id"] == "NaN"


def test_a_cache_without_room_for_one_request_is_a_finding():
    result = fit(model="Qwen/Qwen3-32B", engine="sglang", gpu="H100")
    assert (result.fits, codes(result)) == (True, ["LLM_FIT_12"])


@pytest.mark.parametrize(
    ("case", "code"), [({"dtype": "int7"}, "LLM_INPUT_1"), ({"engine_version": "9.9"}, "LLM_FIT_8")]
)
def test_other_names_that_are_not_known(case: dict[str, str], code: str):
    assert codes(fit(**case)) == [code]
    assert codes(fit(dtype="bf16", engine_version="0.33.0")) == []
