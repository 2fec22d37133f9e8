"""Every argument of every release: the parser of exactly that release knows it and takes its value.

Jobs are made by hand, so that each option of each adapter is switched on for each release; what planning refuses
before (a release without several nodes, a quantization that an engine lacks) is left out by the same facts.
"""

from collections.abc import Iterator
from typing import Any, get_args

import pytest

from llminfra import TGI, VLLM, Endpoint, GpuPool, Model, OnDemand, Parallelism, Secret, SGLang
from llminfra.catalog.argument_values import choices_of, kind_of, misfit
from llminfra.catalog.datafile import read_data
from llminfra.catalog.engines import EngineName, EngineRelease, engine_release, known_versions
from llminfra.catalog.models import load_model
from llminfra.engines import adapter
from llminfra.engines.invocation import Invocation
from llminfra.engines.job import Adapter, ServingJob
from llminfra.planning.served.engine_settings import engine_settings
from llminfra.planning.serving.argument_check import refused_arguments
from llminfra.spec.engines.base import Image, LlmEngine
from llminfra.spec.models.model import Quantization

POOL = GpuPool(name="h100", instance_types=["p5.48xlarge"], nodes=(0, 4), efa=True, capacity=OnDemand())
OWN = Image(repository="acme/server", tag="v1", efa=True, ray=True)
ENGINES: dict[EngineName, type[LlmEngine]] = {"vllm": VLLM, "sglang": SGLang, "tgi": TGI}
ADAPTERS = (Adapter(name="x", path="/mnt/x", rank=12), Adapter(name="y", path="/mnt/y", rank=200))
SPREADS = (
    Parallelism(tensor=4),
    Parallelism(tensor=2, pipeline=2),
    Parallelism(tensor=2, data=2),
    Parallelism(tensor=4, expert=True),
    Parallelism(tensor=1, data=4, expert=True),
)
# Read by libraries below the engines, which list their own only.
LIBRARIES = ("AWS_", "FI_", "GLOO_", "HF_", "NCCL_", "RUNAI_", "TORCHINDUCTOR_", "TRITON_", "FLASHINFER_", "XDG_")


def jobs(release: EngineRelease) -> Iterator[ServingJob]:
    """Each option of the spec and of the planner, one after the other."""
    yield job(release)
    yield job(release, model_argument="Qwen/Qwen3-32B", from_object_storage=False, revision="f" * 40)
    yield job(release, model_argument="/mnt/w", from_object_storage=False)
    yield job(release, dtype="float16", model=Model(id="Qwen/Qwen3-32B", trust_remote_code=True))
    yield job(release, engine={"max_num_batched_tokens": 4096, "prefix_caching": False, "enforce_eager": True})
    for spread in SPREADS:
        yield job(release, parallelism=spread)
    if release.engine != "tgi" or release.knows_flag("--kv-cache-dtype"):
        for name in get_args(LlmEngine.model_fields["kv_cache_dtype"].annotation):
            yield job(release, engine={"kv_cache_dtype": name})
    known = release.quantizations() or choices_of(release, "--quantization")
    for name in ("fp8", "bitsandbytes", "experts_int8"):
        if name in known:
            yield job(release, quantize_at_load=name, quantization=name)
    if release.engine == "sglang" or release.knows_flag("--nnodes"):
        yield job(release, nodes=2, efa=True, parallelism=Parallelism(tensor=8, pipeline=2))
    if release.engine != "tgi":
        yield job(release, adapters=ADAPTERS)
    if release.engine == "vllm":
        yield from vllm_jobs(release)


