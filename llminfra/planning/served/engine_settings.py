"""An engine as the planner sees it: the same questions for every engine, answered by its spec and the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from llminfra.catalog.engines import inner_release, is_since
from llminfra.planning.facts import numbers
from llminfra.planning.hardware.float16 import float16_refused_since
from llminfra.planning.served.config_overrides import overrides, switches_check_off, ways_to_stretch
from llminfra.spec.engines.custom import CustomServer

if TYPE_CHECKING:
    from llminfra.catalog.engines import EngineRelease
    from llminfra.catalog.models import ModelFacts
    from llminfra.planning.findings import Findings
    from llminfra.spec.endpoint import Endpoint
    from llminfra.spec.engines.base import Image
    from llminfra.spec.engines.engine import Engine

# vLLM has the Run:ai streamer, as has SGLang of late; DJL Serving fetches from S3 before it starts its engine.
_READS_OBJECT_STORAGE = frozenset({"vllm", "djl-lmi"})
_RULES_BY_RELEASE = frozenset({"vllm", "tgi"})
_SPANS_NODES = frozenset({"vllm", "sglang"})
# Engines whose memory is not vLLM's are judged by the vLLM rules that reserve the most.
_FALLBACK_UTILIZATION = 0.9
# Written out, so that the memory estimate and the engine agree; vLLM's own default on small GPUs.
MAX_NUM_SEQS = 256


class EngineSettings(Struct, frozen=True, kw_only=True):
    """What decides memory and placement.

    ``memory_version`` is the release whose memory rules apply; ``None`` takes the most careful ones.
    ``judged`` is false for servers whose memory nobody can know.
    """

    kind: str
    image: Image | None
    max_model_len: int | None
    max_num_seqs: int
    max_num_batched_tokens: int | None
    gpu_memory_utilization: float
    kv_cache_dtype: str | None
    enforce_eager: bool
    memory_version: str | None
    judged: bool
    reads_object_storage: bool
    spans_nodes: bool


def engine_settings(engine: Engine, release: EngineRelease | None) -> EngineSettings:
    """The settings of a declared engine at a release."""
    if isinstance(engine, CustomServer):
        return EngineSettings(
            kind=engine.kind,
            image=engine.image,
            max_model_len=engine.max_model_len,
            max_num_seqs=MAX_NUM_SEQS,
            max_num_batched_tokens=None,
            gpu_memory_utilization=_FALLBACK_UTILIZATION,
            kv_cache_dtype=None,
            enforce_eager=True,
            memory_version=None,
            judged=False,
            reads_object_storage=False,
            spans_nodes=False,
        )
    default = release.gpu_memory_utilization if release else None
    return EngineSettings(
        kind=engine.kind,
        image=engine.image,
        max_model_len=engine.max_model_len,
        max_num_seqs=engine.max_num_seqs or MAX_NUM_SEQS,
        max_num_batched_tokens=engine.max_num_batched_tokens,
        gpu_memory_utilization=engine.gpu_memory_utilization or default or _FALLBACK_UTILIZATION,
        kv_cache_dtype=None if engine.kv_cache_dtype == "auto" else engine.kv_cache_dtype,
        enforce_eager=engine.enforce_eager,
        memory_version=release.version if release and engine.kind in _RULES_BY_RELEASE else None,
        judged=True,
        reads_object_storage=reads_object_storage(engine.kind, release),
        spans_nodes=engine.kind in _SPANS_NODES,
    )


def reads_object_storage(kind: str, release: EngineRelease | None) -> bool:
    """Whether a release, in its own image, streams weights from S3; one that nobody knows counts as new."""
    if kind != "sglang" or release is None:
        return kind in {"sglang", *_READS_OBJECT_STORAGE}
    return _since(release, "cold_start", "sglang_streams_since")


def _since(release: EngineRelease, file: str, fact: str) -> bool:
    """Whether the release is the one that a fact names, or later."""
    return is_since(release, str(numbers(file)[fact]["value"]))


def check_step(endpoint: Endpoint, settings: EngineSettings, findings: Findings) -> None:
    """Report a scheduler step that is smaller than the batch: vLLM refuses it when it starts."""
    tokens, sequences = settings.max_num_batched_tokens, settings.max_num_seqs
    if settings.kind != "vllm" or tokens is None or tokens >= sequences:
        return
    findings.error(
        "LLM_FIT_43",
        endpoint,
        f"endpoints.{endpoint.name}.engine.max_num_batched_tokens",
        f"a scheduler step of {tokens:,} tokens has none for some of the {sequences:,} sequences of a batch",
        found=f"max_num_batched_tokens={tokens}, max_num_seqs={sequences}"
        + ("" if getattr(endpoint.engine, "max_num_seqs", None) else " (the default)"),
        expected=f"max_num_batched_tokens of at least {sequences}",
        fix=f"set max_num_batched_tokens={sequences} or more, or max_num_seqs={tokens}",
        runtime_message=f"max_num_batched_tokens ({tokens}) must be greater than or equal to max_num_seqs "
        f"({sequences}).",
    )


def check_prefill_step(
    endpoint: Endpoint, settings: EngineSettings, release: EngineRelease | None, findings: Findings
) -> None:
    """Report a step that is smaller than the longest prompt: TGI 2.3 reads none in pieces and refuses it."""
    tokens, longest = settings.max_num_batched_tokens, settings.max_model_len
    if settings.kind != "tgi" or release is None or tokens is None or longest is None or tokens >= longest - 1:
        return
    if _since(release, "gpu_support", "tgi_reads_in_pieces_since"):
        return
    findings.error(
        "LLM_FIT_43",
        endpoint,
        f"endpoints.{endpoint.name}.engine.max_num_batched_tokens",
        f"TGI {release.version} reads a prompt in one step, and {longest - 1:,} tokens are more than {tokens:,}",
        found=f"max_num_batched_tokens={tokens}, max_model_len={longest}",
        expected=f"max_num_batched_tokens of at least {longest - 1}",
        fix=f"set max_num_batched_tokens={longest - 1} or more, or use a later version",
        runtime_message=f"`max_batch_prefill_tokens` must be >= `max_input_tokens`. Given: {tokens} and {longest - 1}",
    )


def check_served_name(endpoint: Endpoint, release: EngineRelease | None, findings: Findings) -> None:
    """Report a name with a colon, behind which SGLang looks for an adapter."""
    name = endpoint.served_name or ""
    if endpoint.engine.kind != "sglang" or ":" not in name:
        return
    if release is not None and not _since(release, "gpu_support", "sglang_no_colon_since"):
        return
    findings.error(
        "LLM_FIT_50",
        endpoint,
        f"endpoints.{endpoint.name}.served_name",
        "SGLang takes no name with a colon: behind one it looks for an adapter",
        found=name,
        expected="a name without a colon",
        fix=f"use {name.replace(':', '-')!r}, or VLLM",
        runtime_message="AssertionError: served_model_name cannot contain a colon (':') character.",
    )


def check_dtype(endpoint: Endpoint, facts: ModelFacts, release: EngineRelease | None, findings: Findings) -> None:
    """Report float16 for models and weights that vLLM, also inside a container, runs in bfloat16 only."""
    release = inner_release(release) if release is not None else None
    if "vllm" not in {endpoint.engine.kind, release and release.engine} or endpoint.model.dtype != "float16":
        return
    method = facts.quantization.method if facts.quantization else None
    since = float16_refused_since("vllm", facts.architecture)
    refused = since is not None and (release is None or is_since(release, since))
    if not refused and method not in numbers("gpu_support")["no_float16"]["value"]:
        return
    what = facts.architecture if refused else f"{method} weights"
    findings.error(
        "LLM_FIT_51",
        endpoint,
        f"endpoints.{endpoint.name}.model.dtype",
        f"vLLM does not run {what} in float16",
        found="dtype='float16'",
        expected="dtype='auto' or 'bfloat16'",
        fix="leave dtype out, on GPUs that have bfloat16 (A100, A10G and later)",
        runtime_message="does not support float16. Reason: Numerical instability."
        if refused
        else f"torch.float16 is not supported for quantization method {method}.",
    )


def check_length(endpoint: Endpoint, facts: ModelFacts, settings: EngineSettings, findings: Findings) -> bool:
    """Report a context that is longer than the model was made for, or than its declared rope scaling reaches.

    The engine's own variable that switches its check off makes it a warning: it starts then.
    """
    longest = facts.max_position_embeddings
    if not settings.max_model_len or not longest or settings.max_model_len <= longest:
        return True
    forced = switches_check_off(endpoint.engine)
    report = findings.warning if forced else findings.error
    learned = facts.learned_positions  # a table with a row for each: no formula makes more of them
    report(
        "LLM_FIT_4",
        endpoint,
        f"endpoints.{endpoint.name}.engine.max_model_len",
        f"{facts.model_id} was made for {longest:,} tokens"
        + (f", and {forced} lets the engine go on all the same" if forced else "")
        + (" with the rope scaling of extra_args" if overrides(endpoint.engine) else ""),
        found=f"{settings.max_model_len:,}",
        expected=f"at most {longest:,}",
        fix=f"set max_model_len={longest}"
        + ("" if learned else f"; or, where its positions can be stretched, {ways_to_stretch(settings.kind)}"),
        runtime_message=f"User-specified max_model_len ({settings.max_model_len}) is greater than the derived "
        f"max_model_len (max_position_embeddings={longest})",
    )
    return bool(forced)
