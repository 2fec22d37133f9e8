"""Mechanical fixes: an argument to set or drop in the spec, proposed as a unified diff and never written."""

from __future__ import annotations

import ast
import difflib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from llminfra.loading.wording.origins import object_at
from llminfra.planning.cost.hourly import total_cost
from llminfra.policy.formats.paths import shown
from llminfra.policy.report import PolicyFinding
from llminfra.policy.yaml_fixes import apply_yaml_edit

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan
    from llminfra.policy.report import PolicyReport

_KEPT_DAYS = 365


@dataclass(frozen=True, slots=True)
class Edit:
    """One argument of one declared object.

    Attributes:
        path: Spec path of the object.
        argument: Name of the argument; ``env[NAME]`` is an entry of a dictionary.
        value: Python source of the new value; ``None`` drops the argument.
    """

    path: str
    argument: str
    value: str | None


@dataclass(frozen=True, slots=True)
class Proposal:
    """What ``--fix`` proposes.

    Attributes:
        diff: Unified diff over all spec files; empty when nothing is mechanical.
        fixed: Findings that the diff would end.
        left: Open findings that need a decision, with the reason.
    """

    diff: str
    fixed: tuple[PolicyFinding, ...]
    left: tuple[tuple[PolicyFinding, str], ...]


def propose_fixes(report: PolicyReport, plans: Sequence[Plan]) -> Proposal:
    """The diff of the spec files that ends every open finding with a mechanical fix."""
    by_name = {plan.platform.name: plan for plan in plans}
    left: list[tuple[PolicyFinding, str]] = []
    wanted: list[tuple[str, int, str, Edit, PolicyFinding]] = []
    for item in report.open:
        plan = by_name.get(item.platform)
        make = _EDITS.get(item.rule)
        edit = make(item, plan) if plan is not None and make is not None else None
        if plan is None or edit is None:
            left.append((item, "needs a decision"))
            continue
        declared = object_at(plan.platform, edit.path)
        origin = declared.origin if declared is not None else None
        if declared is None or origin is None:
            left.append((item, "not declared in the spec"))
            continue
        wanted.append((*origin, type(declared).__name__, edit, item))
    texts: dict[str, str] = {}
    fixed: list[PolicyFinding] = []
    # From the bottom up, so that an edit that takes a line away does not move the ones to come.
    for file, line, class_name, edit, item in sorted(wanted, key=lambda each: (each[0], -each[1])):
        source = texts.get(file) or Path(file).read_text(encoding="utf-8")
        if file.endswith(".py"):
            changed = apply_edit(source, line, class_name, edit)
        else:
            changed = apply_yaml_edit(
                source, item.platform, edit.path, edit.argument, edit.value, as_json=file.endswith(".json")
            )
        if changed is None:
            left.append((item, f"{class_name} at line {line} is not written out"))
            continue
        texts[file] = changed
        fixed.append(item)
    return Proposal("".join(_diff(file, text) for file, text in sorted(texts.items())), tuple(fixed), tuple(left))


