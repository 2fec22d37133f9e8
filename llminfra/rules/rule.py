"""``Rule``: what llminfra refuses or warns about, and everything a person needs to know about it.

A rule is declared once, by the decorator ``rule`` on its check, or by ``emitted`` where loading or planning make the
finding themselves. The registry (``registry.py``) lists them; pages, ``llminfra explain`` and the reports read them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, overload

from msgspec import Struct

from llminfra.diagnostics import Severity, UsageError

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan
    from llminfra.rules.views.kubernetes_view import KubernetesObject, KubernetesObjects
    from llminfra.rules.views.terraform_view import Block, Stacks

CODE_PATTERN = re.compile(r"^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*_\d+$")


class LooksAt(StrEnum):
    """What a rule reads: the declaration, the plan, the synthesized Terraform, rendered Kubernetes, or a change."""

    SPEC = "spec"
    PLAN = "plan"
    TERRAFORM = "terraform"
    KUBERNETES = "kubernetes"
    CHANGE = "change"
    """``terraform show -json`` of a saved plan: what an apply would do to what is there."""


class Hit(Struct, frozen=True, kw_only=True):
    """One place where a rule does not hold; what it leaves empty comes from the rule.

    Attributes:
        message: What is wrong here, one sentence.
        path: Spec path, for example ``pools.h100.nodes``; empty: the one of ``on``.
        on: The Terraform block or Kubernetes object, for rules that look at them.
        found: The offending value.
        expected: What would be right.
        fix: What to change here; empty: the rule's own.
        runtime_message: What the engine, AWS or Kubernetes would say later.
    """

    message: str
    path: str = ""
    on: Block | KubernetesObject | None = None
    found: str = ""
    expected: str = ""
    fix: str = ""
    runtime_message: str | None = None


PlanCheck = Callable[["Plan"], Iterable[Hit]]
TerraformCheck = Callable[["Stacks"], Iterable[Hit]]
KubernetesCheck = Callable[["KubernetesObjects"], Iterable[Hit]]


class Rule(Struct, frozen=True, kw_only=True):
    """One rule.

    Attributes:
        code: Stable id such as ``LLM_NET_1``.
        title: What must hold, in a line.
        severity: How bad a breach is.
        looks_at: What the check reads.
        why: What goes wrong otherwise.
        fix: What to change.
        source: Where the rule comes from: documents, threads, measurements.
        seen: What engines, Kubernetes or AWS say where it was not kept, for who searches for that.
        since: llminfra version that brought it.
        check: Finds the breaches; ``None`` where loading, planning or the policy check make the finding.
        foreseen: Finds those that a plan alone makes sure of, for rules that look at what is made of it.
    """

    code: str
    title: str
    severity: Severity
    looks_at: LooksAt
    why: str
    fix: str
    source: tuple[str, ...]
    seen: tuple[str, ...] = ()
    since: str = "0.1.0"
    check: Callable[[Any], Iterable[Hit]] | None = None
    foreseen: PlanCheck | None = None

    def __post_init__(self) -> None:
        """Refuse a rule that could not be looked up or explained.

        Raises:
            UsageError: The code is malformed, or a text is missing.
        """
        if not CODE_PATTERN.match(self.code):
            msg = f"rule code {self.code!r}: a code is upper-case words and a number, for example ACME_NET_1"
            raise UsageError(msg)
        for name in ("title", "why", "fix"):
            if not getattr(self, name).strip():
                msg = f"rule {self.code} has no {name}"
                raise UsageError(msg)


@overload
def rule(
    *,
    code: str,
    title: str,
    severity: Severity | str,
    looks_at: Literal["plan"],
    why: str,
    fix: str,
    source: Iterable[str] = (),
    seen: Iterable[str] = (),
    since: str = "0.1.0",
) -> Callable[[PlanCheck], Rule]: ...


@overload
def rule(
    *,
    code: str,
    title: str,
    severity: Severity | str,
    looks_at: Literal["terraform"],
    why: str,
    fix: str,
    source: Iterable[str] = (),
    seen: Iterable[str] = (),
    since: str = "0.1.0",
    foreseen: PlanCheck | None = None,
) -> Callable[[TerraformCheck], Rule]: ...


@overload
def rule(
    *,
    code: str,
    title: str,
    severity: Severity | str,
    looks_at: Literal["kubernetes"],
    why: str,
    fix: str,
    source: Iterable[str] = (),
    seen: Iterable[str] = (),
    since: str = "0.1.0",
) -> Callable[[KubernetesCheck], Rule]: ...


def rule(
    *,
    code: str,
    title: str,
    severity: Severity | str,
    looks_at: str,
    why: str,
    fix: str,
    source: Iterable[str] = (),
    seen: Iterable[str] = (),
    since: str = "0.1.0",
    foreseen: PlanCheck | None = None,
) -> Callable[[Callable[[Any], Iterable[Hit]]], Rule]:
    """Make a rule of the function below it; the function yields a ``Hit`` for every breach.

    The name then holds the ``Rule``; nothing is registered anywhere. llminfra's own rules are listed in
    ``registry.py``, an application's are found by ``llminfra check --rules DIR``.

    Raises:
        UsageError: The code is malformed, or a text is missing.
    """

    def wrap(check: Callable[[Any], Iterable[Hit]]) -> Rule:
        return Rule(
            code=code,
            title=title,
            severity=Severity(severity),
            looks_at=LooksAt(looks_at),
            why=why,
            fix=fix,
            source=tuple(source),
            seen=tuple(seen),
            since=since,
            check=check,
            foreseen=foreseen,
        )

    return wrap


def emitted(
    code: str,
    title: str,
    *,
    why: str,
    fix: str,
    source: Iterable[str],
    seen: Iterable[str] = (),
    severity: Severity = Severity.ERROR,
    looks_at: LooksAt = LooksAt.SPEC,
    since: str = "0.1.0",
) -> Rule:
    """A rule whose finding is made where the fact is met: while loading, planning, or reporting."""
    return Rule(
        code=code,
        title=title,
        severity=severity,
        looks_at=looks_at,
        why=why,
        fix=fix,
        source=tuple(source),
        seen=tuple(seen),
        since=since,
    )
