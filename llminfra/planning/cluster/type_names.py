"""Whether the instance types of a pool exist and have GPUs: what their names alone decide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.catalog import instances
from llminfra.diagnostics import entry_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llminfra.catalog.instances import InstanceType
    from llminfra.planning.findings import Findings
    from llminfra.spec.compute.gpu_pool import GpuPool


def check_type_names(pool: GpuPool, where: str, findings: Findings) -> list[tuple[int, InstanceType]]:
    """The GPU types among a pool's instance types, each with its place in the list; the others leave findings.

    Args:
        pool: The declaration.
        where: Its spec path; a broken pool may have no name.
        findings: Takes what is wrong.
    """
    return list(_known(pool, where, findings))


def _known(pool: GpuPool, where: str, findings: Findings) -> Iterator[tuple[int, InstanceType]]:
    for index, name in enumerate(pool.instance_types):
        path = entry_path(f"{where}.instance_types", index)
        instance = instances.get(name)
        if name in pool.instance_types[:index]:
            findings.error(
                "LLM_SPEC_4",
                pool,
                path,
                f"{name} stands twice in the pool's types",
                found=", ".join(pool.instance_types),
                expected="each type once",
                fix=f"remove the second {name!r}",
            )
        elif instance is None:
            reason = instances.excluded(name)
            findings.error(
                "LLM_CAP_20",
                pool,
                path,
                f"{name!r} cannot be used: {reason}"
                if reason
                else f"there is no instance type {name!r} in the catalog",
                found=name,
                expected=instances.like(name, gpu=True),
                fix=instances.instead_of(name),
                # What EC2 knows would start: llminfra alone has no plan for it.
                runtime_message=None if reason else f"The following supplied instance types do not exist: [{name}]",
            )
        elif instance.gpu is None:
            findings.error(
                "LLM_CAP_25",
                pool,
                path,
                f"{name} has no NVIDIA GPU",
                found=name,
                expected="a GPU type such as g6e.12xlarge or p5.48xlarge",
                fix="use a GPU instance type; CPU nodes are declared in Cluster(system_nodes=…)",
            )
        else:
            yield index, instance
