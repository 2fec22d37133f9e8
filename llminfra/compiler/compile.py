"""Compiles plans: builds every stack, checks what CDKTF wrote, and publishes it in one go."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llminfra.assets import chart_dir
from llminfra.bindings.pipeline import pipelined
from llminfra.bindings.synth import open_app, synthesize
from llminfra.compiler.publish import STACK_FILE, VERSIONS_FILE, copy_chart, publish
from llminfra.compiler.result import StackInfo, SynthResult
from llminfra.compiler.stacks.cluster import cluster_stack
from llminfra.compiler.stacks.common import stack_name
from llminfra.compiler.stacks.network import network_stack
from llminfra.compiler.stacks.platform import platform_stack
from llminfra.compiler.stacks.serving import serving_stack
from llminfra.compiler.stacks.storage import storage_stack
from llminfra.compiler.stacks.targets import target_stacks
from llminfra.constructs.providers import versions_file
from llminfra.constructs.workload_archive import WORKLOADS
from llminfra.diagnostics import Diagnostic, SpecError, UsageError
from llminfra.spec.endpoint import Autoscaling
from llminfra.workloads import package

if TYPE_CHECKING:
    from llminfra.bindings import core
    from llminfra.compiler.stacks.common import Built
    from llminfra.planning.plan import Plan


def compile_platforms(plans: Sequence[Plan], out_dir: Path) -> SynthResult:
    """Write ``stacks/<stack>/cdk.tf.json`` of every plan, the charts they install, and ``manifest.json``.

    The same plans give the same bytes. Nothing in ``out_dir`` changes unless everything succeeds; local state,
    Terraform's working files and lock files there are left alone.

    Args:
        plans: Plans without errors, of platforms with different names.
        out_dir: Folder for the result; made if need be.

    Raises:
        SpecError: A plan has errors.
        UsageError: Two platforms have one name, or a pool shares GPUs, which is not compiled yet.
        UncleanStackError: CDKTF wrote an empty block or an unresolved token: a bug in a construct.
    """
    _check(plans)
    existed = out_dir.exists()
    out_dir.mkdir(parents=True, exist_ok=True)
    staged = Path(tempfile.mkdtemp(prefix=".synth-", dir=out_dir))
    try:
        app = open_app(staged)
        with pipelined():
            built = [(plan, stack) for plan in plans for stack in _build(app, plan)]
        synthesize(app)
        manifest = _in_order_of_apply(staged / "manifest.json", [stack_name(plan, stack.kind) for plan, stack in built])
        stacks = []
        for plan, stack in built:
            name = stack_name(plan, stack.kind)
            entry = manifest["stacks"][name]
            folder = staged / entry["workingDirectory"]
            (folder / VERSIONS_FILE).write_text(versions_file(), encoding="utf-8")
            for chart in sorted(stack.charts):
                copy_chart(chart_dir(chart), folder)
            for workload in sorted(stack.workloads):
                package(workload, folder / WORKLOADS)
            content = json.loads((folder / STACK_FILE).read_text(encoding="utf-8"))
            stacks.append(
                StackInfo(
                    name=name,
                    path=out_dir / entry["workingDirectory"],
                    dependencies=tuple(entry["dependencies"]),
                    platform=plan.platform.name,
                    resources=_count(content),
                )
            )
        publish(staged, out_dir, [item.name for item in stacks])
    except BaseException:
        if not existed:
            shutil.rmtree(out_dir, ignore_errors=True)
        raise
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return SynthResult(out_dir=out_dir, stacks=tuple(stacks), manifest=out_dir / "manifest.json")


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
    from llminfra.rules.run import run_plan  # noqa: PLC0415  # a hundred rules that few platforms need here
    from llminfra.rules.serving import zero_can_wake  # noqa: PLC0415  # as above

    return list(run_plan(plan, (zero_can_wake,)))


def _build(app: core.App, plan: Plan) -> list[Built]:
    """All stacks of a platform, each depending on those whose outputs it reads or whose objects it needs."""
    network = network_stack(app, plan)
    built = [network]
    if plan.cluster is not None:
        cluster = cluster_stack(app, plan)
        cluster.stack.add_dependency(network.stack)
        built.append(cluster)
    if plan.buckets or plan.lustre:
        storage = storage_stack(app, plan)
        if plan.lustre:
            for earlier in built:
                storage.stack.add_dependency(earlier.stack)
        built.append(storage)
    if plan.cluster is not None:
        built += _on_cluster(app, plan, built)
    built += target_stacks(app, plan, built)
    return built


def _on_cluster(app: core.App, plan: Plan, built: Sequence[Built]) -> list[Built]:
    """What Helm installs: the platform's releases, then endpoints."""
    base = platform_stack(app, plan)
    for earlier in built:
        if earlier.kind in {"network", "cluster"}:
            base.stack.add_dependency(earlier.stack)
    if not plan.endpoints:
        return [base]
    serving = serving_stack(app, plan)
    for earlier in (*(built if plan.gateways else built[1:]), base):
        serving.stack.add_dependency(earlier.stack)
    return [base, serving]


def _in_order_of_apply(file: Path, names: Sequence[str]) -> dict[str, Any]:
    """CDKTF sorts its manifest by name; people and pipelines want to apply the stacks as they stand there."""
    manifest: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    manifest["stacks"] = {name: manifest["stacks"][name] for name in names}
    file.write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return manifest


def _count(content: dict[str, Any]) -> int:
    return sum(len(resources) for resources in content.get("resource", {}).values())
