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
