from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llminfra.catalog import engines
from llminfra.catalog.eks import nvidia_driver
from llminfra.catalog.engines import EngineName, EngineRelease

ENGINES: tuple[EngineName, ...] = get_args(EngineName)


def release(engine: EngineName, version: str) -> EngineRelease:
    found = engines.engine_release(engine, version)
    assert found is not None
    return found


def vllm(version: str) -> EngineRelease:
    return release("vllm", version)


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_has_its_default_version_and_sources(engine: EngineName):
    info = engines.engine_info(engine)
    assert info.default_version in engines.known_versions(engine)
    assert info.sources
    assert 0 < info.server.port < 65_536
    assert info.server.health_path.startswith("/")
    assert (info.status == "maintained") == (info.status_note == "")


def test_sampled_vllm_versions_are_there():
    wanted = {"0.8.5", "0.10.2", "0.11.2", "0.14.1", "0.18.1", "0.22.1", "0.26.0", "0.27.1", "0.29.0", "0.33.0"}
    assert wanted <= set(engines.known_versions("vllm"))
    assert engines.engine_release("vllm", "v0.27.1") == vllm("0.27.1")


def test_unknown_version_is_none_and_suggests():
    assert engines.engine_release("vllm", "0.27.9") is None
    assert engines.suggest_version("vllm", "0.27.9")[0] == "0.27.1"
    assert engines.suggest_version("vllm", "9.9.9") == ("0.33.0", "0.32.0", "0.31.0"), "by number, not by spelling"
    assert engines.suggest_version("vllm", "0.0.1")
    assert engines.suggest_version("vllm", "0.27") == ("0.27.1", "0.27.0", "0.26.0"), "the newest patch of the line"
    assert engines.suggest_version("vllm", "v0.10")[0] == "0.10.2"
    assert engines.suggest_version("vllm", "latest") == ("0.33.0", "0.32.0", "0.31.0")


@pytest.mark.parametrize(
    "flag",
    [
        "--max-model-len",
        "--max_model_len",
        "--max-model-len=8192",
        "--tensor-parallel-size",
        "-tp",
        "--gpu-memory-utilization",
        "--served-model-name",
        "--shutdown-timeout",
        "--disable-access-log-for-endpoints",
        "--enable-prefix-caching",
        "--no-enable-prefix-caching",
        "--headless",
        "--nnodes",
        "--node-rank",
        "--master-addr",
        "--api-key",
        "--load-format",
        "--model-loader-extra-config",
        "--kv-transfer-config.kv_role",
        "--enable-lora",
        "--max-lora-rank",
        "--host",
        "--port",
        "--revision",
    ],
)
def test_vllm_0_27_1_knows(flag: str):
    assert vllm("0.27.1").knows_flag(flag)


@pytest.mark.parametrize(
    "flag",
    [
        "--task",
        "--swap-space",
        "--disable-log-requests",
        "--guided-decoding-backend",
        "--max-model",
        "--no-port",
        "",
        "-",
    ],
)
def test_vllm_0_27_1_does_not_know(flag: str):
    assert not vllm("0.27.1").knows_flag(flag)


@pytest.mark.parametrize("flag", ["-O0", "-O3", "-O=2", "-O"])
@pytest.mark.parametrize("version", ["0.8.5", "0.12.0", "0.13.0", "0.33.0"])
def test_vllm_takes_an_optimization_level_without_a_space(flag, version):
    assert vllm(version).knows_flag(flag)
    assert not vllm(version).knows_flag("-O9")
    assert not vllm(version).knows_flag("-Onone")


@pytest.mark.parametrize(
    ("flag", "first_without", "last_with"),
    [
        ("--max-seq-len-to-capture", "0.11.0", "0.10.2"),
        ("--guided-decoding-backend", "0.11.0", "0.10.2"),
        ("--task", "0.13.0", "0.12.0"),
        ("--swap-space", "0.18.0", "0.17.1"),
        ("--disable-log-requests", "0.17.0", "0.16.0"),
    ],
)
def test_removed_flags(flag: str, first_without: str, last_with: str):
    assert vllm("0.33.0").removed_in(flag) == first_without
    assert vllm(last_with).knows_flag(flag)
    assert vllm(last_with).removed_in(flag) is None
    assert not vllm(first_without).knows_flag(flag)


@pytest.mark.parametrize(
    ("flag", "added"),
    [("--kv-cache-memory-bytes", "0.10.2"), ("--nnodes", "0.11.1"), ("--shutdown-timeout", "0.18.0")],
)
def test_added_flags(flag: str, added: str):
    assert vllm("0.33.0").added_in(flag) == added
    assert vllm("0.8.5").added_in(flag) == added
    assert not vllm("0.8.5").knows_flag(flag)


def test_misspelt_flag_is_suggested():
    assert vllm("0.27.1").suggest_flag("--max-modell-len")[0] == "--max-model-len"


