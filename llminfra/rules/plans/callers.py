"""Rules on what callers of planned endpoints can ask for, by which name, and who they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from llminfra.diagnostics import Severity
from llminfra.rules.plans.planned import argument, endpoint_path
from llminfra.rules.rule import Hit, rule

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan


@rule(
    code="LLM_SRV_6",
    title="Context length and batch are bounded on the command line",
    severity=Severity.ERROR,
    looks_at="plan",
    why="An engine without limits takes the model's full context and its own batch default; one caller can then occupy "
    "the whole KV cache and run up the bill.",
    fix="set VLLM(max_model_len=…, max_num_seqs=…)",
    source=("OWASP LLM10:2025 unbounded consumption, preventions 1, 3 and 5",),
)
def requests_bounded(plan: Plan) -> Iterator[Hit]:
    """The limits of every engine that has flags for them."""
    flags = {"vllm": ("--max-model-len", "--max-num-seqs"), "sglang": ("--context-length", "--max-running-requests")}
    for path, served in plan.served:
        missing = [flag for flag in flags.get(served.engine, ()) if argument(served, flag) is None]
        if missing:
            yield Hit(
                path=f"{path}.engine",
                message=f"{' and '.join(missing)} {'are' if len(missing) > 1 else 'is'} not given to the engine",
                found="the engine's default",
                expected="explicit limits",
            )


@rule(
    code="LLM_SRV_71",
    title="Two endpoints do not answer to one model name",
    severity=Severity.WARNING,
    looks_at="plan",
    why="Dashboards and clients choose by model_name, and show or ask for both. llminfra's own alerts and scaling "
    "select by Service, so two versions of a model side by side work; behind one gateway they are refused (LLM_GW_4), "
    "and an adapter named as its base model is, too (LLM_FIT_40).",
    fix="set Endpoint(served_name=…) on one of them",
    source=("vllm metrics: label model_name", "llminfra: observability/endpoint_series.py"),
)
def served_names_differ(plan: Plan) -> Iterator[Hit]:
    """Served names that repeat."""
    # Two roles of one endpoint answer to one name, and are told apart by their Services; an overflow answers for it.
    public = [item for item in plan.endpoints if item.role != "prefill" and item.overflow is None]
    counted = Counter(endpoint.served_name for endpoint in public)
    for endpoint in public:
        if counted[endpoint.served_name] > 1:
            yield Hit(
                path=endpoint_path(endpoint, "served_name"),
                message=f"{counted[endpoint.served_name]} endpoints answer to {endpoint.served_name!r}",
                found=endpoint.served_name,
                expected="one endpoint for each name",
            )


@rule(
    code="LLM_SRV_72",
    title="An endpoint that others than its own namespace may call wants an API key",
    severity=Severity.ERROR,
    looks_at="plan",
    why="A network policy knows namespaces and a security group addresses, not callers: without a key everyone who is "
    "let in uses the model unattributed and unlimited.",
    fix="set Endpoint(api_key=Secret(name=…))",
    source=("vllm-project/vllm#18892", "vllm-project/production-stack#150", "OWASP LLM10:2025"),
)
def callers_present_a_key(plan: Plan) -> Iterator[Hit]:
    """No ``api_key`` on EC2, where the whole VPC may call, and beside ``allow_from_namespaces``."""
    for endpoint in plan.endpoints:
        if endpoint.spec.allow_from_namespaces and endpoint.spec.api_key is None:
            yield Hit(
                path=endpoint_path(endpoint, "api_key"),
                message="pods of other namespaces may call the endpoint without a key",
                found=", ".join(endpoint.spec.allow_from_namespaces),
                expected="an API key",
            )
    for item in plan.ec2:
        if item.serving.spec.api_key is None:
            yield Hit(
                path=f"endpoints.{item.name}.api_key",
                message="whoever the load balancer lets in may call the endpoint without a key",
                found=", ".join(getattr(item.serving.spec.on, "allow_from_cidrs", ())) or "the whole VPC",
                expected="an API key",
            )


RULES = (
    requests_bounded,
    served_names_differ,
    callers_present_a_key,
)
