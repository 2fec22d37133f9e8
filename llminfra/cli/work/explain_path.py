"""What a path of a spec leads to, with what the spec and its plan have there: the work of ``llminfra explain PATH``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from llminfra.cli.terminal.field_page import DEFAULT, GIVEN, REFUSED, PathPage, Stands
from llminfra.cli.work.field_rules import rules_about
from llminfra.diagnostics import SpecError, UsageError, errors
from llminfra.reference.paths import Place, places, value_of
from llminfra.reference.types import FieldPage, TypePage, type_pages
from llminfra.reference.values import written
from llminfra.spec.platform import Platform

if TYPE_CHECKING:
    from llminfra.diagnostics import Diagnostic
    from llminfra.planning.plan import Plan
    from llminfra.rules.rule import Rule
    from llminfra.spec.base.spec import Spec


def explain_path(path: str, specs: Sequence[Path] = ()) -> PathPage:
    """Everything about a path.

    Args:
        path: As findings print it.
        specs: Spec files whose values are told; none: the path is that of any spec.

    Raises:
        SpecError: A file declares nothing that could be looked at.
        UsageError: The path leads nowhere, or there is no such file.
    """
    if not specs:
        return _page(path, places(path), (), (), 0)
    declared, plans, found = _read(specs)
    leading: list[Place] = []
    stands: list[Stands] = []
    nowhere: UsageError | None = None
    for platform in declared:
        try:
            there = places(path, platform)
        except UsageError as error:
            nowhere = nowhere or error
            continue
        plan = next((each for each in plans if each.platform.name == platform.name), None)
        leading += there
        stands += [line for place in there for line in _stands(place, path, platform, plan)]
    if nowhere is not None and not leading:
        raise nowhere
    below = tuple(item for item in found if _is_at(item.path, path, declared))
    return _page(path, leading, stands, below, 0 if plans else len(errors(found)))


def _read(specs: Sequence[Path]) -> tuple[Sequence[Platform], Sequence[Plan], Sequence[Diagnostic]]:
    """Platforms as they were read, their plans where there are any, and all findings."""
    from llminfra.loading.load import load_all  # not needed without a spec
    from llminfra.rules.specs import plan_loaded

    loaded = load_all(specs)
    if not loaded.declared:
        raise SpecError(loaded.diagnostics)
    try:
        plans = plan_loaded(loaded)
    except SpecError as error:
        return loaded.declared, (), error.diagnostics
    return loaded.declared, plans, [item for plan in plans for item in plan.diagnostics]


def _stands(place: Place, path: str, platform: Platform, plan: Plan | None) -> Iterator[Stands]:
    """The value of the field, or of an entry the values of all of its fields."""
    own = _own(path, platform)
    if place.entry:
        holder: Spec = place.value
        whole = own == f"platforms.{platform.name}"
        for field in type(holder).model_fields:
            if field != "kind":
                yield _stand(holder, field, field if whole else f"{own}.{field}", platform, plan)
    elif place.holder is not None:
        yield _stand(place.holder, place.field, own, platform, plan)


def _stand(holder: Spec, field: str, path: str, platform: Platform, plan: Plan | None) -> Stands:
    from llminfra.cli.plan_page.planned_values import planned_value  # not needed without a spec

    planned, why = planned_value(plan, path) if plan is not None else ("", "")
    source = REFUSED if field in holder.doubtful else GIVEN if field in holder.model_fields_set else DEFAULT
    if isinstance(holder, Platform) and field == "endpoints" and holder.workloads:  # added to it, too
        source = GIVEN
    file, line = holder.key_place(field) or holder.origin or platform.origin or (None, None)
    value = written(value_of(holder, field))
    return Stands(
        platform=platform.name,
        field=field,
        value=value,
        source=source,
        file=file,
        line=line,
        planned=planned,
        why=why,
    )


def _own(path: str, platform: Platform) -> str:
    """The path without its platform."""
    return path.removeprefix(f"platforms.{platform.name}.")


def _is_at(found: str, path: str, platforms: Sequence[Platform]) -> bool:
    for platform in platforms:
        at, asked = _own(found, platform), _own(path, platform)
        if at == asked or at.startswith((f"{asked}.", f"{asked}[")):
            return True
    return False


def _page(
    path: str, leading: Sequence[Place], stands: Sequence[Stands], found: Sequence[Diagnostic], unplanned: int
) -> PathPage:
    pages = {page.name: page for page in type_pages()}
    fields: dict[tuple[str, str], tuple[TypePage, FieldPage]] = {}
    entries: dict[str, TypePage] = {}
    rules: dict[str, Rule] = {}
    for place in leading:
        owner = pages[place.cls.__name__]
        for field in owner.fields:
            if field.name == place.field:
                fields[owner.name, field.name] = (owner, field)
        entries |= {cls.__name__: pages[cls.__name__] for cls in place.entry}
        rules |= {rule.code: rule for rule in rules_about(owner.name, place.field)}
    return PathPage(
        path=path,
        fields=tuple(fields.values()),
        entries=tuple(entries.values()),
        rules=tuple(rules[code] for code in sorted(rules, key=_in_order)),
        stands=tuple(stands),
        found=tuple(found),
        unplanned=unplanned,
    )


def _in_order(code: str) -> tuple[str, int]:
    area, _, number = code.rpartition("_")
    return area, int(number)
