"""Whether dangerous changes may be made: what the guards find, less what waivers of the specs accept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from llminfra.loading.wording.told import declared_in_yaml
from llminfra.policy.change import judge_changes
from llminfra.policy.own_findings import by_rule

if TYPE_CHECKING:
    from llminfra.cli.diff_page.losses import Loss
    from llminfra.planning.plan import Plan
    from llminfra.policy.report import PolicyFinding, PolicyReport
    from llminfra.rehearsal import Change
    from llminfra.spec.platform import Platform

_WHOLE_STACK = "LLM_GUARD_8"


def judged_changes(changes: Iterable[Change], before: Sequence[Plan], after: Sequence[Plan]) -> PolicyReport:
    """Dangerous changes of resources, with the waivers of the new specs applied.

    A platform that the new specs lack has nothing but its old spec to accept its end in.
    """
    found = dict.fromkeys(_finding(item) for item in changes if item.rule)
    return judge_changes(found, _asked(before, after))


def judged_losses(lost: Mapping[str, Iterable[Loss]], before: Sequence[Plan], after: Sequence[Plan]) -> PolicyReport:
    """What two plans say is lost, with the waivers of the new specs applied.

    Args:
        lost: By platform.
        before: Plans of the old specs.
        after: Plans of the new ones.
    """
    return judge_changes(_losses(lost), _asked(before, after))


def _finding(change: Change) -> PolicyFinding:
    if change.rule == _WHOLE_STACK:  # one finding for all of its resources
        return by_rule(change.rule, change.danger, platform=change.platform, stack=change.stack)
    return by_rule(
        change.rule,
        change.danger,
        platform=change.platform,
        spec_path=change.spec_path,
        stack=change.stack,
        address=change.address,
    )


def _losses(lost: Mapping[str, Iterable[Loss]]) -> Iterator[PolicyFinding]:
    for platform, found in lost.items():
        for item in found:
            yield by_rule(item.rule, item.why, platform=platform, spec_path=item.path)


def _asked(before: Sequence[Plan], after: Sequence[Plan]) -> list[Platform]:
    there = {plan.platform.name for plan in after}
    return [plan.platform for plan in (*after, *(plan for plan in before if plan.platform.name not in there))]


def accepted_in_yaml(before: Sequence[Plan], after: Sequence[Plan]) -> bool:
    """Whether the spec that takes the waivers is YAML."""
    return any(declared_in_yaml(item) for item in _asked(before, after)[:1])
