"""What a Python spec builds and gives to no platform is told at its line, and what it may yet use is not."""

from pathlib import Path

import pytest

from llminfra.diagnostics import Severity
from llminfra.loading.load import load, load_all
from llminfra.planning.specs import plan_specs

HEAD = """from llminfra import VLLM, Endpoint, GpuPool, Model, ModelBucket, Platform, Waiver
gpus = GpuPool(name="l4", instance_types=["g6.xlarge"], nodes=(0, 1))
prod = Platform(name="acme", region="us-east-1", pools=[gpus])
def made(name): return Endpoint(name=name, model=Model(id="Qwen/Qwen3-4B"), engine=VLLM(max_model_len=8192), on=gpus)
"""
ENDPOINT = 'Endpoint(name="chat", model=Model(id="Qwen/Qwen3-4B"), engine=VLLM(max_model_len=8192), on=gpus)'
MANY = """
def all_of(names):
    for name in names:
        each = Endpoint(name=name, model=Model(id="Qwen/Qwen3-4B"), engine=VLLM(max_model_len=8192), on=gpus)
"""


def told(folder: Path, text: str) -> list[tuple[str, str, int | None]]:
    file = folder / "spec.py"
    file.write_text(HEAD + text, encoding="utf-8")
    loaded = load(file)
    assert loaded.ok
    assert {(item.code, item.severity) for item in loaded.diagnostics} <= {("LLM_SPEC_9", Severity.WARNING)}
    return [(item.path, item.expected, item.line) for item in loaded.diagnostics]


@pytest.mark.parametrize(
    ("text", "path", "expected", "line"),
    [
        (f"chat = {ENDPOINT}", "endpoints.chat", "prod.add(chat)", 5),
        (f"\n{ENDPOINT}", "endpoints.chat", "prod.add(Endpoint(name='chat', …))", 6),
        (f"chat: Endpoint = {ENDPOINT}", "endpoints.chat", "prod.add(chat)", 5),
        (f"extra = [\n    {ENDPOINT},\n]", "endpoints.chat", "prod.add(extra)", 6),
        (f"def build():\n    chat = {ENDPOINT}\nbuild()", "endpoints.chat", "prod.add(chat)", 6),
        ("w = ModelBucket(name='acme-w')", "storage.acme-w", "Platform(storage=[…, w])", 5),
        ("l40s = gpus\nl4 = GpuPool(name='l', instance_types=['g6.xlarge'], nodes=(0, 1))", "pools.l",
         "Platform(pools=[…, l4])", 6),
        (MANY + "all_of(['a', 'b'])", "endpoints.a", "prod.add(each)", 8),
    ],
)  # fmt: skip
def test_what_no_platform_holds_is_told(tmp_path: Path, text: str, path: str, expected: str, line: int) -> None:
    assert told(tmp_path, text) == [(path, expected, line)]


@pytest.mark.parametrize(
    "text",
    [
        f"prod.add({ENDPOINT})",
        f"chat = {ENDPOINT}\nprod.add(chat)",
        f"chat = {ENDPOINT}\nif prod.account_id: prod.add(chat)",
        f"base = {ENDPOINT}\nprod.add(base.model_copy(update={{'name': 'other'}}))",
        "prod.add(made('chat'))\nmade('spare')",
        "spare = [made('a'), made('b')][0]",
        f"__all__ = ['chat']\nchat = {ENDPOINT}",
        f"chat = {ENDPOINT}\nfor each in [v for v in globals().values() if isinstance(v, Endpoint)]: prod.add(each)",
        f"class Ours:\n    pass\nOurs.chat = {ENDPOINT}",
        f"Platform(name='other', region='us-east-1', pools=[gpus], endpoints=[{ENDPOINT}])",
        "model, engine = Model(id='Qwen/Qwen3-4B'), VLLM()",
    ],
)
def test_what_may_yet_be_used_is_not(tmp_path: Path, text: str) -> None:
    assert told(tmp_path, text) == []


def test_what_a_neighbour_offers_is_not_told(tmp_path: Path) -> None:
    (tmp_path / "shared_parts.py").write_text(f"{HEAD}chat = {ENDPOINT}\nspare = {ENDPOINT}\n", encoding="utf-8")
    file = tmp_path / "spec.py"
    file.write_text("from shared_parts import chat, prod\nprod.add(chat)\n", encoding="utf-8")
    assert load(file).diagnostics == ()


def test_after_an_error_nothing_follows(tmp_path: Path) -> None:
    file = tmp_path / "spec.py"
    file.write_text(f"{HEAD}chat = {ENDPOINT}\nprod.append(chat)\n", encoding="utf-8")
    assert [item.code for item in load(file).diagnostics] == ["LLM_SPEC_6"]


def test_warnings_of_files_reach_plans(tmp_path: Path) -> None:
    """Each at the platform that it is about, or at the first of its file."""
    one, two = tmp_path / "one.py", tmp_path / "two.py"
    one.write_text(f"{HEAD}prod.add({ENDPOINT})\nw = ModelBucket(name='acme-w')\n", encoding="utf-8")
    two.write_text(
        "from llminfra import *\n"
        "a = Platform(name='a', region='us-east-1', cluster=None, storage=[ModelBucket(name='acme-x')])\n",
        encoding="utf-8",
    )
    three = tmp_path / "three.py"
    three.write_text(two.read_text(encoding="utf-8").replace("'a'", "'b'"), encoding="utf-8")
    assert [item.code for item in load_all([one, two, three]).diagnostics] == ["LLM_SPEC_9", "LLM_SPEC_4"]
    found = {
        plan.platform.name: [item.path for item in plan.diagnostics if item.code in {"LLM_SPEC_9", "LLM_SPEC_4"}]
        for plan in plan_specs([one, two, three])
    }
    assert found == {"acme": ["storage.acme-w"], "a": [], "b": ["storage.acme-x"]}
