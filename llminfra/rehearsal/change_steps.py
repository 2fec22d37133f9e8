"""Making a change in the simulated world: each stack in its turn, and what happens to its resources."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from llminfra.rehearsal.change_order import ChangeOrder, Effect, change_order, resting_on
from llminfra.rehearsal.differences import differences
from llminfra.rehearsal.report import Change, ChangeStep, Finding
from llminfra.rehearsal.session import StackRun
from llminfra.rehearsal.stacks import Prepared, Stack
from llminfra.rules.changes.dangers import danger
from llminfra.rules.changes.karpenter import pools_come, pools_go
from llminfra.rules.changes.planned import PlannedChange, planned_changes

_GROUND = frozenset({"aws_vpc", "aws_subnet"})
"""What holds the network interfaces of other stacks."""
_RELEASE = "helm_release"
_NODES = frozenset({"aws_eks_node_group", "aws_launch_template"})
_LEFT = (
    "the new spec has no such stack: it stays in AWS and on the bill until it is destroyed with what the old spec was "
    "synthesized to"
)
_LEFT_RULE = "LLM_GUARD_8"


@dataclass(slots=True)
class Outcome:
    """What came of a change; ``converged`` is ``None`` where nothing was applied."""

    changes: list[Change] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    order: list[ChangeStep] = field(default_factory=list)
    converged: bool | None = None

    def end(self, runs: Iterable[StackRun], *, converged: bool | None) -> Self:
        """The outcome with what was found on the way; an error of any stack means that it did not converge."""
        self.findings += [item for run in runs for item in run.report().findings]
        failed = any(item.severity == "error" for item in self.findings)
        self.converged = False if failed else converged
        return self


@dataclass(frozen=True, slots=True)
class _Planned:
    """A plan that may still be applied: what it does, and whether later stacks could notice.

    Attributes:
        changes: What it does, by resource.
        alters: Whether later stacks could notice.
        makes_room: Whether nodes come, or become others in place, which pods of later stacks may wait for.
        drains: Addresses of releases by which Karpenter ends nodes of a pool, with the pods that are on them.
    """

    changes: tuple[Change, ...]
    alters: bool
    makes_room: bool = False
    drains: frozenset[str] = frozenset()


def plan_change(before: Sequence[StackRun], runs: Sequence[StackRun]) -> Outcome:
    """Plan the new stacks over the old state, in the order of the manifest, up to the first that cannot be planned."""
    outcome = Outcome()
    previous = {run.name: run.prepared.stack for run in before}
    for run in runs:
        if not (run.init() and run.validate() and run.plan_only()):
            return outcome.end(runs, converged=False)
        outcome.changes += _planned(run, previous.get(run.name)).changes
    kept = {run.name for run in runs}
    for run in reversed(before):
        if run.name not in kept:
            outcome.changes += _destroyed(run.prepared)
    return outcome.end(runs, converged=None)


def make_change(before: Sequence[StackRun], runs: Sequence[StackRun]) -> Outcome:
    """Apply the new stacks over the old ones, and destroy those that the new spec lacks, each in its turn."""
    outcome = Outcome()
    if not all(run.init() and run.validate() for run in runs):
        return outcome.end(runs, converged=False)
    previous = {run.name: run.prepared.stack for run in before}
    over = {run.name: run for run in runs}
    gone = {run.name: run for run in before if run.name not in over}
    planned = _plans(runs, previous)
    effects = {name: _effect(over.get(name), previous.get(name), planned.get(name)) for name in {**previous, **over}}
    order = change_order(list(previous), list(over), effects)
    outcome.findings += [*_torn(order, planned), *_stood_on(order, effects, planned)]
    altered: set[str] = set()
    for name in (*order.first, *order.then, *order.last, *order.again):
        run = gone.get(name) or over[name]
        if name in gone:
            outcome.changes += _destroyed(run.prepared)
            done, alters = run.destroy(), True
        else:
            plan = planned.pop(name, None)
            if plan is None or altered & effects[name].before:
                if name in altered and not altered & effects[name].before:
                    continue  # it had its turn, and nothing that it reads is another since
                plan = _planned(run, previous.get(name)) if run.plan_only() else None
            done, alters = plan is not None and run.apply_plan(), plan is not None and plan.alters
            outcome.changes += plan.changes if plan is not None else ()
        if alters:
            altered.add(name)
            outcome.order.append(ChangeStep(stack=name, action="destroy" if name in gone else "apply"))
        if not done:
            return outcome.end([*runs, *gone.values()], converged=False)
    for run in runs:
        run.second_plan()
    return outcome.end([*runs, *gone.values()], converged=True)


def _plans(runs: Sequence[StackRun], previous: Mapping[str, Stack]) -> dict[str, _Planned]:
    """Plans over the old state; a stack that needs what earlier ones are yet to make has none."""
    made = {}
    for run in runs:
        ready = all(name in previous for name in run.prepared.stack.dependencies)
        if ready and run.plan_only(final=False):
            made[run.name] = _planned(run, previous.get(run.name))
    return made


def _effect(run: StackRun | None, old: Stack | None, plan: _Planned | None) -> Effect:
    before = frozenset((*(run.prepared.stack.dependencies if run else ()), *(old.dependencies if old else ())))
    name = run.name if run is not None else old.name if old is not None else ""
    if run is None:
        return Effect(name, before, changes=True, removes=True)
    if plan is None:
        return Effect(name, before, changes=True, adds=True)
    actions = {item.action for item in plan.changes}
    return Effect(
        name,
        before,
        changes=plan.alters,
        adds=bool(actions & {"create", "replace"}) or plan.makes_room,
        removes="delete" in actions or bool(plan.drains),
    )


def _makes_room(change: PlannedChange) -> bool:
    """Whether nodes come with an update, or become others in place."""
    if change.action != "update":
        return False
    return change.type in _NODES or (change.type == _RELEASE and pools_come(change.before, change.after))


def _drains(change: PlannedChange) -> bool:
    """Whether an update takes a pool of Karpenter away, which a delete does with all of them."""
    return change.action == "update" and change.type == _RELEASE and pools_go(change.before, change.after)


def _stood_on(order: ChangeOrder, effects: Mapping[str, Effect], planned: Mapping[str, _Planned]) -> list[Finding]:
    """Networks that are replaced under stacks that stay: AWS refuses to delete what still has something in it."""
    found = []
    for name in order.then:
        replaced = [
            item
            for item in (planned[name].changes if name in planned else ())
            if item.action == "replace" and item.address.partition(".")[0] in _GROUND
        ]
        above = [item for item in order.then if item in resting_on(name, effects.values())]
        addresses = ", ".join(item.address for item in replaced)
        if replaced and above:
            found.append(
                Finding(
                    severity="warning",
                    stack=name,
                    step="plan",
                    summary=f"{addresses} cannot be replaced under {', '.join(above)}",
                    detail="AWS deletes no network with something in it: destroy these stacks first, the last one "
                    "first, then apply all; or build another platform beside this one, and move callers",
                    address=replaced[0].address,
                    spec_path=replaced[0].spec_path,
                )
            )
    return found


def _torn(order: ChangeOrder, planned: Mapping[str, _Planned]) -> list[Finding]:
    """Stacks that lose something, while stacks on them, which are yet to change, may still use it."""
    found = []
    for name, later in order.torn.items():
        drains = planned[name].drains
        going = [item for item in planned[name].changes if item.action == "delete" or item.address in drains]
        found.append(
            Finding(
                severity="warning",
                stack=name,
                step="plan",
                summary=f"{_going(going)} goes before {', '.join(later)} was changed",
                detail="the stack needs something new and loses something old, so it comes first: what still uses the "
                "old breaks until its turn. Make two changes of it: one that only adds, and one that only removes",
                address=going[0].address,
                spec_path=going[0].spec_path,
            )
        )
    return found


def _going(changes: Sequence[Change]) -> str:
    """What goes: resources, and pools in the values of a release."""
    named = [item.address if item.action == "delete" else f"a pool of {item.address}" for item in changes]
    return ", ".join(named)


def _planned(run: StackRun, old: Stack | None) -> _Planned:
    """Changes of one planned stack, from the plan as JSON."""
    found = []
    new = run.prepared.stack
    plan = run.show_plan()
    told = tuple(planned_changes(plan))
    for item in told:
        owner = old if item.action == "delete" and old is not None else new
        against = danger(item.type, item.action, item.before, item.after)
        found.append(
            Change(
                stack=run.name,
                address=item.address,
                action=item.action,
                spec_path=owner.spec_path(item.address),
                because=item.because,
                what=_what(item),
                danger=against.why if against else "",
                rule=against.rule if against else "",
                platform=owner.platform,
            )
        )
    outputs = any(item.get("actions") != ["no-op"] for item in plan.get("output_changes", {}).values())
    return _Planned(
        tuple(found),
        alters=bool(found) or outputs,
        makes_room=any(_makes_room(item) for item in told),
        drains=frozenset(item.address for item in told if _drains(item)),
    )


def _what(change: PlannedChange) -> tuple[str, ...]:
    """Attributes that an update or a replacement changes; where none is known before the apply, those that it tells."""
    if change.action not in {"update", "replace"}:
        return ()
    hidden: dict[str, object] = {}
    for mark in (change.raw.get("before_sensitive"), change.raw.get("after_sensitive")):
        for name, value in (mark if isinstance(mark, dict) else {}).items():
            hidden[name] = [hidden.get(name), value]
    found = differences(change.before, change.after, hidden)
    unknown = change.raw.get("after_unknown") if change.action == "update" and not found else None
    later = [name for name, value in (unknown or {}).items() if value is True and change.before.get(name) is not None]
    return found or tuple(f"{name}: known after the apply" for name in sorted(later))


def _destroyed(item: Prepared) -> list[Change]:
    """Resources of a stack that the new spec no longer has: Terraform never sees it again with the new synthesis."""
    state = json.loads(item.state_file.read_text(encoding="utf-8")) if item.state_file.exists() else {}
    found = []
    for resource in state.get("resources", ()):
        if resource.get("mode") == "managed":
            address = f"{resource['type']}.{resource['name']}"
            held = [item.get("attributes") or {} for item in resource.get("instances", ())]
            lost = danger(str(resource["type"]), "delete", held[0] if held else {}, {})
            found.append(
                Change(
                    stack=item.stack.name,
                    address=address,
                    action="delete",
                    spec_path=item.stack.spec_path(address),
                    danger=f"{lost.why}; {_LEFT}" if lost else _LEFT,
                    rule=lost.rule if lost else _LEFT_RULE,
                    platform=item.stack.platform,
                )
            )
    return found
