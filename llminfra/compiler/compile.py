"""Compiles plans: platforms as they are known or built anew, published in one go."""

from __future__ import annotations

import errno
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llminfra.compiler.publish import MANIFEST, STACKS, STAGED, SUMMARY, publish, withdraw
from llminfra.compiler.result import StackInfo, SynthResult
from llminfra.compiler.store import Store, open_store
from llminfra.diagnostics import Diagnostic, SpecError, UsageError
from llminfra.spec.endpoint import Autoscaling

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


def compile_platforms(plans: Sequence[Plan], out_dir: Path) -> SynthResult:
    """Write ``stacks/<stack>/cdk.tf.json`` of every plan, the charts they install, and ``manifest.json``.

    The same plans give the same bytes. Nothing in ``out_dir`` changes unless everything succeeds; local state,
    Terraform's working files and lock files there are left alone.

    Args:
        plans: Plans without errors, of platforms with different names.
        out_dir: Folder for the result; made if need be.

    Raises:
        SpecError: A plan has errors.
        UsageError: Two platforms have one name, a pool shares GPUs, which is not compiled yet, or the
            folder cannot be written.
        UncleanStackError: CDKTF wrote an empty block or an unresolved token: a bug in a construct.
    """
    _check(plans)
    existed = out_dir.exists()
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(prefix=STAGED, dir=out_dir))
    except OSError as error:
        raise _cannot_write(out_dir, error) from None
    store = open_store()
    try:
        (staged / STACKS).mkdir()
        manifest: dict[str, Any] = {}
        stacks: list[StackInfo] = []
        for number, plan in enumerate(plans):
            folder = staged / f"platform-{number}"
            folder.mkdir()
            _fill(store, plan, folder)
            own = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
            manifest = {**own, "stacks": {**manifest.get("stacks", {}), **own["stacks"]}}
            for stack in json.loads((folder / SUMMARY).read_text(encoding="utf-8")):
                name = stack["name"]
                (folder / STACKS / name).rename(staged / STACKS / name)
                stacks.append(
                    StackInfo(
                        name=name,
                        path=out_dir / STACKS / name,
                        dependencies=tuple(stack["dependencies"]),
                        platform=plan.platform.name,
                        resources=stack["resources"],
                    )
                )
        (staged / MANIFEST).write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        try:
            publish(staged, out_dir, [item.name for item in stacks])
        except OSError as error:
            raise _cannot_write(out_dir, error) from None
    except BaseException as error:
        shutil.rmtree(staged, ignore_errors=True)
        if not existed:
            withdraw(out_dir)
        if isinstance(error, OSError) and error.errno in _NO_ROOM:  # others tell of tools, not of the folder
            raise _cannot_write(out_dir, error) from None
        raise
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return SynthResult(out_dir=out_dir, stacks=tuple(stacks), manifest=out_dir / MANIFEST)


def _fill(store: Store | None, plan: Plan, folder: Path) -> None:
    def build(into: Path) -> None:
        from llminfra.compiler.build import build_platform  # noqa: PLC0415  # every construct, and Node.js

        build_platform(plan, into)

    if store is None:
        build(folder)
    else:
        store.fill(plan, folder, build)


def _cannot_write(folder: Path, error: OSError) -> UsageError:
    reason = "it is a file" if folder.is_file() else error.strerror or error
    return UsageError(f"cannot write to the folder {folder}: {reason}")


def _check(plans: Sequence[Plan]) -> None:
    broken = [item for plan in plans for item in plan.diagnostics if not plan.ok]
    if broken:
        raise SpecError(broken)
    if asleep := [item for plan in plans if _may_sleep(plan) for item in _without_waking(plan)]:
        raise SpecError(asleep)
    twice = sorted(name for name, count in Counter(plan.platform.name for plan in plans).items() if count > 1)
    if twice:
        msg = f"more than one platform is called {', '.join(twice)}: stack names must differ; rename one or synth apart"
        raise UsageError(msg)


def _may_sleep(plan: Plan) -> bool:
    replicas = [endpoint.spec.replicas for endpoint in plan.endpoints]
    return any(isinstance(item, Autoscaling) and item.min == 0 for item in replicas)


def _without_waking(plan: Plan) -> list[Diagnostic]:
    """No trigger of KEDA exists without a replica: such a release would be refused by its own chart."""
    from llminfra.rules.plans.replicas import zero_can_wake  # noqa: PLC0415  # as above
    from llminfra.rules.run import run_plan  # noqa: PLC0415  # a hundred rules that few platforms need here

    return list(run_plan(plan, (zero_can_wake,)))
