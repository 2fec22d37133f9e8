"""Slips in a Python spec are told with what was meant."""

from pathlib import Path

import pytest

from llminfra.loading.load import load
from tests.loading.python_specs import MINIMAL, spec


def test_a_module_that_lies_above_the_spec_is_told_with_its_folder(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "teams" / "chat").mkdir(parents=True)
    file = spec(tmp_path / "teams" / "chat", "from shared.pools import l4\n")
    (found,) = load(file).diagnostics
    assert found.fix == f"it lies in {tmp_path}: run llminfra there, or set PYTHONPATH={tmp_path}"


@pytest.mark.parametrize(
    ("module", "fix"), [("shared.pool", "did you mean shared.pools?"), ("shared.zz", "import a module that shared has")]
)
def test_a_module_that_its_package_lacks_is_no_matter_of_folders(tmp_path: Path, module: str, fix: str) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "pools.py").write_text("", encoding="utf-8")
    (found,) = load(spec(tmp_path, f"from {module} import l4\n")).diagnostics
    assert found.fix == fix


def test_a_misspelt_neighbour_is_told(tmp_path: Path) -> None:
    (tmp_path / "pools.py").write_text("", encoding="utf-8")
    (found,) = load(spec(tmp_path, "import pool\n")).diagnostics
    assert found.fix == "did you mean pools?"


def test_a_variable_that_is_not_set_is_told_at_the_users_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # `<frozen os>` would be a file of the folder
    monkeypatch.delenv("ACME_STAGE", raising=False)
    file = spec(tmp_path, "import os\n\nstage = os.environ['ACME_STAGE']\n")
    (found,) = load(file).diagnostics
    assert (found.file, found.line) == (str(file), 3)
    assert found.fix == "set the environment variable ACME_STAGE, or give a default: os.environ.get('ACME_STAGE', …)"


def test_a_platform_that_is_built_in_main_is_told(tmp_path: Path) -> None:
    text = "from llminfra import Platform\nif __name__ == '__main__':\n    Platform(name='x', region='us-east-1')\n"
    (found,) = load(spec(tmp_path, text)).diagnostics
    assert found.code == "LLM_SPEC_7"
    assert "__main__" in found.fix


def test_what_is_added_wrongly_hides_nothing_after_it(tmp_path: Path) -> None:
    text = MINIMAL.replace("Platform\n", "GpuPool, Platform\n", 1) + (
        'pool = GpuPool(name="a", instance_types=["g6.xlarge"])\nplatform.add(pool)\nplatform.add("chat")\n'
        'GpuPool(name="b", instance_types=["g6.xlarge"], nodes="many")\n'
    )
    found = load(spec(tmp_path, text)).diagnostics
    assert [(item.line, item.fix) for item in found] == [
        (5, "give it to Platform(pools=…)"),
        (6, "add an Endpoint(…)"),
        (7, "write nodes=(0, 8)"),
    ]


def test_workloads_may_be_added_together(tmp_path: Path) -> None:
    text = (
        "from llminfra import *\n"
        "l4 = GpuPool(name='l4', instance_types=['g6.xlarge'])\n"
        "a, b = (Endpoint(name=n, model=Model(id='a/b'), engine=VLLM(), on=l4) for n in 'ab')\n"
        "p = Platform(name='x', region='us-east-1', pools=[l4])\n"
        "assert p.add(a, Gateway(name='g', endpoints=[a], exposure='cluster'), b) is a\n"
    )
    (platform,) = load(spec(tmp_path, text)).platforms
    assert [item.name for item in (*platform.workloads, *platform.gateways)] == ["a", "b", "g"]


def test_a_list_of_a_declared_object_does_not_grow(tmp_path: Path) -> None:
    (item,) = load(spec(tmp_path, f"{MINIMAL}platform.pools.append(1)\n")).diagnostics
    assert item.fix == "a declared object does not change: give it the whole list where it is built"


def test_nothing_in_the_place_of_a_default_is_left_out(tmp_path: Path) -> None:
    text = MINIMAL.replace('region="us-east-1"', 'region="us-east-1", pools=None, tags=None')
    fixes = {item.path: item.fix for item in load(spec(tmp_path, text)).diagnostics}
    assert fixes == {"pools": "leave pools out", "tags": "leave tags out"}


@pytest.mark.parametrize(
    ("line", "fix"),
    [
        ("x = Spot()", "import it: from llminfra import Spot"),
        ("x = Spott()", "did you mean Spot, imported from llminfra?"),
        ("import llminfra\nx = Spot()", "write llminfra.Spot"),
        ("import llminfra\nx = llminfra.Endpont", "did you mean Endpoint?"),
        ("x = true", "write True"),
        ("x = os.environ", "write import os above"),
        ("x = dt.date(2027, 1, 1)", "write import datetime as dt above"),
        ("x = l4\nl4 = 1", "line 5 defines it: move that above this line"),
        ("x = make()\ndef make(): pass", "line 5 defines it: move that above this line"),
        ("def f():\n    x = x + 1\nf()", "give it a value above this line"),
        ("from llminfra import Vllm", "did you mean VLLM?"),
        ("from llminfra import Vllm, Spot, Modell", "did you mean VLLM for Vllm, Model for Modell?"),
        (
            "from llminfra import (\n    Vllm,\n    Quux,\n)",
            "did you mean VLLM for Vllm? `llminfra explain --types` lists what there is, and no Quux",
        ),
        ("from llminfra import Xyzzyx", "`llminfra explain --types` lists what may be declared"),
        ("from llminfra.spec import Endpoint", "write from llminfra import Endpoint"),
        ("import llminfra.pools", "write from llminfra import …: what is declared is all there"),
        ("import no_such_lib", "install no_such_lib beside llminfra, or correct its name"),
        ("platform.ad(1)", "did you mean add?"),
        ("platform.regio", "did you mean region?"),
        ("platform.append(1)", "write .add(…), which takes endpoints, gateways, queues and batch jobs"),
        ("platform.xyzzyx", "`llminfra explain Platform` lists what Platform has"),
        ("x = None\nx.name", "what stands before .name is None here"),
        ("platform.add(endpoint=1)", "Platform.add() takes workload, more"),
        ("platform.add()", "give Platform.add() 'workload', too"),
        ("def make(name, region): pass\nmake(nme='a', region='b')", "did you mean name?"),
        (
            "platform(1)",
            "a Platform is no function: is there a comma missing before the parenthesis, or one pair too much?",
        ),
        ("platform['name']", "a Platform has fields: write .name in the place of ['name']"),
        ("platform.pools[0] = 1", "a declared object does not change: give it the whole list where it is built"),
        ("x = platform.pools + [1]", "a declared list is a tuple: write [*…, …]"),
        ("open('here.txt')", "it lies beside the spec: Path(__file__).parent / 'here.txt'"),
        ("1 / 0", "correct this line"),
    ],
)
def test_what_was_meant_is_told(tmp_path: Path, line: str, fix: str) -> None:
    (tmp_path / "here.txt").write_text("", encoding="utf-8")
    (item,) = load(spec(tmp_path, f"{MINIMAL}{line}\n")).diagnostics
    assert (item.code, item.fix) == ("LLM_SPEC_6", fix)