@pytest.mark.parametrize(
    ("env", "gone"),
    [("VLLM_USE_V1", "0.11.1"), ("VLLM_ATTENTION_BACKEND", "0.15.0")],
)
def test_removed_environment(env: str, gone: str):
    assert vllm("0.33.0").env_removed_in(env) == gone
    assert vllm("0.8.5").knows_env(env)
    assert not vllm(gone).knows_env(env)


def test_environment():
    assert vllm("0.27.1").knows_env("VLLM_API_KEY")
    assert not vllm("0.27.1").knows_env("VLLM_NO_SUCH_THING")
    assert vllm("0.27.1").env_removed_in("VLLM_API_KEY") is None
    lmi = release("djl-lmi", "0.36.0-lmi20.0.0")
    assert lmi.knows_env("OPTION_MAX_MODEL_LEN")
    assert not lmi.knows_env("VLLM_API_KEY")


@pytest.mark.parametrize(
    ("metric", "in_0_10_2", "in_0_11_2", "in_0_27_1"),
    [
        ("vllm:num_requests_waiting", True, True, True),
        ("vllm:kv_cache_usage_perc", True, True, True),
        ("vllm:gpu_cache_usage_perc", True, False, False),
        ("vllm:gpu_prefix_cache_hits_total", True, False, False),
        ("vllm:prefix_cache_hits_total", True, True, True),
        ("vllm:num_preemptions_total", True, True, True),
        ("vllm:num_preemptions", False, False, False),
        ("vllm:time_to_first_token_seconds_bucket", True, True, True),
        ("vllm:time_to_first_token_seconds", False, False, False),
        ("vllm:time_per_output_token_seconds_bucket", True, True, False),
        ("vllm:inter_token_latency_seconds_bucket", True, True, True),
        ("vllm:iteration_tokens_total_sum", True, True, True),
        ("vllm:request_success_total", True, True, True),
        ("vllm:no_such_metric", False, False, False),
    ],
)
def test_metrics(metric: str, in_0_10_2: bool, in_0_11_2: bool, in_0_27_1: bool):
    found = [vllm(version).knows_metric(metric) for version in ("0.10.2", "0.11.2", "0.27.1")]
    assert found == [in_0_10_2, in_0_11_2, in_0_27_1]


def test_hidden_metrics_are_not_known():
    assert "vllm:gpu_cache_usage_perc" in vllm("0.11.2").hidden_metrics()
    assert vllm("0.10.2").hidden_metrics() == ()
    assert set(vllm("0.11.2").hidden_metrics()).isdisjoint(vllm("0.11.2").metrics())


@pytest.mark.parametrize(("version", "default"), [("0.8.5", 0.9), ("0.19.1", 0.9), ("0.20.0", 0.92), ("0.33.0", 0.92)])
def test_default_gpu_memory_utilization(version: str, default: float):
    assert vllm(version).gpu_memory_utilization == default


@pytest.mark.parametrize(
    ("version", "method", "capability"),
    [
        ("0.8.5", "fp8", 80),
        ("0.33.0", "fp8", 75),
        ("0.33.0", "awq", 75),
        ("0.33.0", "gptq", 60),
        ("0.33.0", "mxfp4", 80),
        ("0.33.0", "modelopt_fp4", 75),
        ("0.33.0", "bitsandbytes", None),
        ("0.8.5", "mxfp4", None),
    ],
)
def test_minimum_compute_capability(version: str, method: str, capability: int | None):
    assert vllm(version).min_compute_capability(method) == capability


def test_quantization_methods_come_and_go():
    assert "gguf" in vllm("0.22.1").quantizations()
    assert "gguf" not in vllm("0.26.0").quantizations()
    assert "bitsandbytes" in vllm("0.27.1").quantizations()
    assert "bitsandbytes" not in vllm("0.29.0").quantizations()


def test_images_of_the_default_vllm():
    default = vllm(engines.engine_info("vllm").default_version)
    plain, with_efa, managed = default.image(), default.image(efa=True), default.image(platform="sagemaker")
    assert plain is not None
    assert with_efa is not None
    assert managed is not None
    assert plain.reference == "vllm/vllm-openai:v0.27.1"
    assert not plain.efa
    expected = "public.ecr.aws/deep-learning-containers/vllm:0.27.1-gpu-py312-cu130-ubuntu22.04-ec2"
    assert with_efa.reference == expected
    assert managed.tag.endswith("-sagemaker")


def test_default_images_run_on_the_pinned_driver():
    for engine in ENGINES:
        default = release(engine, engines.engine_info(engine).default_version)
        for image in default.images():
            assert image.cuda_major <= nvidia_driver().cuda_major


def test_no_efa_image_is_none_not_another_one():
    assert vllm("0.33.0").image() is not None
    assert vllm("0.33.0").image(efa=True) is None
    assert release("tgi", "3.3.7").image(efa=True) is None
    assert release("mii", "0.3.3").image() is None


