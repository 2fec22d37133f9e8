"""Goldens of this repository's own platforms: every change of what is deployed is seen in review."""

import re

import pytest

from llminfra.compiler import compile_platforms
from tests.helpers.example_plans import ROOT, plans_of
from tests.helpers.golden import assert_golden

GOLDENS = ROOT / "tests" / "golden" / "stacks"
KINDS = ("network", "cluster", "storage", "platform", "serving")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("stacks")
    specs = [ROOT / "stacks" / f"{name}.py" for name in ("prod", "dev")]
    compile_platforms([plan for spec in specs for plan in plans_of(spec)], out)
    return out


def _without_digests(text: str) -> str:
    """Digests of charts: the charts have goldens of their own."""
    return re.sub(r'("description": "[a-z-]+) [0-9a-f]{12}"', r'\1 <digest>"', text)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("platform", ["acme-prod", "acme-dev"])
def test_stack(folder, platform, kind):
    text = (folder / "stacks" / f"{platform}-{kind}" / "cdk.tf.json").read_text(encoding="utf-8")
    assert_golden(GOLDENS / f"{platform}-{kind}.tf.json", _without_digests(text))


def test_manifest(folder):
    assert_golden(GOLDENS / "manifest.json", (folder / "manifest.json").read_text(encoding="utf-8"))