def vllm_jobs(release: EngineRelease) -> Iterator[ServingJob]:
    """What only vLLM can be told."""
    copies = Parallelism(tensor=1, data=16, expert=True)
    yield job(release, model_argument="/mnt/w", from_object_storage=False, from_local_disks=True)
    if release.knows_flag("--nnodes"):
        yield job(release, nodes=2, efa=True, parallelism=copies)
    yield job(
        release, nodes=2, parallelism=Parallelism(tensor=8, pipeline=2), engine={"distributed_executor_backend": "ray"}
    )
    for name in release.all2all_backends():
        yield job(release, parallelism=copies, engine={"all2all_backend": name})
    yield job(release, engine={"language_model_only": True})
    yield job(release, engine={"limit_mm_per_prompt": {"image": 2, "video": 0}})
    for role in ("prefill", "decode") if release.knows_env("VLLM_NIXL_SIDE_CHANNEL_HOST") else ():
        yield job(release, role=role, efa=True)
    for task in ("embed", "rerank", "classify", "reward", "transcribe"):
        for architecture in ("Qwen3ForCausalLM", "XLMRobertaForSequenceClassification"):
            yield job(release, task=task, architecture=architecture)


def job(release: EngineRelease, *, engine: dict[str, Any] | None = None, **changed: Any) -> ServingJob:
    """A job that asks for nothing, and what is asked of this one."""
    declared = ENGINES[release.engine](version=release.version, image=OWN, max_model_len=8192, **(engine or {}))
    model = changed.pop("model", Model(id="Qwen/Qwen3-32B"))
    endpoint = Endpoint(name="a", model=model, engine=declared, on=POOL, api_key=Secret(name="acme/key"))
    streams = engine_settings(declared, release).reads_object_storage
    asked: dict[str, Any] = {
        "endpoint": endpoint,
        "release": release,
        "model_argument": "s3://acme/w" if streams else "/mnt/w",
        "from_object_storage": streams,
        "served_name": "Qwen/Qwen3-32B",
        "revision": None,
        "parallelism": Parallelism(),
        "nodes": 1,
        "max_model_len": 8192,
        "max_num_seqs": 256,
        "gpu_memory_utilization": 0.9,
        "quantize_at_load": None,
        "dtype": "auto",
        "efa": False,
        "region": "us-east-1",
        "startup_budget_s": 1800,
        "drain_s": 120,
        "pod_memory_mib": 262144,
    }
    return ServingJob(**(asked | changed))


def versions_of(*engines: EngineName) -> list[tuple[EngineName, str]]:
    return [(engine, version) for engine in engines for version in known_versions(engine)]


def of(engine: EngineName, version: str) -> EngineRelease:
    found = engine_release(engine, version)
    assert found is not None
    return found


def unknown_variables(release: EngineRelease, invocation: Invocation) -> list[str]:
    names = {*invocation.env, *invocation.field_env, *invocation.cache_env} - {"HOME", "USE_PREFIX_CACHING"}
    return [name for name in names if not name.startswith(LIBRARIES) and not release.knows_env(name)]


@pytest.mark.parametrize(("engine", "version"), versions_of("vllm", "sglang", "tgi"))
def test_the_parser_of_each_release_takes_every_argument(engine: EngineName, version: str) -> None:
    release, seen = of(engine, version), 0
    for asked in jobs(release):
        invocation = adapter(release.engine).invoke(asked)
        for arguments in (invocation.args, invocation.worker_args):
            assert refused_arguments(release, arguments) == (), arguments
            seen += len(arguments)
    assert seen > 100


@pytest.mark.parametrize(("engine", "version"), versions_of("vllm", "sglang"))
def test_each_release_reads_every_variable(engine: EngineName, version: str) -> None:
    release = of(engine, version)
    unknown = {name for asked in jobs(release) for name in unknown_variables(release, adapter(engine).invoke(asked))}
    assert unknown == set()


@pytest.mark.parametrize(("engine", "version"), versions_of("vllm", "sglang", "tgi"))
def test_each_release_has_the_gauges_that_scaling_reads(engine: EngineName, version: str) -> None:
    release = of(engine, version)
    metrics = adapter(engine).invoke(job(release)).metrics
    assert metrics is not None
    assert metrics.waiting is not None
    kinds = dict(release.metric_kinds())
    for name in (metrics.waiting, metrics.running, metrics.kv_usage):
        assert name is None or kinds[name] == "gauge"


