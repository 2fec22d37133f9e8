"""What ``llminfra check`` prints of a report: what fails by its object, remarks of checkov by their rule."""

from __future__ import annotations

from typing import Any

from llminfra.cli.terminal.check_view import check_text
from llminfra.diagnostics import Severity
from llminfra.policy.checkov_facts import fix_of
from llminfra.policy.report import PolicyFinding, PolicyReport


def remark(place: str, rule: str = "CKV_K8S_43", **fields: Any) -> PolicyFinding:
    plain = {"title": rule, "message": f"checkov: {rule} says", "severity": Severity.INFO, "engine": "checkov"}
    return PolicyFinding(rule=rule, spec_path=place, fix=fix_of(rule, place), **{**plain, **fields})


def text_of(*findings: PolicyFinding, fail_on: Severity = Severity.WARNING) -> str:
    return " ".join(check_text(PolicyReport(findings=findings), fail_on).split())


def test_a_remark_about_many_objects_stands_once_with_its_places() -> None:
    names = [f"endpoints.e{number}" for number in range(8)]
    text = text_of(*(remark(name) for name in (*names, "gateways")))
    assert text.count("CKV_K8S_43 says") == 1
    assert "(9 times)" in text
    assert "at endpoints.e0, endpoints.e1, endpoints.e2, endpoints.e3, endpoints.e4, endpoints.e5 and 3 more" in text
    # An endpoint can name its image by digest, a gateway cannot.
    assert text.count("set VLLM(image=Image(repository=…, digest=…))") == 1
    assert text.count("no field of the spec changes this") == 1


def test_what_fails_stays_with_its_object() -> None:
    failing = remark("endpoints.chat", "CKV_K8S_23", severity=Severity.WARNING)
    text = text_of(failing, remark("endpoints.chat"))
    assert text.index("endpoints.chat warning CKV_K8S_23") < text.index("remarks of checkov")
    assert "Waiver(rule='CKV_K8S_23', scope='endpoints.chat'" in text


def test_where_remarks_fail_they_stand_with_their_objects() -> None:
    text = text_of(remark("endpoints.a"), remark("endpoints.b"), fail_on=Severity.INFO)
    assert "remarks of checkov" not in text
    assert text.count("CKV_K8S_43 says") == 2


def test_remarks_of_llminfra_stay_with_their_objects() -> None:
    assert "pools.a info LLM_A_1" in text_of(remark("pools.a", "LLM_A_1", engine="llminfra"))
