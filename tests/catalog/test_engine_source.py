"""The reader of engine sources, on sources small enough to see through."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "engine_source.py"


@pytest.fixture(scope="module")
def reader() -> ModuleType:
    spec = importlib.util.spec_from_file_location("engine_source", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["engine_source"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def write(root: Path, sources: dict[str, str]) -> None:
    for name, text in sources.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def vllm_sources(root: Path) -> None:
    write(
        root,
        {
            "vllm/config/cache.py": """
class CacheConfig:
    gpu_memory_utilization: float = Field(default=0.92, gt=0, le=1)
    enable_prefix_caching: bool | None = None
    block_size: int = 16
""",
            "vllm/engine/arg_utils.py": """
class EngineArgs:
    @staticmethod
    def add_cli_args(parser):
        cache_kwargs = get_kwargs(CacheConfig)
        group = parser.add_argument_group("x")
        group.add_argument("--block-size", **cache_kwargs["block_size"])
        group.add_argument("--enable-prefix-caching", **{**cache_kwargs["enable_prefix_caching"], "default": None})
        group.add_argument("--tensor-parallel-size", "-tp", type=int)
        group.add_argument("--fast", action=argparse.BooleanOptionalAction)
        group.add_argument("--slow", action="store_true")
""",
            "vllm/entrypoints/openai/cli_args.py": """
class BaseFrontendArgs:
    lora_modules: list[str] | None = None
class FrontendArgs(BaseFrontendArgs):
    port: int = 8000
    log_outputs: bool = False
    SKIPPED: ClassVar[int] = 1
""",
            "vllm/config/parallel.py": 'All2AllBackend = Literal["allgather_reducescatter", "deepep_v2"]',
            "vllm-1.0.dist-info/METADATA": "Requires-Dist: ray[cgraph]>=2.48.0\nRequires-Dist: torch==2.8.0\n",
            "vllm/model_executor/models/registry.py": """
_MODELS = {
    "PlainForCausalLM": ("plain", "PlainForCausalLM"),
    "StagedForCausalLM": ("staged", "StagedForCausalLM"),
    "ChildForCausalLM": ("child", "ChildForCausalLM"),
    "OutsideForCausalLM": ("vllm.models.outside", "OutsideForCausalLM"),
    "TakenBackForCausalLM": ("child", "TakenBack"),
    "GoneForCausalLM": ("gone", "Gone"),
}
""",
            "vllm/model_executor/models/interfaces.py": "class SupportsPP: supports_pp = True\n",
            "vllm/model_executor/models/plain.py": "class PlainForCausalLM(nn.Module): pass\n",
            "vllm/model_executor/models/staged.py": """
from .interfaces import SupportsPP
class StagedForCausalLM(nn.Module, SupportsPP): pass
""",
            "vllm/model_executor/models/child.py": """
from .staged import StagedForCausalLM as Parent
class ChildForCausalLM(Parent): pass
class TakenBack(Parent):
    supports_pp = False
""",
            "vllm/models/outside/__init__.py": "from .model import OutsideForCausalLM\n",
            "vllm/models/outside/model.py": """
from vllm.model_executor.models.interfaces import SupportsPP as Stages
class OutsideForCausalLM(nn.Module, Stages): pass
""",
            "vllm/envs.py": "environment_variables: dict[str, object] = {'VLLM_HOST_IP': 1, 'VLLM_PORT': 2}",
            "vllm/v1/metrics/loggers.py": """
class Logger:
    def __init__(self):
        self._gauge_cls(name="vllm:kv_cache_usage_perc")
        self._counter_cls(name="vllm:prompt_tokens", documentation="like vllm:other but not it")
        self._histogram_cls(name="vllm:ttft_seconds")
        if self.show_hidden_metrics:
            self._gauge_cls(name="vllm:gpu_cache_usage_perc")
        INFO = "vllm:cache_config_info"
""",
            "vllm/model_executor/layers/quantization/__init__.py": """
QuantizationMethods = Literal["fp8", "awq"]
DEPRECATED_QUANTIZATION_METHODS = ["awq"]
def get_quantization_config(quantization):
    method_to_config: dict[str, type] = {"fp8": Fp8Config, "awq": AwqConfig}
""",
            "vllm/model_executor/layers/quantization/fp8.py": """
class Base:
    @classmethod
    def get_min_capability(cls):
        return 75
class Fp8Config(Base):
    pass
class AwqConfig:
    @classmethod
    def get_min_capability(cls):
        return 80 if cls.x else 75
""",
        },
    )


def test_vllm_sources(tmp_path: Path, reader: ModuleType):
    vllm_sources(tmp_path)
    facts = reader.read_vllm(tmp_path)
    assert facts.flags == {
        "--block-size",
        "--enable-prefix-caching",
        "--tensor-parallel-size",
        "-tp",
        "--fast",
        "--slow",
        "--lora-modules",
        "--port",
        "--log-outputs",
    }
    assert facts.negatable == {"--enable-prefix-caching", "--fast", "--log-outputs"}
    assert facts.env == {"VLLM_HOST_IP", "VLLM_PORT"}
    assert facts.metrics == {
        "vllm:kv_cache_usage_perc": "gauge",
        "vllm:prompt_tokens": "counter",
        "vllm:ttft_seconds": "histogram",
        "vllm:cache_config_info": "unknown",
    }
    assert facts.hidden_metrics == {"vllm:gpu_cache_usage_perc": "gauge"}
    assert facts.quantizations == {"fp8", "awq"}
    assert facts.deprecated_quantizations == {"awq"}
    assert facts.min_capability == {"fp8": "75"}
    assert facts.settings == {"gpu_memory_utilization": "0.92", "brings_ray": "yes"}
    staged = {"StagedForCausalLM", "ChildForCausalLM", "OutsideForCausalLM"}
    assert facts.pipeline_architectures == staged
    assert facts.architectures == staged | {"PlainForCausalLM", "TakenBackForCausalLM"}
    assert facts.all2all_backends == {"allgather_reducescatter", "deepep_v2"}


def test_sglang_sources(tmp_path: Path, reader: ModuleType):
    write(
        tmp_path,
        {
            "sglang/srt/server_args.py": """
class ServerArgs:
    def add_cli_args(parser):
        parser.add_argument("--sampling-backend", type=str)
""",
            "sglang/srt/arg_groups/fields/model.py": """
class Model:
    model_path: A[str, Arg(help="Path.", aliases=["--model"])]
    tp_size: A[int, Arg(help="TP.", cli_name="--tp-size", aliases=["--tensor-parallel-size"])] = 1
    internal: A[int, Arg(no_cli=True)] = 1
    plain: int = 3
""",
            "sglang/srt/environ.py": "class Envs:\n    SGLANG_A = EnvBool(False)\n",
            "sglang/srt/metrics.py": "g = Gauge(name='sglang:token_usage')\nx = os.environ.get('SGLANG_B')\n",
        },
    )
    facts = reader.read_sglang(tmp_path)
    assert facts.flags == {"--sampling-backend", "--model-path", "--model", "--tp-size", "--tensor-parallel-size"}
    assert facts.env == {"SGLANG_A", "SGLANG_B"}
    assert facts.metrics == {"sglang:token_usage": "gauge"}
