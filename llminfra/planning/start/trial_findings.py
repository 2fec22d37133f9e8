"""What is told of FlashInfer's trials of kernels: where they may outlast the startup probe, and where restarts hang."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.planning.facts import numbers
from llminfra.planning.memory.budget.expert_choice import expert_kernel
from llminfra.planning.start.kernel_trials import (
    release_of,
    slow_trials,
    tried_for_experts,
    waits_for_rank_0,
    ways_out,
)

if TYPE_CHECKING:
    from llminfra.catalog.models import ModelFacts
    from llminfra.planning.findings import Findings
    from llminfra.planning.memory import FitCase
    from llminfra.planning.start.kernel_trials import Told
    from llminfra.spec.endpoint import Endpoint

_FILE = "kernel_trials"


def check_trials(
    endpoint: Endpoint,
    facts: ModelFacts,
    said: Told,
    findings: Findings,
    *,
    version: str | None,
    capability: int | None,
    budget_s: int,
) -> None:
    """Report trials that were seen to last longer than the probe waits.

    Args:
        endpoint: What is planned.
        facts: Its model.
        said: What its engine is told of trials.
        findings: Where it is reported.
        version: The release of vLLM; None is the newest.
        capability: Compute capability of the GPU, ten times; None where it is not known.
        budget_s: Seconds that the startup probe waits.
    """
    op = tried_for_experts(facts, capability, said)
    slow = slow_trials(facts, version, capability, said)
    if op is None or slow is None:
        return
    lasts = "lasts longer than the startup probe waits" if slow.sure else "may last longer than the startup probe waits"
    findings.warning(
        "LLM_STO_29",
        endpoint,
        f"endpoints.{endpoint.name}.engine",
        f"FlashInfer tries its kernels for {slow.where} at a first start, which {lasts}: the kubelet then ends the "
        "container, nothing is kept, and the next start tries again",
        found=slow.seen,
        expected=f"a start within the {budget_s / 60:,.0f} min that the probe waits",
        fix=f"set {ways_out(version, op)}",
        runtime_message=f"[AutoTuner]: Tuning {op}",
    )


def check_restarts(
    endpoint: Endpoint,
    facts: ModelFacts,
    case: FitCase,
    said: Told,
    findings: Findings,
    *,
    version: str | None,
    capability: int | None,
) -> None:
    """Report ranks that wait for one another when the container of a pod starts again.

    The choices of its first start lie on the pod's volume, which lasts longer than its containers.
    """
    ranks = case.gpus_total or 1
    if said.switched_off or not facts.is_moe:
        return
    stuck = waits_for_rank_0(
        version,
        ranks=ranks,
        expert=bool(case.expert_parallel),
        op=tried_for_experts(facts, capability, said),
        kernel=expert_kernel(facts, case, release_of(version)),
    )
    if not stuck:
        return
    rows = numbers(_FILE)["kept"]
    fixed = next(row["from"] for row in rows if row["ranks"] == "all")
    switch = numbers(_FILE)["switches"]["flag"].removeprefix("--")
    findings.warning(
        "LLM_STO_30",
        endpoint,
        f"endpoints.{endpoint.name}.engine",
        f"a container that starts again in its pod hangs: rank 0 finds the kernels that FlashInfer chose before, and "
        f"the other {ranks - 1} wait for it to try them",
        found=f"vLLM {version}, {ranks} GPUs a replica",
        expected=f"vLLM {fixed} or later, which looks whether every rank finds them",
        fix=f"set version='{fixed}' or later, or extra_args=['--no-{switch}']",
        runtime_message="[Autotuner]: Config cache hit for",
    )
