"""A spread as it was declared: refused where nothing starts with it, named where it only wastes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.planning.fit.misfits import NOTHING, elsewhere
from llminfra.planning.fit.remedies import fewer_context_ranks, remedies
from llminfra.planning.spread.choosing import choose, cost
from llminfra.planning.spread.parallelism import Candidate, as_arguments, shape_findings
from llminfra.spec.compute.gpu_pool import GpuPool

if TYPE_CHECKING:
    from llminfra.planning.findings import Findings
    from llminfra.planning.spread.spreads import Question

_SPREADS_TOLD = 4
_GROUPS = "LLM_SHAPE_6"


def check_declared(question: Question, declared: Candidate, options: tuple[Candidate, ...], findings: Findings) -> bool:
    """Report a declared spread that the engine, the model or the pool cannot have; false where there is such."""
    endpoint, wanted = question.endpoint, declared.parallelism
    fix = _spread_fix(question, declared, options) if declared.problems else ""
    for problem in declared.problems:
        findings.error(
            problem.code,
            endpoint,
            f"endpoints.{endpoint.name}.parallelism",
            problem.message,
            found=as_arguments(wanted),
            expected=_spreads_that_do(question, declared, options),
            fix=fix,
            runtime_message=problem.runtime_message,
        )
    return check_place(question, declared, options, findings, fix=fix) and not declared.problems


def check_place(
    question: Question, declared: Candidate, options: tuple[Candidate, ...], findings: Findings, *, fix: str = ""
) -> bool:
    """Report a replica that has no place on the pool's nodes; ``fix`` is what helps, where that is known already."""
    endpoint, pool, wanted = question.endpoint, question.pool, declared.parallelism
    path = f"endpoints.{endpoint.name}.parallelism"
    most, nodes = pool.gpus_per_node * pool.max_nodes, -(-wanted.gpus // pool.gpus_per_node)
    if declared.nodes > 1 and not question.engine.spans_nodes:
        findings.error(
            "LLM_FIT_16",
            endpoint,
            path,
            f"{question.engine.kind} does not span nodes here",
            found=f"{wanted.gpus} GPUs on nodes of {pool.gpus_per_node}",
            expected=f"at most {pool.gpus_per_node} GPUs a replica",
            fix="use VLLM(…) or SGLang(…) for a replica larger than a node",
        )
    elif wanted.gpus > most:
        findings.error(
            "LLM_FIT_6",
            endpoint,
            path,
            f"one replica needs more GPUs than pool {pool.name!r} can ever have",
            found=f"{wanted.gpus} GPUs",
            expected=f"at most {most} ({pool.max_nodes} × {pool.gpus_per_node})",
            fix=f"raise nodes of {pool.name!r} to at least {nodes}, or lower the parallelism"
            if isinstance(endpoint.on, GpuPool)
            else "lower the parallelism",
            runtime_message="0/n nodes are available: n Insufficient nvidia.com/gpu",
        )
    elif wanted.gpus > pool.gpus_per_node and wanted.gpus % pool.gpus_per_node:
        findings.error(
            "LLM_FIT_11",
            endpoint,
            path,
            "a replica larger than a node must fill whole nodes",
            found=f"{wanted.gpus} GPUs on nodes of {pool.gpus_per_node}",
            expected=f"a multiple of {pool.gpus_per_node}",
            fix=fix or _spread_fix(question, declared, options, whole_nodes=True),
        )
    else:
        return True
    return False


def report_uneven(question: Question, chosen: Candidate, findings: Findings) -> None:
    """Waste in a spread that the user declared; the planner's own choice was weighed against others.

    Groups of quantized weights are told of the planner's choice, too: whether the engine has kernels for such a cut is
    not known. A server that is not judged may cut the model as it likes, so nothing is refused for its shapes.
    """
    endpoint, judged = question.endpoint, question.engine.judged
    for item in shape_findings(question.facts, question.case, chosen.parallelism):
        if endpoint.parallelism is None and item.code != _GROUPS:
            continue
        findings.warning(
            item.code,
            endpoint,
            f"endpoints.{endpoint.name}.parallelism",
            item.message,
            found=chosen.shape,
            expected="a spread that divides evenly",
            fix=_uneven_fix(item.code) if judged else "nothing, if the server cuts the model in another way",
            runtime_message=item.runtime_message if judged else None,
        )


def _uneven_fix(code: str) -> str:
    if code == _GROUPS:
        return "use a tensor parallelism that leaves whole parts, or another quantization"
    return "use fewer GPUs a replica and more replicas, or leave parallelism to the planner"


def _spread_fix(
    question: Question, declared: Candidate, options: tuple[Candidate, ...], *, whole_nodes: bool = False
) -> str:
    """Another spread that has been estimated to do: the nearest to what was declared, and the planner's own choice."""
    ranks = fewer_context_ranks(question, (declared,))
    if ranks is not None:
        return ranks.text
    wanted, concurrency = declared.parallelism, question.promise.concurrency
    per_node = question.pool.gpus_per_node
    filled = wanted.model_copy(update={"tensor": per_node, "pipeline": -(-wanted.gpus // per_node), "data": 1})
    turned = question.judge(filled if whole_nodes else wanted.model_copy(update={"expert": not wanted.expert}))
    near = ""
    if turned.meets(concurrency) and (question.facts.is_moe or not turned.parallelism.expert):
        spread = as_arguments(turned.parallelism)
        near = f"parallelism=Parallelism({spread})" if whole_nodes else f"expert={turned.parallelism.expert}"
    if near and wanted.expert and not question.facts.is_moe:
        return f"set {near}, or leave parallelism to the planner"
    chosen = choose(options, question.promise).chosen
    if chosen is None and not near:
        return "; or ".join(_without_spread(question, options)) or NOTHING
    names = [f"parallelism=Parallelism({as_arguments(chosen.parallelism)})"] if chosen else []
    names += [near] if near not in {"", *names} else []
    return f"set {', or '.join(names)}, or leave parallelism to the planner"


def _spreads_that_do(question: Question, declared: Candidate, options: tuple[Candidate, ...]) -> str:
    """Spreads that hold the requests: of the declared kind, where there are such."""
    good = _working(question, options)
    alike = [option for option in good if option.parallelism.data == 1 and option.parallelism.pipeline == 1]
    good = alike if declared.parallelism.gpus == declared.parallelism.tensor and alike else good
    told = "; ".join(as_arguments(option.parallelism) for option in good[:_SPREADS_TOLD])
    more = len(good) - _SPREADS_TOLD
    if not told:
        return f"a spread that holds the model; pool {question.pool.name!r} has none"
    return told + (f"; and {more} more" if more > 0 else "")


def _working(question: Question, options: tuple[Candidate, ...]) -> list[Candidate]:
    """Spreads that hold the requests, the cheapest first, each figure once."""
    good = sorted((option for option in options if option.meets(question.promise.concurrency)), key=cost)
    seen: dict[tuple[int, str], Candidate] = {}
    for option in good:
        seen.setdefault((option.parallelism.gpus, option.describe().removeprefix(option.shape)), option)
    return list(seen.values())


def _without_spread(question: Question, tried: tuple[Candidate, ...]) -> list[str]:
    """What helps where no spread of the pool does: other settings, else other machines."""
    kept = [item.text for item in remedies(question, tried)]
    return kept or elsewhere(question)
