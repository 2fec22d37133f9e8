"""``llminfra images``: every container image and chart that a platform pulls, from where, and by which digest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from llminfra.cli.options import AsJson, Specs
from llminfra.diagnostics import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llminfra.planning.plan import Plan


def images(
    specs: Specs,
    as_json: AsJson = False,
    missing: Annotated[
        bool, typer.Option("--to-copy", help="Only what somebody must put into the mirror (ImageMirror).")
    ] = False,
    lock: Annotated[
        bool,
        typer.Option("--lock", help="Ask the registries for digests, and write the file of Platform(image_lock=…)."),
    ] = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="Ask them, write nothing, exit with 1 where the lock is not what they say."),
    ] = False,
) -> None:
    """List the images and charts of every platform: its publisher's name of each, and what is pulled instead."""
    from llminfra.cli.terminal.failures import json_failures  # loaded when the command runs
    from llminfra.planning.specs import plan_specs

    if lock + check + missing > 1:
        msg = "--to-copy, --lock and --check are three questions: ask one at a time"
        raise UsageError(msg)
    with json_failures(as_json):
        plans = plan_specs(specs)
    if lock or check:
        _ask(plans, as_json=as_json, write=lock)
    else:
        _list(plans, as_json=as_json, missing=missing)


def _list(plans: Sequence[Plan], *, as_json: bool, missing: bool) -> None:
    from llminfra.cli.terminal.images_list import images_json, print_images, print_unused
    from llminfra.cli.terminal.output import write_json
    from llminfra.planning.images.locks import locks_of
    from llminfra.planning.images.used import chart_uses, image_uses

    found = []
    for plan in plans:
        mirrored = [item for item in image_uses(plan) if not missing or item.repository is not None]
        charts = [item for item in chart_uses(plan) if not missing or item.repository is not None]
        found.append((plan.platform.name, mirrored, charts))
    unused = [] if missing else [image for item in locks_of(plans) for image in item.unused]
    if as_json:
        write_json({"ok": True, "platforms": [images_json(*item) for item in found], "unused_locks": unused})
        return
    for item in found:
        print_images(*item)
    print_unused(unused)


def _ask(plans: Sequence[Plan], *, as_json: bool, write: bool) -> None:
    from llminfra.cli.files import write_file
    from llminfra.cli.terminal.lock_changes import lock_changes_json, print_lock_changes
    from llminfra.cli.terminal.output import working_on, write_json
    from llminfra.planning.images.locks import compared, locks_of
    from llminfra.planning.network.image_lock import lock_text
    from llminfra.registries import ask_digests

    locks = locks_of(plans)
    if not locks:
        names = ", ".join(repr(plan.platform.name) for plan in plans)
        msg = f"platform {names} names no lock: give it image_lock, for example 'images.lock.json'"
        raise UsageError(msg)
    wanted = {image for item in locks for image in item.needed}
    with working_on(f"asking registries about {len(wanted)} images"):
        changes = compared(locks, ask_digests(wanted))
    if write:
        for item in changes:
            write_file(item.lock.file, lock_text(item.digests))
    if as_json:
        told = lock_changes_json(changes)
        write_json({**told, "ok": True} if write else told)
    else:
        print_lock_changes(changes, written=write)
    if not write and not all(item.holds for item in changes):
        raise typer.Exit(1)
