"""Goldens of this repository's own platforms: every change of what is deployed is seen in review."""

import datetime as dt
import re
from pathlib import Path

import pytest

from llminfra.compiler import compile_platforms
from llminfra.loading.load import load
from llminfra.planning import plan_platform
from tests.helpers.golden import assert_golden

ROOT = Path(__file__).parents[2]
GOLDENS = ROOT / "tests" / "golden" / "stacks"
TODAY = dt.date(2026, 11, 23)
KINDS = ("network", "cluster", "storage", "platform", "serving")


@pytest.fixture(scope="module")
def synthesized(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stacks")
    plans = []
    for name in ("prod", "dev"):
        loaded = load(ROOT / "stacks" / f"{name}.py")
        assert loaded.ok
        plans += [plan_platform(platform, today=TODAY) for platform in loaded.platforms]
    compile_platforms(plans, folder)
    return folder


def _without_digests(text: str) -> str:
    """Digests of charts: the charts have goldens of their own."""
    return re.sub(r'("description": "[a-z-]+) [0-9a-f]{12}"', r'\1 <digest>"', text)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("platform", ["acme-prod", "acme-dev"])
def test_stack(synthesized, platform, kind):
    text = (synthesized / "stacks" / f"{platform}-{kind}" / "cdk.tf.json").read_text(encoding="utf-8")
    assert_golden(GOLDENS / f"{platform}-{kind}.tf.json", _without_digests(text))


def test_manifest(synthesized):
    assert_golden(GOLDENS / "manifest.json", (synthesized / "manifest.json").read_text(encoding="utf-8"))
