"""The page of ``llminfra report``: complete, well formed, self-contained, and the same every time."""

import datetime as dt
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from llminfra.cli.page.report_page import report_page
from llminfra.cli.page.stacks import StackView, read_stacks
from llminfra.diagnostics import Severity
from llminfra.planning import plan_platform
from llminfra.planning.cost.keys import with_keys_as_one
from llminfra.policy.report import Acceptance, EngineRun, PolicyFinding, PolicyReport, Status
from llminfra.rules.registry import by_code
from llminfra.spec.platform import Platform
from tests.helpers.example_plans import ROOT, TODAY, plans_of
from tests.helpers.golden import assert_golden
from tests.report.page import Page, read
from tests.report.test_html import ANYTHING

EXAMPLES = sorted([*ROOT.glob("examples/*/spec.py"), *ROOT.glob("examples/*/spec.yaml"), *ROOT.glob("stacks/*.py")])
WAIVED = PolicyFinding(
    rule="CKV_AWS_18",
    title="Ensure the S3 bucket has access logging enabled",
    severity=Severity.INFO,
    message="checkov: Ensure the S3 bucket has access logging enabled",
    engine="checkov",
    spec_path="storage.acme-lustre-weights",
    status=Status.WAIVED,
    accepted=Acceptance(reason="CloudTrail records every access.", owner="security", expires=dt.date(2027, 1, 31)),
)
OPEN = PolicyFinding(
    rule="LLM_CAP_7",
    title="title",
    severity=Severity.WARNING,
    message="the pool has no spare node",
    spec_path="pools.gpu",
    found="2 nodes",
    expected="3 nodes",
    fix="raise nodes",
)


def stacks_of(spec: Path, folder: Path) -> tuple[StackView, ...]:
    """The golden stacks of an example, as a synthesis would lay them out (no order: that is the compiler's)."""
    stacks = {}
    for file in sorted((spec.parent / "expected").glob("*.tf.json")):
        name = file.name.removesuffix(".tf.json")
        stacks[name] = {"dependencies": [], "synthesizedStackPath": str(file)}
    (folder / "manifest.json").write_text(json.dumps({"stacks": stacks}), encoding="utf-8")
    return read_stacks(folder)


def checked(page: Page) -> Page:
    """What must hold of every page."""
    assert page.problems == []
    ids = page.attribute("id")
    assert len(set(ids)) == len(ids)
    places = {link[1:] for link in page.attribute("href") if link.startswith("#")}
    assert places <= set(ids)
    named = {name for value in page.attribute("aria-labelledby") for name in value.split()}
    assert named <= set(ids)
    assert [name for name, _ in page.elements].count("main") == 1
    assert re.findall(r"url\((?!#)|@import", page.style) == []
    names = {name for name, _ in page.elements}
    assert not names & {"script", "img", "link", "iframe", "object", "embed", "base", "form", "image", "use"}
    assert not {key for _, given in page.elements for key in given} & {"src", "style", "srcset", "xlink:href"}
    return page


@pytest.mark.parametrize("spec", EXAMPLES, ids=lambda spec: f"{spec.parent.name}-{spec.stem}")
def test_every_example_has_a_sound_page(spec: Path) -> None:
    plans = plans_of(spec)
    text = report_page(plans, PolicyReport(findings=(OPEN, WAIVED)), ())
    page = checked(read(text))
    assert re.findall(r"\b(nan|inf|None)\b", text) == []
    for plan in plans:
        models = [*plan.endpoints, *plan.ec2, *plan.sagemaker, *plan.batches]
        for name in (plan.platform.name, *(item.name for item in (*models, *plan.pools, *plan.buckets, *plan.lustre))):
            assert name in page.text
        for item in (*plan.async_endpoints, *plan.gateways, *(plan.bedrock.models if plan.bedrock else ())):
            assert item.name in page.text
        for quota in plan.quotas:
            assert quota.name in page.text
        for line in with_keys_as_one(plan.costs):
            assert line.spec_path in page.text
    assert text == report_page(plans, PolicyReport(findings=(OPEN, WAIVED)), ())


