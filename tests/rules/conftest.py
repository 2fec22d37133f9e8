"""The production platform, synthesized once a run and rendered once a session: the passing case of every rule."""

from __future__ import annotations

from pathlib import Path

import pytest

from llminfra.policy.rendered import render_releases
from llminfra.rules.views.kubernetes_view import KubernetesObjects
from llminfra.rules.views.terraform_view import read_synth_dir
from tests.helpers.example_plans import ROOT
from tests.helpers.synthesized import Synthesized
from tests.rules.platforms import Documents, read_documents


@pytest.fixture(scope="session")
def synth_dir(synthesized: Synthesized) -> Path:
    """``stacks/prod.py``, synthesized."""
    return synthesized(ROOT / "stacks" / "prod.py")


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
