"""Finding the modules in a checkout and in an installed wheel."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from llminfra import assets
from llminfra.diagnostics import ToolError


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty package directory that the look-up takes for llminfra."""
    folder = tmp_path / "site-packages" / "llminfra"
    folder.mkdir(parents=True)
    monkeypatch.setattr(assets, "__file__", str(folder / "assets.py"))
    assets.modules_dir.cache_clear()
    yield folder
    assets.modules_dir.cache_clear()


def test_checkout(package: Path) -> None:
    (package.parent / "modules" / "charts").mkdir(parents=True)
    assert assets.modules_dir() == package.parent / "modules"


def test_wheel(package: Path) -> None:
    (package / "_modules" / "charts").mkdir(parents=True)
    assert assets.modules_dir() == package / "_modules"


def test_an_unrelated_folder_of_that_name_is_not_taken(package: Path) -> None:
    (package.parent / "modules").mkdir()
    with pytest.raises(ToolError, match="reinstall llminfra"):
        assets.modules_dir()


def test_a_chart_in_a_wheel(package: Path) -> None:
    source = Path(__file__).parents[2] / "modules"
    shutil.copytree(source, package / "_modules")
    assert assets.chart_dir("llm-server") == package / "_modules" / "charts" / "llm-server"
