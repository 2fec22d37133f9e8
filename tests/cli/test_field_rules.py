"""Rules by the field they are about."""

import json

import pytest

from llminfra.cli.work.field_rules import _by_field, rules_about
from llminfra.reference.types import declared_types
from llminfra.rules.registry import rules
from scripts.rule_fields import FILE, rule_fields, text


def test_the_recorded_places_are_what_the_source_says() -> None:
    assert FILE.read_text(encoding="utf-8") == text(), "run: python scripts/rule_fields.py"


def test_every_recorded_code_is_a_rule() -> None:
    codes = {rule.code for rule in rules()}
    assert {code for row in rule_fields().values() for code in row} <= codes
    assert "_source" in json.loads(FILE.read_text(encoding="utf-8"))


def test_fields_are_those_of_declared_types() -> None:
    types = declared_types()
    for name, field in _by_field():
        assert not name or field in types[name].model_fields or not field


@pytest.mark.parametrize(
    ("type_name", "field", "codes"),
    [
        ("VLLM", "max_model_len", {"LLM_FIT_4", "LLM_FIT_9", "LLM_SRV_6"}),  # one is told there, two name it
        ("GpuPool", "zones", {"LLM_CAP_23", "LLM_CAP_24"}),
        ("GpuPool", "instance_types", {"LLM_CAP_20", "LLM_CAP_25"}),
        ("Endpoint", "on", {"LLM_REF_1"}),
        ("Lustre", "capacity_gib", {"LLM_STO_20"}),
        ("Model", "quantization", {"LLM_FIT_22"}),
        ("Platform", "region", {"LLM_NET_22"}),
    ],
)
def test_rules_of_a_field(type_name: str, field: str, codes: set[str]) -> None:
    assert codes <= {rule.code for rule in rules_about(type_name, field)}


def test_a_field_without_rules_has_none() -> None:
    assert rules_about("Lustre", "name") == ()
    assert "LLM_SRV_46" not in {rule.code for rule in rules_about("TimeSlicing", "replicas")}