@pytest.mark.parametrize(
    ("engine", "version", "efa", "managed"),
    [
        ("vllm", "0.28.0", "0.28.0-gpu-py312-ec2", "0.28.0-gpu-py312-cu130-ubuntu24.04-sagemaker"),
        ("vllm", "0.30.0", None, "0.30.0-gpu-py312-cu130-ubuntu24.04-sagemaker"),
        ("sglang", "0.5.20", "0.5.20-gpu-py312-ec2", "0.5.20-gpu-py312-cu130-ubuntu24.04-sagemaker"),
        ("djl-lmi", "0.38.0-lmi29.0.0", None, "0.38.0-lmi29.0.0-cu130"),
    ],
)
def test_images_of_aws_for_releases_after_the_default(engine: EngineName, version: str, efa: str | None, managed: str):
    known = release(engine, version)
    with_efa, in_sagemaker = known.image(efa=True), known.image(platform="sagemaker")
    assert (with_efa.tag if with_efa else None) == efa
    assert in_sagemaker is not None
    assert in_sagemaker.tag == managed


@pytest.mark.parametrize("engine", ["vllm", "sglang"])
def test_every_release_says_its_cuda_so_that_its_own_image_is_known(engine: EngineName):
    for version in engines.known_versions(engine):
        assert release(engine, version).image() is not None, version


@pytest.mark.parametrize("engine", ENGINES)
def test_no_image_floats_and_each_has_a_source(engine: EngineName):
    for version in engines.known_versions(engine):
        for image in release(engine, version).images():
            assert image.tag not in {"latest", "main", "nightly"}
            assert any(character.isdigit() for character in image.tag)
            assert len(image.source) > 15
            assert image.engine_version == version


def test_a_digest_joins_the_reference():
    image = vllm("0.27.1").image()
    assert image is not None
    pinned = image.model_copy(update={"digest": "sha256:" + "0" * 64})
    assert pinned.reference == f"vllm/vllm-openai:v0.27.1@sha256:{'0' * 64}"


@pytest.mark.parametrize("version", ["0.5.5.post3", "0.5.17", "0.5.23"])
def test_sglang(version: str):
    found = release("sglang", version)
    for flag in (
        "--model-path",
        "--tp-size",
        "--mem-fraction-static",
        "--enable-metrics",
        "--context-length",
        "--nnodes",
    ):
        assert found.knows_flag(flag), flag
    assert found.knows_flag("--tensor-parallel-size")
    assert not found.knows_flag("--tensor_parallel_size")
    assert not found.knows_flag("--max-model-len")
    assert found.knows_metric("sglang:num_queue_reqs")
    assert found.knows_metric("sglang:token_usage")
    assert found.info.server.default_host == "127.0.0.1"


def test_sglang_takes_an_unambiguous_beginning_of_a_flag():
    found = release("sglang", "0.5.17")
    assert found.knows_flag("--mem-fraction-stat")
    assert not found.knows_flag("--enable-")


def test_tgi_and_mii():
    tgi = release("tgi", "3.3.7")
    assert tgi.knows_flag("--num-shard")
    assert tgi.knows_env("MAX_TOTAL_TOKENS")
    assert tgi.knows_metric("tgi_queue_size")
    assert tgi.info.status == "maintenance"
    assert "marlin" in tgi.quantizations()
    mii = release("mii", "0.3.3")
    assert mii.knows_flag("--tensor-parallel")
    assert mii.info.server.metrics_path is None
    assert mii.info.status == "dormant"


def test_tensorrt_llm_options_keep_their_underscores():
    found = release("trtllm", engines.known_versions("trtllm")[0])
    assert found.knows_flag("--tp_size")
    assert not found.knows_flag("--tp-size")


@given(st.sampled_from(ENGINES), st.text(max_size=40), st.text(max_size=20))
def test_any_text_is_safe(engine: EngineName, text: str, version: str):
    found = release(engine, engines.engine_info(engine).default_version)
    assert isinstance(found.knows_flag(text), bool)
    assert isinstance(found.knows_env(text), bool)
    assert isinstance(found.knows_metric(text), bool)
    assert len(found.suggest_flag(text)) <= 3
    assert engines.engine_release(engine, version) is None or version.removeprefix("v") in engines.known_versions(
        engine
    )


@given(st.sampled_from(engines.known_versions("vllm")), st.data())
def test_flags_of_a_release_are_known_to_it_and_not_removed(version: str, data: st.DataObject):
    found = vllm(version)
    flag = data.draw(st.sampled_from(found.flags()))
    assert found.knows_flag(flag)
    assert found.removed_in(flag) is None
    added = found.added_in(flag)
    assert added is not None
    order = engines.known_versions("vllm")
    assert order.index(added) <= order.index(version)