def test_the_page_of_an_example_is_its_golden(tmp_path: Path) -> None:
    spec = ROOT / "examples" / "vllm-lustre" / "spec.py"
    report = PolicyReport(
        findings=(OPEN, WAIVED),
        not_run=("Kubernetes objects of upstream charts: the charts are fetched at apply time",),
        runs=(EngineRun(engine="llminfra", version="0.1.0", subject="1 plans", seconds=1.5),),
        rules_run=100,
    )
    text = report_page(plans_of(spec), report, stacks_of(spec, tmp_path))
    lines = text.replace("><", ">\n<")  # one element a line, so that a difference can be read
    assert_golden(Path(__file__).parent / "golden" / "vllm-lustre.html", lines)


def test_a_page_without_prices_promises_no_sum() -> None:
    (plan,) = plans_of(ROOT / "examples/existing-vpc/spec.py")
    none: dict[str, Any] = {"usd_per_hour_min": None, "usd_per_hour_max": None, "price_date": None}
    plan = replace(plan, costs=tuple(replace(line, **none) for line in plan.costs))
    text = report_page([plan], PolicyReport(findings=(), runs=()), ())
    assert "No price is known" in text
    assert "`llminfra catalog refresh --region eu-central-1`, then LLMINFRA_PRICES" in text
    assert "$0" not in text


def test_findings_show_their_rule_and_waivers_who_answers() -> None:
    page = read(report_page(plans_of(ROOT / "stacks" / "prod.py"), PolicyReport(findings=(OPEN, WAIVED)), ()))
    rule = by_code()["LLM_CAP_7"]
    for text in ("the pool has no spare node", "2 nodes", "3 nodes", "raise nodes", rule.why, rule.title):
        assert text in page.text
    for text in ("CloudTrail records every access.", "security", "until 2027-01-31", "storage.acme-lustre-weights"):
        assert text in page.text
    assert "#rule-LLM_CAP_7" in page.attribute("href")


def test_platforms_of_one_page_do_not_mix(tmp_path: Path) -> None:
    plans = [*plans_of(ROOT / "stacks" / "prod.py"), *plans_of(ROOT / "stacks" / "dev.py")]
    first, second = (plan.platform.name for plan in plans)
    found = [PolicyFinding(rule="LLM_CAP_7", title="t", severity=Severity.INFO, message=f"of {name}", platform=name)
             for name in (first, second)]  # fmt: skip
    stacks = [StackView(name=f"{name}-network", needs=(), resources=1, types=(("aws_vpc", 1),), outputs=("vpc_id",),
                        releases=()) for name in (first, second)]  # fmt: skip
    text = report_page(plans, PolicyReport(findings=tuple(found)), stacks)
    checked(read(text))
    for own, other in ((first, second), (second, first)):
        part = text[text.index(f'<div id="p-{own}"') :]
        part = part[: part.index('class="platform"', 50) if 'class="platform"' in part[50:] else len(part)]
        assert f"of {own}" in part
        assert f"of {other}" not in part
        assert f"{own}-network" in part
        assert f"{other}-network" not in part


@settings(max_examples=25)
@given(text=ANYTHING.filter(lambda text: 0 < len(text) <= 60), tag=ANYTHING.filter(bool))
def test_hostile_words_stay_words(text: str, tag: str) -> None:
    # Past the rules for tags, so that the page is tried and not they.
    platform = Platform(name="hostile", region="us-east-1").model_copy(update={"tags": {tag: text}})
    plan = plan_platform(platform, today=TODAY)
    finding = PolicyFinding(
        rule=text,
        title=tag,
        severity=Severity.ERROR,
        message=text,
        spec_path=tag,
        address=text,
        found=tag,
        expected=text,
        fix=tag,
    )
    waived = PolicyFinding(
        rule="CKV_X_1",
        title=text,
        severity=Severity.INFO,
        message=tag,
        spec_path=text,
        status=Status.WAIVED,
        accepted=Acceptance(reason=text, owner=tag, expires=TODAY),
    )
    plain = report_page([plan], PolicyReport(findings=()), ())
    hostile = checked(read(report_page([plan], PolicyReport(findings=(finding, waived), not_run=(text,)), ())))
    allowed = {name for name, _ in read(plain).elements}
    assert {name for name, _ in hostile.elements} <= allowed | {
        "li",
        "span",
        "code",
        "b",
        "h3",
        "table",
        "small",
        "article",
    }
