"""What holds for every in-repo chart and every sample of its values."""

from __future__ import annotations

from pathlib import Path

import pytest

from llminfra.assets import chart_dir, modules_dir
from llminfra.charts.registry import IN_REPO_CHARTS
from llminfra.charts.schema import schema_text
from llminfra.diagnostics import ToolError
from llminfra.helm.render import parse_manifests, render_text
from llminfra.helm.validate import validate_objects
from tests.charts.samples import CASES, IN_REPO
from tests.helpers.golden import assert_golden
from tests.helpers.helm_lint import lint
from tests.helpers.tools import require_helm

pytestmark = pytest.mark.helm
GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize(("chart", "sample"), CASES)
def test_lints_renders_and_validates(chart: str, sample: str) -> None:
    require_helm()
    values = IN_REPO[chart][sample]().to_values()
    assert lint(chart_dir(chart), values) == []
    text = render_text(chart_dir(chart), values, release=sample, namespace="llm")
    objects = parse_manifests(text)
    assert objects
    assert [str(problem) for problem in validate_objects(objects, "1.34")] == []
    assert_golden(GOLDEN / f"{chart}.{sample}.yaml", text)


@pytest.mark.parametrize("kube_version", ["1.33", "1.35", "1.36"])
def test_valid_on_other_kubernetes_versions(kube_version: str) -> None:
    require_helm()
    for chart, sample in CASES:
        values = IN_REPO[chart][sample]().to_values()
        text = render_text(chart_dir(chart), values, release="r", namespace="llm", kube_version=kube_version)
        assert validate_objects(parse_manifests(text), kube_version) == []


def test_every_chart_has_a_values_type_and_a_sample() -> None:
    charts = {path.parent.name for path in (modules_dir() / "charts").glob("*/Chart.yaml")}
    assert charts == set(IN_REPO_CHARTS) == set(IN_REPO)


@pytest.mark.parametrize("chart", sorted(IN_REPO_CHARTS))
def test_schema_is_that_of_the_values_type(chart: str) -> None:
    assert_golden(chart_dir(chart) / "values.schema.json", schema_text(IN_REPO_CHARTS[chart]))


@pytest.mark.parametrize("chart", sorted(IN_REPO_CHARTS))
def test_no_chart_accepts_an_unknown_key(chart: str) -> None:
    require_helm()
    sample = next(iter(IN_REPO[chart].values()))
    values = {**sample().to_values(), "replicaCout": 3}
    with pytest.raises(ToolError, match="replicaCout"):
        render_text(chart_dir(chart), values, release="r", namespace="llm")


@pytest.mark.parametrize(("chart", "sample"), CASES)
def test_values_are_the_same_every_time(chart: str, sample: str) -> None:
    build = IN_REPO[chart][sample]
    assert str(build().to_values()) == str(build().to_values())
    again = type(build()).model_validate(build().to_values())
    assert again == build()


def test_every_image_in_the_charts_is_pinned() -> None:
    require_helm()
    for chart, sample in CASES:
        text = render_text(chart_dir(chart), IN_REPO[chart][sample]().to_values(), release="r", namespace="llm")
        images = [line.split("image:", 1)[1].strip(' "') for line in text.splitlines() if " image:" in line]
        for image in images:
            assert ":" in image.rsplit("/", 1)[-1], image
            assert not image.endswith(":latest")