def apply_edit(source: str, line: int, class_name: str, edit: Edit) -> str | None:
    """The source with the edit made in the call of ``class_name`` that starts at ``line``; ``None`` if unclear."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return None
    calls = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and node.lineno == line and _name(node.func) == class_name
    ]
    if len(calls) != 1 or any(keyword.arg is None for keyword in calls[0].keywords):
        return None
    call = calls[0]
    name, _, key = edit.argument.partition("[")
    held = next((item for item in call.keywords if item.arg == name), None)
    if key:
        if held is None or not isinstance(held.value, ast.Dict):
            return None
        entry = next(
            (
                (k, v)
                for k, v in zip(held.value.keys, held.value.values, strict=True)
                if isinstance(k, ast.Constant) and k.value == key.rstrip("]")
            ),
            None,
        )
        if entry is None:
            return None
        return _without(source, _span(source, entry[0])[0], _span(source, entry[1])[1])
    if edit.value is None:
        if held is None:
            return None
        start, end = _span(source, held)
        return _without(source, start, end)
    if held is not None:
        start, end = _span(source, held.value)
        return source[:start] + edit.value + source[end:]
    return _with_argument(source, call, f"{name}={edit.value}")


def _with_argument(source: str, call: ast.Call, text: str) -> str:
    inside: list[ast.expr | ast.keyword] = [*call.args, *call.keywords]
    if not inside:
        close = _span(source, call)[1] - 1
        return source[:close] + text + source[close:]
    end = max(_span(source, item)[1] for item in inside)
    return f"{source[:end]}, {text}{source[end:]}"


def _without(source: str, start: int, end: int) -> str:
    """The source without a list item, its comma, and the line that it had for itself."""
    rest = source[end:]
    if rest.lstrip().startswith(","):
        rest = rest.lstrip()[1:]
        indent = source[:start].rstrip(" ")
        if indent.endswith("\n") and rest.startswith("\n"):
            return indent + rest[1:]
        return source[:start] + rest.lstrip(" ")
    before = source[:start].rstrip()
    return (before[:-1] if before.endswith(",") else source[:start]) + rest


def _span(source: str, node: ast.expr | ast.keyword) -> tuple[int, int]:
    """Character offsets of a node; ``ast`` counts columns in UTF-8 bytes."""
    lines = source.splitlines(keepends=True)
    starts = [0]
    for text in lines:
        starts.append(starts[-1] + len(text))

    def offset(line: int, column: int) -> int:
        return starts[line - 1] + len(lines[line - 1].encode()[:column].decode())

    end_line, end_column = node.end_lineno or node.lineno, node.end_col_offset or 0
    return offset(node.lineno, node.col_offset), offset(end_line, end_column)


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Name):
        return function.id
    return function.attr if isinstance(function, ast.Attribute) else ""


def _diff(file: str, changed: str) -> str:
    name = (shown(file) or file).lstrip("/")  # a//work/spec.py is a path that no patch finds
    before = Path(file).read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(difflib.unified_diff(before, changed.splitlines(keepends=True), f"a/{name}", f"b/{name}"))


def _set(argument: str, value: str | None, *, up: int = 0) -> Callable[[PolicyFinding, Plan], Edit | None]:
    """An edit with a fixed value on the object at the finding's path, ``up`` steps above it."""

    def make(item: PolicyFinding, _plan: Plan) -> Edit | None:
        parts = item.spec_path.split(".")
        return Edit(".".join(parts[: len(parts) - up]), argument, value)

    return make


def _drop_last(item: PolicyFinding, _plan: Plan) -> Edit | None:
    """Drop the argument that the path ends with."""
    path, _, argument = item.spec_path.rpartition(".")
    return Edit(path, argument, None)


def _drop_env(item: PolicyFinding, _plan: Plan) -> Edit | None:
    path, _, name = item.spec_path.rpartition(".env.")
    return Edit(path, f"env[{name}]", None) if path else None


_ROOM_USD = 20
"""For what costs a few dollars a month, such as the key that logs of the network come with."""


def _budget(_item: PolicyFinding, plan: Plan) -> Edit | None:
    total = total_cost(plan.costs)
    if not total.usd_per_hour_max or total.unpriced:
        return None
    # Other fixes of the same diff may make a key or a log.
    return Edit("", "budget_usd_per_month", f"{math.ceil((total.usd_per_month_max + _ROOM_USD) / 100) * 100:_}")


def _cooldown(item: PolicyFinding, plan: Plan) -> Edit | None:
    scaled = {plan.declared_path(f"endpoints.{each.name}.replicas"): each for each in plan.endpoints}
    endpoint = scaled.get(item.spec_path)
    if endpoint is None:
        return None
    return Edit(item.spec_path, "cooldown_s", str(math.ceil((endpoint.startup.estimate_s + 1) / 60) * 60))


def _fall_back(item: PolicyFinding, plan: Plan) -> Edit | None:
    """Not for managed node groups, which buy nothing else."""
    grouped = {f"pools.{pool.name}.capacity" for pool in plan.pools if pool.provisioner != "karpenter"}
    return None if item.spec_path in grouped else Edit(item.spec_path, "fallback_on_demand", "True")


def _disk(item: PolicyFinding, _plan: Plan) -> Edit | None:
    number = item.expected.partition(" ")[0]
    return Edit(item.spec_path.rpartition(".")[0], "root_volume_gib", number) if number.isdigit() else None


_EDITS: dict[str, Callable[[PolicyFinding, Plan], Edit | None]] = {
    "LLM_CAP_7": _budget,
    "LLM_CAP_13": _fall_back,
    "LLM_NET_12": _set("flow_logs_days", str(_KEPT_DAYS), up=1),
    "LLM_NET_14": _drop_last,
    "LLM_OBS_1": _drop_last,
    "LLM_SRV_11": _drop_last,
    "LLM_SRV_66": _drop_env,
    "LLM_SRV_67": _drop_env,
    "LLM_SRV_68": _drop_env,
    "LLM_SRV_69": _set("min", "1"),
    "LLM_SRV_70": _cooldown,
    "LLM_STO_8": _disk,
}
