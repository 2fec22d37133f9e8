"""llminfra's opinion of checkov's checks: severity, and which of its own rules checks the same."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict, Field

from llminfra.diagnostics import Severity

_CODE = re.compile(r"^CKV2?(_[A-Z0-9]+)+_\d+$")


class CheckovFacts(BaseModel):
    """The data file ``data/checkov.json``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Mapping[str, str] = Field(alias="_source")
    default: Severity
    secrets: Severity
    error: tuple[str, ...]
    info: Mapping[str, str]
    same_as: Mapping[str, str]


@cache
def facts() -> CheckovFacts:
    """The facts, read once."""
    text = files("llminfra.policy").joinpath("data/checkov.json").read_text(encoding="utf-8")
    return CheckovFacts.model_validate(json.loads(text))


def severity_of(check: str) -> Severity:
    """Severity of one of checkov's checks."""
    known = facts()
    if check in known.error:
        return Severity.ERROR
    if check in known.info:
        return Severity.INFO
    return known.secrets if check.startswith("CKV_SECRET_") else known.default


def same_as(check: str) -> str | None:
    """Code of llminfra's rule that finds the same, if there is one."""
    return facts().same_as.get(check)


def is_checkov_code(code: str) -> bool:
    """Whether a code has the form of checkov's own."""
    return _CODE.match(code) is not None