@pytest.mark.parametrize("engine", ["vllm", "sglang", "tgi"])
def test_the_table_is_that_of_the_catalog(engine: EngineName) -> None:
    table = read_data(f"argument_values/{engine}.json")
    assert tuple(table["versions"]) == known_versions(engine)
    newest = of(engine, known_versions(engine)[-1])
    assert set(newest.flags()) <= set(table["values"])
    assert sum(kind_of(newest, flag) is None for flag in newest.flags()) < len(newest.flags()) / 10


@pytest.mark.parametrize(
    ("engine", "version", "flag", "kind"),
    [
        ("vllm", "0.8.5", "--task", "auto|classify|embed|embedding|generate|reward|score|transcription"),
        ("vllm", "0.27.1", "--enforce-eager", "switch"),
        ("vllm", "0.27.1", "--kv-transfer-config", "json"),
        ("vllm", "0.27.1", "--served-model-name", "str …"),
        ("vllm", "0.33.0", "--max-model-len", "int"),
        ("sglang", "0.5.23", "--mem-fraction-static", "float"),
        ("sglang", "0.5.23", "--disable-cuda-graph", "switch"),
        ("tgi", "3.3.7", "--kv-cache-dtype", "fp8_e4m3fn|fp8_e5m2"),
        ("vllm", "0.21.0", "--enforce-eager", None),
        ("mii", "0.3.3", "--port", None),
    ],
)
def test_kinds_are_those_of_the_sources(engine: EngineName, version: str, flag: str, kind: str | None) -> None:
    assert kind_of(of(engine, version), flag) == kind


@pytest.mark.parametrize(
    ("kind", "values", "wrong"),
    [
        ("int", ["8k"], False),
        ("int", ["many"], True),
        ("float", ["0.9"], False),
        ("float", ["90%"], True),
        ("json", ['{"cpu_bytes": 80m}'], False),
        ("json", ["{cpu}"], True),
        ("a|b", ["b"], False),
        ("a|b", ["c"], True),
        ("a|b", ["None"], False),
        ("switch", [], False),
        ("switch", ["true"], True),
        ("str", [], True),
        ("str", ["a", "b"], True),
        ("str …", ["a", "b"], False),
        ("refused", [], True),
    ],
)
def test_misfits(kind: str, values: list[str], wrong: bool) -> None:
    assert (misfit(kind, values) is not None) is wrong


def test_every_quantization_of_the_spec_is_asked_of_some_release() -> None:
    everything = {name for pair in versions_of("vllm") for name in of(*pair).quantizations()}
    assert {"fp8", "bitsandbytes", "experts_int8"} <= everything & set(get_args(Quantization))


@pytest.mark.parametrize(
    ("method", "version", "told"),
    [
        ("fbgemm_fp8", "0.13.0", False),
        ("fbgemm_fp8", "0.14.0", True),
        ("fbgemm_fp8", "0.33.0", True),
        ("experts_int8", "0.19.1", True),
        ("experts_int8", "0.20.0", False),
        ("fp8", "0.33.0", False),
        (None, "0.33.0", False),
    ],
)
def test_a_method_that_the_release_deprecates_is_asked_for_knowingly(
    method: str | None, version: str, told: bool
) -> None:
    release = engine_release("vllm", version)
    assert release is not None
    flag = "--allow-deprecated-quantization"
    assert (flag in adapter("vllm").invoke(job(release, quantization=method)).args) is told
    stated = adapter("vllm").invoke(job(release, quantization=method, engine={"extra_args": [flag]})).args
    assert stated.count(flag) == 1


def test_the_checkpoint_of_meta_in_fp8_is_one_of_a_deprecated_method() -> None:
    facts = load_model("meta-llama/Llama-3.1-405B-Instruct-FP8")
    assert facts is not None
    assert facts.quantization is not None
    assert facts.quantization.method == "fbgemm_fp8"
