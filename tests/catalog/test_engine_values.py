"""The reader of what parsers take, on sources small enough to see through."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.fixture(scope="module")
def values() -> ModuleType:
    sys.path.insert(0, str(SCRIPTS))
    try:
        return importlib.import_module("catalog_values")
    finally:
        sys.path.remove(str(SCRIPTS))


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_vllm(values: ModuleType, tmp_path: Path) -> None:
    write(
        tmp_path / "config" / "all.py",
        """
CacheDType = Literal["auto", "fp8"]
WITHOUT: Final = "passthrough"
@dataclass
class KVTransferConfig:
    kv_role: str = "both"
class CacheConfig:
    cache_dtype: CacheDType = "auto"
    block_size: SkipValidation[int | None] = None
    share: float = 0.9
    eager: bool = False
    transfer: KVTransferConfig | None = None
    names: list[str] = []
    extra: dict = {}
    free: CacheDType | str = "auto"
    backend: Literal["naive", "passthrough"] = "naive"
    odd: Literal["a", "b"] = "a"
    more: Literal["x", "y"] = "x"
""",
    )
    fields = ("cache-dtype", "block-size", "share", "transfer", "names", "extra", "free", "backend", "odd", "more")
    added = "\n".join(
        f'        group.add_argument("--{name}", **kwargs["{name.replace("-", "_")}"])' for name in fields
    )
    write(
        tmp_path / "engine" / "arg_utils.py",
        f"""
class EngineArgs:
    @staticmethod
    def add_cli_args(parser):
        kwargs = get_kwargs(CacheConfig)
        kwargs["backend"]["choices"].remove(WITHOUT)
        kwargs["more"]["choices"] += ["z"]
        kwargs["odd"]["type"] = lambda text: text.lower()
{added}
        group.add_argument("--eager", "-e", **{{**kwargs["eager"], "default": None}})
        parser.add_argument("--headless", action="store_true")
        parser.add_argument("--level", type=str.upper, choices=["INFO"])
        parser.add_argument("--size", type=optional_type(int), nargs="+")
""",
    )
    write(
        tmp_path / "entrypoints" / "launchers" / "cli_args.py",
        """
class FrontendArgs:
    port: int = 8000
    allowed_origins: list[str] = []
    @classmethod
    def _customize(cls, frontend_kwargs):
        frontend_kwargs["allowed_origins"]["type"] = json.loads
""",
    )
    assert values.vllm_values(tmp_path) == {
        "--cache-dtype": "auto|fp8",
        "--block-size": "int",
        "--share": "float",
        "--transfer": "json",
        "--names": "str …",
        "--extra": "json",
        "--free": "str",
        "--backend": "naive",
        "--odd": "any",
        "--more": "any",
        "--eager": "switch",
        "-e": "switch",
        "--headless": "switch",
        "--level": "any",
        "--size": "int …",
        "--port": "int",
        "--allowed-origins": "json",
    }


def test_sglang(values: ModuleType, tmp_path: Path) -> None:
    write(tmp_path / "srt" / "arg_groups" / "choices.py", 'FORMATS = ["auto", "dummy"]\nMORE = FORMATS + ["late"]\n')
    write(
        tmp_path / "srt" / "arg_groups" / "fields" / "model.py",
        """
class Model:
    model_path: A[str, Arg(help="x", aliases=["--model"])]
    load_format: A[str, Arg(help="x", choices=MORE)] = "auto"
    trust: A[bool, "help"] = False
    limit: A[Optional[int], "help"] = None
    modules: A[Optional[List[str]], Arg(help="x", choices=FORMATS)] = None
    mode: A[Literal["on", "off"], "help"] = "on"
    own: A[str, Arg(help="x", type_parser=parse, choices=FORMATS)] = "auto"
    inner: A[int, Arg(no_cli=True)] = 0
    lora: A[list, Arg(help="x", action=LoRAPathAction, action_kwargs={"nargs": "*"})] = None
""",
    )
    write(
        tmp_path / "srt" / "server_args.py",
        """
class DeprecatedAction(argparse.Action):
    def __call__(self, parser, namespace, values, option_string=None):
        raise ValueError(self.help)
def add(parser):
    parser.add_argument("--tp-size", "--tp", type=int)
    parser.add_argument("--old", action=DeprecatedAction, help="gone")
    parser.add_argument("--older", action=DeprecatedStoreTrueAction, new_flag="--new")
""",
    )
    assert values.sglang_values(tmp_path) == {
        "--tp-size": "int",
        "--tp": "int",
        "--old": "refused",
        "--older": "switch",
        "--model-path": "str",
        "--model": "str",
        "--load-format": "auto|dummy|late",
        "--trust": "switch",
        "--limit": "int",
        "--modules": "auto|dummy …",
        "--mode": "off|on",
        "--own": "any",
        "--lora": "str …",
    }


def test_the_launcher_of_tgi(values: ModuleType) -> None:
    source = """
enum Kind {
    #[clap(name = "bfloat16")]
    BFloat16,
    Float16,
    BitsandbytesNf4,
}

struct Args {
    /// Words.
    #[clap(long, env)]
    num_shard: Option<usize>,
    #[clap(long, env)]
    share: f32,
    #[clap(long, env)]
    sharded: Option<bool>,
    #[clap(long, env)]
    kind: Option<Kind>,
    #[clap(long, env, value_delimiter = ',')]
    graphs: Option<Vec<usize>>,
    #[clap(long, env)]
    quiet: bool,
}
"""
    assert values.launcher_values(source) == {
        "--num-shard": "int",
        "--share": "float",
        "--sharded": "false|true",
        "--kind": "bfloat16|bitsandbytes-nf4|float16",
        "--graphs": "str",
        "--quiet": "switch",
    }
