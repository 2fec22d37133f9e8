"""Changing a platform: apply the old spec, plan the new one over it, and say what would happen."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

from llminfra.rehearsal.change_steps import Outcome, make_change, plan_change
from llminfra.rehearsal.cycle import open_session, work_folder
from llminfra.rehearsal.report import ChangeReport, Event
from llminfra.rehearsal.session import StackRun
from llminfra.rehearsal.stacks import Prepared, Stack, prepare, read_stacks
from llminfra.rehearsal.terraform import find_binary
from llminfra.rehearsal.world import World


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
    """Apply the old synthesis in the simulated world, then plan and apply the new one over it, stack by stack.

    What only goes, goes before what it stands on, the last stack first; what comes, comes after it
    (``change_order.py``). So a stack that reads another one's outputs is planned after that one was changed. Stacks
    that the new synthesis lacks are destroyed with the old one, as somebody has to.

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
            outcome = Outcome()
            if ready:
                over = [StackRun(session, item) for item in staged]
                outcome = plan_change(runs, over) if plan_only else make_change(runs, over)
    return ChangeReport(
        binary=str(tool),
        changes=tuple(outcome.changes),
        order=tuple(outcome.order),
        findings=tuple(dict.fromkeys([*findings, *outcome.findings])),
        seconds=time.monotonic() - started,
        converged=outcome.converged,
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
