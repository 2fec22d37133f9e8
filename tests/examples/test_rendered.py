"""The Kubernetes objects of every example are what the API server of its version takes, and what rules accept."""

import re
from pathlib import Path

import pytest
import yaml

from llminfra.cli.work.releases import render_releases
from llminfra.helm.validate import validate_objects
from llminfra.policy import check
from tests.examples.test_examples import EXAMPLES
from tests.helpers.example_plans import TODAY, plans_of
from tests.helpers.synthesized import Synthesized

# What only AWS knows is a reference until Terraform applies; the API server sees ids.
_IDS = {"security_group": "sg-0123456789abcdef0", "subnet": "subnet-0123456789abcdef0"}


def applied(text: str) -> str:
    def value(match: re.Match[str]) -> str:
        return next((known for part, known in _IDS.items() if part in match[0]), match[0])

    return re.sub(r"\$\{[^}]*\}", value, text)


@pytest.mark.parametrize("spec", EXAMPLES, ids=lambda spec: spec.parent.name)
def test_objects_of_an_example_are_valid(spec: Path, synthesized: Synthesized) -> None:
    plans = plans_of(spec)
    versions = {plan.eks.version for plan in plans if plan.cluster is not None}
    rendered = render_releases(synthesized(spec), plans)
    assert bool(rendered.releases) == bool(versions)
    if not versions:
        return
    (version,) = versions
    names = {release.name for release in rendered.releases}
    bases = {f"{plan.platform.cluster_prefix}cluster-base" for plan in plans if plan.cluster is not None}
    assert names >= bases | {endpoint.name for plan in plans for endpoint in plan.endpoints}
    for release in rendered.releases:
        objects = [item for item in yaml.load_all(applied(release.text), Loader=yaml.CSafeLoader) if item]
        assert objects, release.name
        assert [str(item) for item in validate_objects(objects, version)] == []


@pytest.mark.parametrize("spec", EXAMPLES, ids=lambda spec: spec.parent.name)
def test_an_example_keeps_the_rules_and_waives_nothing_for_nothing(spec: Path, synthesized: Synthesized) -> None:
    """Waivers of findings of checkov are not judged here, where it does not run."""
    report = check(plans_of(spec), synthesized(spec), use_checkov=False, today=TODAY)
    assert [(item.rule, item.where, item.found) for item in report.failures()] == []
    assert report.rules_run > 100
