"""``llminfra.plan_specs``: what ``llminfra plan`` prints, as data, and no less strict."""

from pathlib import Path

import pytest

from llminfra import Severity, SpecError, plan_specs
from tests.cli.specs import GOOD, write

OPEN = GOOD.replace("on=pool)", 'on=pool, allow_from_namespaces=["web"])')
WAIVER = """Waiver(
    rule="LLM_SRV_72", scope="endpoints.chat", reason="the service mesh asks callers", owner="ml", expires="2999-01-01"
)"""


def test_warnings_of_rules_are_among_the_findings(tmp_path: Path) -> None:
    (plan,) = plan_specs([write(tmp_path, GOOD)])
    assert "LLM_STO_10" in {item.code for item in plan.diagnostics}


def test_an_error_of_a_rule_is_raised(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        plan_specs([write(tmp_path, OPEN)])
    errors = {item.code for item in caught.value.diagnostics if item.severity is Severity.ERROR}
    assert errors == {"LLM_SRV_72"}


def test_what_the_spec_accepts_is_not_raised(tmp_path: Path) -> None:
    text = "from llminfra import Waiver\n" + OPEN.replace("Platform(name=", f"Platform(waivers=[{WAIVER}], name=")
    (plan,) = plan_specs([write(tmp_path, text)])
    assert "LLM_SRV_72" not in {item.code for item in plan.diagnostics}


def waived(*waivers: str) -> str:
    return "from llminfra import Waiver\n" + GOOD.replace(
        "Platform(name=", f"Platform(waivers=[{','.join(waivers)}], name="
    )


def test_a_waiver_that_expired_is_told_at_its_line(tmp_path: Path) -> None:
    (plan,) = plan_specs([write(tmp_path, waived(WAIVER.replace("2999", "2001")))])
    (told,) = (item for item in plan.diagnostics if item.code == "LLM_WAIVER_1")
    assert (told.severity, told.path) == (Severity.WARNING, "waivers.LLM_SRV_72")
    assert told.message == "the waiver of LLM_SRV_72 has expired, and `llminfra check` refuses it"
    assert told.found == "for endpoints.chat until 2001-01-01, by ml"
    assert told.line


def test_several_that_expired_are_one_finding(tmp_path: Path) -> None:
    over = WAIVER.replace("2999", "2001")
    (plan,) = plan_specs([write(tmp_path, waived(over, over.replace("2001", "2002"), WAIVER))])
    (told,) = (item for item in plan.diagnostics if item.code == "LLM_WAIVER_1")
    assert told.path == "waivers"
    assert told.message.startswith("2 waivers have expired")
    assert told.found.endswith("until 2002-01-01 at the latest")


def test_waivers_that_hold_are_not_told(tmp_path: Path) -> None:
    (plan,) = plan_specs([write(tmp_path, waived(WAIVER))])
    assert "LLM_WAIVER_1" not in {item.code for item in plan.diagnostics}
