"""The production platform, synthesized and rendered once a session: the passing case of every rule."""

from __future__ import annotations

from pathlib import Path

import pytest

from llminfra.compiler import compile_platforms
from llminfra.policy.rendered import render_releases
from llminfra.rules.views.kubernetes_view import KubernetesObjects
from llminfra.rules.views.terraform_view import read_synth_dir
from tests.rules.platforms import Documents, prod_plan, read_documents


@pytest.fixture(scope="session")
def synth_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``stacks/prod.py``, synthesized."""
    folder = tmp_path_factory.mktemp("prod")
    compile_platforms([prod_plan()], folder)
    return folder


@pytest.fixture(scope="session")
def documents(synth_dir: Path) -> Documents:
    """Its stacks as JSON; copy before breaking."""
    return read_documents(synth_dir)


@pytest.fixture(scope="session")
def objects(synth_dir: Path) -> KubernetesObjects:
    """Its Kubernetes objects, rendered."""
    rendered = render_releases(read_synth_dir(synth_dir), synth_dir)
    assert not rendered.refused
    return rendered.objects
