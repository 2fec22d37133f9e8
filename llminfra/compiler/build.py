"""Builds every stack of one platform with CDKTF, and checks what CDKTF wrote."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llminfra.assets import chart_dir
from llminfra.bindings.pipeline import pipelined
from llminfra.bindings.synth import open_app, synthesize
from llminfra.compiler.own_names import check_names, placed
from llminfra.compiler.publish import MANIFEST, STACK_FILE, STACKS, SUMMARY, VERSIONS_FILE, copy_chart
from llminfra.compiler.stacks.cluster import cluster_stack
from llminfra.compiler.stacks.common import stack_name
from llminfra.compiler.stacks.images import images_stack
from llminfra.compiler.stacks.network import network_stack
from llminfra.compiler.stacks.platform import platform_stack
from llminfra.compiler.stacks.serving import serving_stack
from llminfra.compiler.stacks.storage import storage_stack
from llminfra.compiler.stacks.targets import target_stacks
from llminfra.constructs.basis.providers import versions_file
from llminfra.constructs.storage.workload_archive import WORKLOADS
from llminfra.diagnostics import SpecError
from llminfra.workloads import package

if TYPE_CHECKING:
    from llminfra.bindings import core
    from llminfra.compiler.stacks.common import Built
    from llminfra.planning.plan import Plan


def build_platform(plan: Plan, folder: Path) -> None:
    """Write a platform: ``stacks/<stack>`` with what the stack installs, CDKTF's manifest, and a summary.

    Args:
        plan: A plan without errors.
        folder: An empty folder.

    Raises:
        SpecError: Two objects of the spec would give one name.
        UsageError: A pool shares GPUs, which is not compiled yet.
        UncleanStackError: CDKTF wrote an empty block or an unresolved token: a bug in a construct.
    """
    app = open_app(folder)
    try:
        with pipelined():
            built = _build(app, plan)
    except SpecError as error:
        raise placed(plan.platform, error) from None
    synthesize(app)
    manifest = _in_order_of_apply(folder / MANIFEST, [stack_name(plan, stack.kind) for stack in built])
    documents: dict[str, dict[str, Any]] = {}
    for stack in built:
        name = stack_name(plan, stack.kind)
        stack_folder = folder / STACKS / name
        (stack_folder / VERSIONS_FILE).write_text(versions_file(), encoding="utf-8")
        for chart in sorted(stack.charts):
            copy_chart(chart_dir(chart), stack_folder)
        for workload in sorted(stack.workloads):
            package(workload, stack_folder / WORKLOADS)
        documents[name] = json.loads((stack_folder / STACK_FILE).read_text(encoding="utf-8"))
    try:
        check_names(documents)
    except SpecError as error:
        raise placed(plan.platform, error) from None
    summary = [
        {"name": name, "dependencies": manifest["stacks"][name]["dependencies"], "resources": _count(document)}
        for name, document in documents.items()
    ]
    (folder / SUMMARY).write_text(json.dumps(summary), encoding="utf-8")


def _build(app: core.App, plan: Plan) -> list[Built]:
    """All stacks of a platform, each depending on those whose outputs it reads or whose objects it needs."""
    built = [network_stack(app, plan)] if plan.network.there else []
    if plan.cluster is not None:
        cluster = cluster_stack(app, plan)
        cluster.stack.add_dependency(built[0].stack)
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
    return _after_images(app, plan, built)


def _after_images(app: core.App, plan: Plan, built: list[Built]) -> list[Built]:
    """The repositories of a mirror before everything that pulls from them; nobody reads an output of theirs."""
    mirror = plan.platform.images
    if mirror is None or not mirror.create:
        return built
    images = images_stack(app, plan, mirror)
    for later in built:
        if later.kind in {"platform", "serving", "ec2", "async", "batch"}:
            later.stack.add_dependency(images.stack)
    return [images, *built]


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
