"""Changing a platform: apply the old spec, plan the new one over it, and say what would happen."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from llminfra.rehearsal.cycle import open_session, work_folder
from llminfra.rehearsal.dangers import danger
from llminfra.rehearsal.report import Change, ChangeAction, ChangeReport, Event, Finding
from llminfra.rehearsal.session import Session, StackRun
from llminfra.rehearsal.stacks import Prepared, Stack, prepare, read_stacks
from llminfra.rehearsal.terraform import find_binary
from llminfra.rehearsal.world import World

_ACTIONS: Mapping[tuple[str, ...], ChangeAction] = {
    ("create",): "create",
    ("update",): "update",
    ("delete",): "delete",
    ("delete", "create"): "replace",
    ("create", "delete"): "replace",
}


def rehearse_change(
    old_dir: Path,
    new_dir: Path,
    *,
    only: Collection[str] = (),
    keep: Path | None = None,
    binary: Path | None = None,
    existing: World | None = None,
    plan_only: bool = False,
    on_event: Callable[[Event], None] | None = None,
) -> ChangeReport:
    """Apply the old synthesis in the simulated world, then plan the new one over it, stack by stack.

    A stack that reads another one's outputs is planned after that one was changed, as in production.

    Args:
        old_dir: What runs today, synthesized.
        new_dir: What shall run, synthesized.
        only: Stacks to rehearse, with those they depend on; empty: all.
        keep: Folder that keeps working copies, state and world afterwards.
        binary: Terraform or OpenTofu; ``None``: found on ``PATH``.
        existing: What the account holds besides.
        plan_only: Plan the first changed stacks without applying; later stacks then see the old outputs.
        on_event: Called with progress.

    Raises:
        ToolError: the binary, or an installed package that holds the schemas, is missing.
        UsageError: a directory is not a synthesis, or ``only`` names no stack.
    """
    started = time.monotonic()
    tool = find_binary(binary)
    old, new = read_stacks(old_dir, only), read_stacks(new_dir, only)
    with work_folder(keep) as root:
        before = prepare(old, root, served=keep is None)
        staged = _prepare_over(new, root, served=keep is None)
        with open_session(tool, [*before, *staged], root, None, existing, on_event) as session:
            runs = [StackRun(session, item) for item in before]
            ready = all(run.init() and run.validate() and run.apply() for run in runs)
            findings = [item for run in runs for item in run.report().findings]
            changes: list[Change] = []
            converged: bool | None = None
            if ready:
                changes, more, converged = _change(session, old, before, staged, plan_only=plan_only)
                findings += more
    return ChangeReport(
        binary=str(tool),
        changes=tuple(changes),
        findings=tuple(dict.fromkeys(findings)),
        seconds=time.monotonic() - started,
        converged=converged,
    )


def _prepare_over(stacks: Collection[Stack], root: Path, *, served: bool) -> tuple[Prepared, ...]:
    """Working copies of the new stacks with the state files of the old ones."""
    second = root / "new"
    staged = prepare(stacks, second, served=served)
    moved = []
    for item in staged:
        text = (item.directory / item.stack.file.name).read_text(encoding="utf-8")
        text = text.replace(json.dumps(str(second / "state"))[1:-1], json.dumps(str(root / "state"))[1:-1])
        (item.directory / item.stack.file.name).write_text(text, encoding="utf-8")
        state_file = root / "state" / item.state_file.name
        moved.append(replace(item, state_file=state_file))
    return tuple(moved)


def _change(
    session: Session,
    old: Collection[Stack],
    before: Collection[Prepared],
    staged: Collection[Prepared],
    *,
    plan_only: bool,
) -> tuple[list[Change], list[Finding], bool | None]:
    changes: list[Change] = []
    findings: list[Finding] = []
    previous = {stack.name: stack for stack in old}
    runs = [StackRun(session, item) for item in staged]
    converged = True
    for run in runs:
        if not (run.init() and run.validate() and run.plan_only()):
            converged = False
            break
        changes += _changes(run, previous.get(run.name))
        if not plan_only and not (run.apply_plan() and run.second_plan()):
            converged = False
            break
    gone = [item for item in before if item.stack.name not in {run.name for run in runs}]
    changes += _destroyed_stacks(gone)
    for run in runs:
        findings += run.report().findings
    ok = converged and not any(item.severity == "error" for item in findings)
    return changes, findings, None if plan_only and ok else ok


def _changes(run: StackRun, old: Stack | None) -> list[Change]:
    """Changes of one planned stack, from the plan as JSON."""
    found = []
    new = run.prepared.stack
    for item in run.show_plan().get("resource_changes", ()):
        change = item.get("change", {})
        action = _ACTIONS.get(tuple(change.get("actions", ())))
        if item.get("mode") != "managed" or action is None:
            continue
        address = str(item["address"])
        because = tuple(".".join(map(str, path)) for path in change.get("replace_paths", ()))
        owner = old if action == "delete" and old is not None else new
        values: Mapping[str, Any] = change.get("before") or {}
        found.append(
            Change(
                stack=run.name,
                address=address,
                action=action,
                spec_path=owner.spec_path(address),
                because=because,
                danger=danger(str(item.get("type")), action, values, change.get("after") or {}),
            )
        )
    return found


def _destroyed_stacks(gone: Collection[Prepared]) -> list[Change]:
    """Stacks that the new spec no longer has: Terraform never sees them again, so nothing removes them."""
    found = []
    for item in gone:
        state = json.loads(item.state_file.read_text(encoding="utf-8")) if item.state_file.exists() else {}
        for resource in state.get("resources", ()):
            if resource.get("mode") == "managed":
                address = f"{resource['type']}.{resource['name']}"
                found.append(
                    Change(
                        stack=item.stack.name,
                        address=address,
                        action="delete",
                        spec_path=item.stack.spec_path(address),
                        danger="the new spec has no such stack: it stays in AWS and on the bill until it is destroyed",
                    )
                )
    return found
