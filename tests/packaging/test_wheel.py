"""The wheel as a user gets it: one package, nothing of this repository's own stacks, its data inside."""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SPEC = """
from stacks.naming import REGION
from llminfra import VLLM, Endpoint, GpuPool, Model, ModelBucket, Platform

gpus = GpuPool(name="l40s", instance_types=["g6e.xlarge"], nodes=(0, 1))
platform = Platform(
    name="elsewhere",
    region=REGION,
    pools=[gpus],
    storage=[ModelBucket(name="elsewhere-weights")],
    endpoints=[Endpoint(name="chat", model=Model(id="Qwen/Qwen3-8B"), engine=VLLM(max_model_len=8192), on=gpus)],
)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)],
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("llminfra-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the wheel; its dependencies are those of this environment, without this checkout."""
    home = tmp_path_factory.mktemp("venv")
    venv.create(home, with_pip=False)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(home), "platbase": str(home)}))
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel)],
        check=True,
        capture_output=True,
    )
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return home / "bin" / "python"


def test_wheel_holds_only_the_package(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"llminfra"}
    assert "llminfra/py.typed" in names
    assert "llminfra/_modules/charts/llm-server/Chart.yaml" in names
    assert "llminfra/_runbooks/gpu-hot.md" in names
    assert any(name.startswith("llminfra/catalog/data/") for name in names)
    assert not any(name.endswith(".pyc") for name in names)


def test_installed_wheel_synthesizes_a_spec_of_a_repository_with_its_own_stacks(
    installed: Path, tmp_path: Path
) -> None:
    stacks = tmp_path / "stacks"
    stacks.mkdir()
    (stacks / "__init__.py").touch()
    (stacks / "naming.py").write_text('REGION = "us-east-1"\n', encoding="utf-8")
    (stacks / "elsewhere.py").write_text(SPEC, encoding="utf-8")
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    where = subprocess.run(
        [installed, "-c", "import llminfra; print(llminfra.__file__)"],
        check=True, capture_output=True, text=True, cwd=tmp_path, env=clean,
    ).stdout  # fmt: skip
    assert str(ROOT) not in where
    written = {}
    # Python compiles the scripts in an installed chart; the same comes out as from this checkout.
    for name, python in (("installed", installed), ("checkout", Path(sys.executable))):
        done = subprocess.run(
            [python, "-m", "llminfra", "synth", "stacks/elsewhere.py", "-o", name],
            check=False, capture_output=True, text=True, cwd=tmp_path, env=clean,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        out = tmp_path / name
        written[name] = {str(file.relative_to(out)): file.read_bytes() for file in out.rglob("*") if file.is_file()}
    assert written["installed"] == written["checkout"]
    assert "manifest.json" in written["installed"]
    assert "stacks/elsewhere-serving/cdk.tf.json" in written["installed"]
    assert "stacks/elsewhere-serving/charts/llm-server/Chart.yaml" in written["installed"]
