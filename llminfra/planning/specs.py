"""From spec files to plans: loading and planning, with every finding of both in one go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from llminfra.diagnostics import Diagnostic, Severity, SpecError, errors
from llminfra.loading.load import load_all
from llminfra.planning.controllers.neighbours import with_neighbours
from llminfra.planning.platform import plan_platform

if TYPE_CHECKING:
    from llminfra.loading.loaded import Loaded
    from llminfra.planning.mended import Rest
    from llminfra.planning.plan import Plan


def plan_specs(paths: Sequence[str | Path]) -> tuple[Plan, ...]:
    """Load and plan every platform of every spec file, Python or YAML.

    Rules do not judge here: :func:`llminfra.rules.specs.plan_specs` has them, too.

    Args:
        paths: The files.

    Raises:
        SpecError: A file or a platform has errors; it carries the findings of all of them.
        UsageError: A file is missing, or no spec.
    """
    plans, found = planned_and_found(load_all([Path(path) for path in paths]))
    if errors(found):
        raise SpecError(found)
    return plans


Judge = Callable[["Plan"], Sequence[Diagnostic]]


def planned_and_found(loaded: Loaded, judge: Judge | None = None) -> tuple[tuple[Plan, ...], Sequence[Diagnostic]]:
    """The plans of all platforms without errors, and every finding of files and platforms.

    Args:
        loaded: What the files declare.
        judge: What else there is to find in a plan. Only asked where there are errors, so that those it finds are told
            in the same run: of platforms with errors in a plan of what is left of them.
    """
    found: list[Diagnostic] = list(loaded.diagnostics)
    plans: list[Plan] = []
    rests: list[Rest] = []
    several = len(loaded.declared) > 1
    for platform in loaded.platforms:
        try:
            plan = plan_platform(platform)
        except SpecError as error:
            from llminfra.planning.mended import rest_of  # noqa: PLC0415  # only on failure

            rest = rest_of(platform, error.diagnostics)
            rests.append(rest)
            found += of_platform([*error.diagnostics, *rest.found], platform.name if several else "")
        else:
            found += of_platform(plan.diagnostics, platform.name if several else "")
            plans.append(plan)
    if several:
        together = with_neighbours(plans)
        for alone, plan in zip(plans, together, strict=True):
            found += of_platform(plan.diagnostics[len(alone.diagnostics) :], plan.platform.name)
        # A cluster is made before anybody reads it.
        made = {plan.eks.name for plan in together if plan.cluster is not None and not plan.eks.existing}
        plans = sorted(
            together, key=lambda plan: plan.cluster is not None and plan.eks.existing and plan.eks.name in made
        )
    if errors(loaded.diagnostics):
        from llminfra.planning.unplanned import check_unplanned  # noqa: PLC0415  # only on failure

        for platform in loaded.declared:
            found += of_platform(check_unplanned(platform), platform.name if several else "")
    if errors(found) and judge is not None:
        from llminfra.planning.mended import Rest, sure_of  # noqa: PLC0415  # only on failure

        for rest in (*rests, *(Rest((), plan, frozenset()) for plan in plans)):
            if rest.plan is not None:
                sure = sure_of(rest, loaded.declared, judge(rest.plan))
                found += of_platform(sure, rest.plan.platform.name if several else "")
    plans = [_with_warnings(plan, plans, loaded.diagnostics) for plan in plans]
    return tuple(plans), _without_consequences(_unique(found), loaded.diagnostics)


def _with_warnings(plan: Plan, plans: Sequence[Plan], loading: Sequence[Diagnostic]) -> Plan:
    """The plan with what is not quite right with its file: at its own path, or the first that the file declares."""
    own = f"platforms.{plan.platform.name}."
    file = plan.platform.origin[0] if plan.platform.origin else None
    first = next(each for each in plans if (each.platform.origin or (None,))[0] == file)
    told = [
        replace(item, path=item.path.removeprefix(own))
        for item in loading
        if item.severity is not Severity.ERROR
        if item.path.startswith(own) or (plan is first and item.file == file and not item.path.startswith("platforms."))
    ]
    return replace(plan, diagnostics=(*plan.diagnostics, *told)) if told else plan


def of_platform(diagnostics: Sequence[Diagnostic], platform: str) -> list[Diagnostic]:
    """Findings of one of several platforms carry its name in their path; empty: it is the only one."""
    if not platform:
        return list(diagnostics)
    start = f"platforms.{platform}"
    return [
        item if item.path.startswith(start) else replace(item, path=f"{start}.{item.path}" if item.path else start)
        for item in diagnostics
    ]


def _unique(found: Sequence[Diagnostic]) -> list[Diagnostic]:
    return list(dict.fromkeys(found))


def _without_consequences(found: Sequence[Diagnostic], loading: Sequence[Diagnostic]) -> list[Diagnostic]:
    """After a file failed, warnings about the half of it that was read would mislead."""
    if not errors(loading):
        return list(found)
    return [item for item in found if item.severity is Severity.ERROR or item in loading]
