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
    """The data file ``data/checkov.json``.

    Attributes:
        default: Severity of a check that is in no list.
        secrets: Severity of what looks like a credential.
        error: Checks whose breach is an error.
        info: Checks whose breach is a matter of taste, and why.
        spec: What a spec can say so that a check passes.
        endpoints: What an endpoint can say so that a check of its pods passes.
        design: Why no spec can make a check pass that is not in `info`.
        same_as: llminfra's rule that checks the same.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Mapping[str, str] = Field(alias="_source")
    default: Severity
    secrets: Severity
    error: tuple[str, ...]
    info: Mapping[str, str]
    spec: Mapping[str, str]
    endpoints: Mapping[str, str]
    design: Mapping[str, str]
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


def fix_of(check: str, scope: str) -> str:
    """What to do about a failed check: in the spec where that can be, else to accept it.

    Args:
        check: Code of checkov's check.
        scope: Spec path or address that a waiver would name.
    """
    waiver = f"Waiver(rule={check!r}, scope={scope!r}, …)"
    known = facts()
    own = known.endpoints.get(check) if scope.startswith("endpoints.") else None
    if spec := own or known.spec.get(check):
        return f"{spec}, or accept it: {waiver}"
    if why := known.info.get(check) or known.design.get(check):
        return f"no field of the spec changes this ({why}); accept it: {waiver}"
    return f"change the spec so that {check} passes, or accept it: {waiver}"


def same_as(check: str) -> str | None:
    """Code of llminfra's rule that finds the same, if there is one."""
    return facts().same_as.get(check)


def is_checkov_code(code: str) -> bool:
    """Whether a code has the form of checkov's own."""
    return _CODE.match(code) is not None
