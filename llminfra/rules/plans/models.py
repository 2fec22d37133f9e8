"""Rules on models and data of planned endpoints: supply chain, privacy, and switches that belong in no production."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from llminfra.diagnostics import Severity
from llminfra.rules.credentials import credential_kind, looks_random, names_a_secret
from llminfra.rules.plans.planned import argument
from llminfra.rules.rule import Hit, rule

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan
    from llminfra.planning.plan.serving import ServingPlan

_UNSAFE_FORMATS = frozenset({"pt", "npcache", "bitsandbytes", "gguf", "dummy"})
_ON = frozenset({"1", "true", "yes", "on"})


def _env(served: ServingPlan, name: str) -> str | None:
    return served.invocation.env.get(name)


def _is_on(served: ServingPlan, name: str) -> bool:
    return (_env(served, name) or "").lower() in _ON


def _switched_on(plan: Plan, name: str, message: str) -> Iterator[Hit]:
    """A hit for every engine, on any target, that has the variable switched on."""
    for path, served in plan.served:
        if _is_on(served, name):
            yield Hit(
                path=f"{path}.engine.env.{name}",
                message=message,
                found=f"{name}={_env(served, name)}",
                expected="not set",
            )


_OWN_WEIGHTS = (
    "set Model(revision=…) to the commit on the Hub; for weights that are not there, to 40 hexadecimal digits of your "
    "own, such as the sha1sum of model.safetensors.index.json, and upload them (docs/operations.md, A model of your "
    "own)"
)


@rule(
    code="LLM_SRV_2",
    title="A model is served from a named commit",
    severity=Severity.ERROR,
    looks_at="plan",
    why="A branch name is whatever its owner pushed last: replicas that start on different days serve different "
    "weights, and a hijacked repository is in production after the next restart.",
    fix="set Model(revision=…) to the 40-digit commit",
    source=("OWASP LLM03:2025 supply chain, prevention 6", "vLLM documentation: --revision"),
)
def revision_pinned(plan: Plan) -> Iterator[Hit]:
    """What serves a model whose revision neither the spec nor the catalog names, on any target."""
    for path, served in plan.served:
        if served.revision is None:
            own = served.spec.model.config is not None
            yield Hit(
                path=f"{path}.model.revision",
                message=f"{served.model_id} is served from whatever its main branch holds",
                found="no revision",
                expected="a commit of 40 hexadecimal digits",
                fix=_OWN_WEIGHTS if own else "",
            )


@rule(
    code="LLM_SRV_11",
    title="No code from the model repository runs",
    severity=Severity.ERROR,
    looks_at="plan",
    why="trust_remote_code runs Python of the repository with the pod's role, network and GPUs.",
    fix="drop trust_remote_code, or waive this rule for a reviewed, pinned revision",
    source=("OWASP LLM03:2025 supply chain", "Hugging Face documentation: trust_remote_code"),
)
def no_remote_code(plan: Plan) -> Iterator[Hit]:
    """``trust_remote_code`` in the spec or among the arguments."""
    for path, served in plan.served:
        if served.spec.model.trust_remote_code or argument(served, "--trust-remote-code") is not None:
            yield Hit(
                path=f"{path}.model.trust_remote_code",
                message=f"the engine runs code from the repository of {served.model_id}",
                found="trust_remote_code=True",
                expected="False",
            )


@rule(
    code="LLM_SRV_12",
    title="Weights are loaded from safetensors",
    severity=Severity.ERROR,
    looks_at="plan",
    why="A pickle checkpoint executes what its author put in it; dummy weights answer noise.",
    fix="remove --load-format, and convert the checkpoint to safetensors",
    source=("Hugging Face documentation: pickle scanning", "vLLM documentation: --load-format"),
)
def safetensors_only(plan: Plan) -> Iterator[Hit]:
    """Load formats that read pickles or nothing."""
    for path, served in plan.served:
        value = argument(served, "--load-format")
        if value in _UNSAFE_FORMATS:
            yield Hit(
                path=f"{path}.engine.extra_args",
                message=f"the load format {value} does not read safetensors",
                found=f"--load-format={value}",
                expected="auto, safetensors or a streaming loader",
            )


@rule(
    code="LLM_STO_10",
    title="Weights come from storage of ours, not from the Hub at start-up",
    severity=Severity.WARNING,
    looks_at="plan",
    why="A Hub outage, a rate limit or a deleted repository then stops every scale-up, and each cold start downloads "
    "all weights through the NAT gateway.",
    fix="declare a ModelBucket and copy the model into it",
    source=("modelplaneai/modelplane#204", "vllm-project/vllm#6319"),
)
def weights_are_ours(plan: Plan) -> Iterator[Hit]:
    """Endpoints and jobs that read from the Hub."""
    pods = {f"endpoints.{item.name}" for item in plan.endpoints}
    for path, served in plan.served:
        if served.weights.kind == "hub":
            yield Hit(
                path=f"{path}.weights",
                message=f"every start downloads {served.weights.bytes_total / 1e9:.0f} GB from the Hugging Face Hub",
                found="no storage",
                expected="a ModelBucket or Lustre" if path in pods else "a ModelBucket",
            )


@rule(
    code="LLM_STO_13",
    title="Something fills the bucket that a model is read from",
    severity=Severity.WARNING,
    looks_at="plan",
    why="Weights are copied from the Hub by commit. A model without one is copied by nothing: its folder in the bucket "
    "stays empty, and no engine starts, until somebody uploads the weights by hand.",
    fix="set Model(revision=…) to the 40-digit commit, and llminfra copies it; or upload them and waive the rule",
    source=("llminfra: planning/storage/hub_copies.py; docs/targets.md",),
)
def buckets_are_filled(plan: Plan) -> Iterator[Hit]:
    """Readers outside the cluster of a bucket of ours, into which neither a build project nor a Job copies."""
    own = {item.name for item in plan.buckets if not item.existing}
    filled: set[tuple[str | None, str | None]] = {(item.bucket, item.key) for item in plan.hub_copies}
    filled |= {(item.weights.storage, item.weights.key) for item in plan.endpoints if item.revision is not None}
    pods = {f"endpoints.{item.name}" for item in plan.endpoints}
    for path, served in plan.served:
        weights = served.weights
        place = (weights.storage, weights.key)
        if path not in pods and weights.storage in own and weights.key and place not in filled:
            yield Hit(
                path=f"{path}.model.revision",
                message=f"nothing copies {served.model_id} into the bucket {weights.storage}",
                found=f"no copy to s3://{weights.storage}/{weights.key}",
                expected="a pinned revision, which is copied",
            )


@rule(
    code="LLM_SRV_65",
    title="Prompts and answers are not logged",
    severity=Severity.ERROR,
    looks_at="plan",
    why="Prompts hold what users would not write in a ticket: names, contracts, health. In container logs they are "
    "kept "
    "for a year and read by everyone with access to the log group.",
    fix="remove --enable-log-requests, --enable-log-outputs and debug logging",
    source=("OWASP LLM02:2025 sensitive information disclosure", "vLLM documentation: --enable-log-requests"),
)
def prompts_not_logged(plan: Plan) -> Iterator[Hit]:
    """Flags and levels that put prompts into logs."""
    for path, served in plan.served:
        flags = [
            f
            for f in ("--enable-log-requests", "--enable-log-outputs", "--log-requests")
            if argument(served, f) is not None
        ]
        if (_env(served, "VLLM_LOGGING_LEVEL") or "").upper() in ("DEBUG", "TRACE"):
            flags.append("VLLM_LOGGING_LEVEL=DEBUG")
        if _is_on(served, "VLLM_DEBUG_LOG_API_SERVER_RESPONSE"):
            flags.append("VLLM_DEBUG_LOG_API_SERVER_RESPONSE")
        if flags:
            yield Hit(
                path=f"{path}.engine",
                message="the engine writes prompts or answers to its log",
                found=", ".join(flags),
                expected="none of them",
            )


@rule(
    code="LLM_SRV_66",
    title="No development switches in a deployed engine",
    severity=Severity.ERROR,
    looks_at="plan",
    why="VLLM_SERVER_DEV_MODE opens endpoints that reset caches, put the server to sleep and reload weights to anyone "
    "who reaches the port; insecure serialization unpickles what peers send.",
    fix="remove the variable",
    source=("vLLM documentation: security, development mode endpoints", "vllm-project/vllm#29922"),
)
def no_development_mode(plan: Plan) -> Iterator[Hit]:
    """Development and insecure switches in the environment."""
    for name in ("VLLM_SERVER_DEV_MODE", "VLLM_ALLOW_INSECURE_SERIALIZATION"):
        yield from _switched_on(plan, name, f"{name} is on")


@rule(
    code="LLM_SRV_67",
    title="Adapters are not loaded at run time by whoever asks",
    severity=Severity.ERROR,
    looks_at="plan",
    why="With run-time LoRA updating, any caller can replace the adapter that others are served with, from any path or "
    "repository.",
    fix="declare adapters at start-up with --lora-modules",
    source=("vLLM documentation: LoRA, dynamically serving adapters (security warning)",),
)
def no_runtime_lora(plan: Plan) -> Iterator[Hit]:
    """``VLLM_ALLOW_RUNTIME_LORA_UPDATING``."""
    return _switched_on(plan, "VLLM_ALLOW_RUNTIME_LORA_UPDATING", "callers may load and replace adapters")


@rule(
    code="LLM_SRV_68",
    title="The context length is one that the model was made for",
    severity=Severity.WARNING,
    looks_at="plan",
    why="VLLM_ALLOW_LONG_MAX_MODEL_LEN silences the check, not the problem: positions beyond the trained range give "
    "NaN or CUDA asserts, or answers nobody would defend.",
    fix="remove the variable and lower max_model_len, or configure RoPE scaling",
    source=("vllm-project/vllm#17924",),
)
def no_forced_context(plan: Plan) -> Iterator[Hit]:
    """``VLLM_ALLOW_LONG_MAX_MODEL_LEN``."""
    message = "the check of the context length is switched off"
    return _switched_on(plan, "VLLM_ALLOW_LONG_MAX_MODEL_LEN", message)


@rule(
    code="LLM_SEC_11",
    title="Credentials reach engines by reference, not in arguments or environment",
    severity=Severity.ERROR,
    looks_at="plan",
    why="Arguments show in ps and in every crash report; environment values in the spec end in git, Helm values and "
    "the "
    "Terraform state.",
    fix="use Endpoint(api_key=Secret(name=…)) or Model(token=Secret(name=…))",
    source=("OWASP LLM02:2025 sensitive information disclosure", "kserve/kserve#4674"),
)
def no_credentials_in_engine(plan: Plan) -> Iterator[Hit]:
    """Literals in arguments and environment of the engine."""
    for path, served in plan.served:
        call = served.invocation
        for name, value in call.env.items():
            if credential_kind(value) or (value and names_a_secret(name)) or looks_random(value):
                yield Hit(
                    path=f"{path}.engine.env.{name}",
                    message=f"the variable {name} holds a literal secret",
                    found="a literal (not shown)",
                    expected="a Secret reference",
                )
        references = {f"$({item.name})" for item in call.secret_env}
        for index, text in enumerate((*call.args, *call.worker_args)):
            flag, _, value = text.partition("=")
            if value in references:  # SGLang takes its key as a flag alone
                continue
            secret_flag = flag in ("--api-key", "--admin-api-key", "--hf-token")
            if secret_flag or credential_kind(text) or (value and names_a_secret(flag.strip("-"))):
                yield Hit(
                    path=f"{path}.engine.extra_args",
                    message=f"argument {flag if flag.startswith('--') else index} carries a secret on the command line",
                    found="a literal (not shown)",
                    expected="a Secret reference",
                )


RULES = (
    revision_pinned,
    no_remote_code,
    safetensors_only,
    weights_are_ours,
    buckets_are_filled,
    prompts_not_logged,
    no_development_mode,
    no_runtime_lora,
    no_forced_context,
    no_credentials_in_engine,
)
