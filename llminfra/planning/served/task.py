"""What an endpoint does, and whether its model, its engine and its settings can: checks before anything is sized."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.catalog.models.tasks import TEXTS
from llminfra.catalog.task_classes import missing_class
from llminfra.engines.given import last
from llminfra.engines.vllm_tasks import GUARDED, PATHS
from llminfra.planning.memory.releases.engine_profile import parse_version, vllm_profile
from llminfra.planning.memory.releases.pooling import as_task, unfit
from llminfra.planning.served.engine_settings import MAX_NUM_SEQS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llminfra.catalog.engines import EngineRelease
    from llminfra.catalog.models import ModelFacts
    from llminfra.engines.given import Given
    from llminfra.planning.findings import Findings
    from llminfra.planning.plan.serving import Place, WeightsPlan
    from llminfra.spec.endpoint import Endpoint, Task

_ENGINES = frozenset({"vllm", "custom"})
_DOES = {
    "generate": "write text",
    "embed": "embed",
    "rerank": "rerank",
    "classify": "classify",
    "reward": "give rewards",
    "transcribe": "transcribe",
}
# What guesses, calls or thinks in words has nothing to do where no words are written (vllm/engine/arg_utils.py 0.27.1).
_OF_TEXT = (
    "--speculative-config",
    "--tool-call-parser",
    "--enable-auto-tool-choice",
    "--reasoning-parser",
    "--structured-outputs-config",
)


def task_facts(endpoint: Endpoint, facts: ModelFacts, findings: Findings) -> ModelFacts | None:
    """The model as the endpoint serves it; ``None`` leaves a finding that it was made for something else."""
    task = endpoint.task
    if task is None or task == facts.task:
        return facts
    why = unfit(facts, task)
    if why is None:
        return as_task(facts, task)
    findings.error(
        "LLM_TASK_2",
        endpoint,
        f"endpoints.{endpoint.name}.task",
        f"{facts.model_id} cannot {_DOES[task]}: {why}",
        found=f"task={task!r}, {facts.architecture}",
        expected=f"task={facts.task!r}, or a model made for it",
        fix=f"leave task out, which makes it {facts.task!r}, or take another model",
    )
    return None


def check_task(
    endpoint: Endpoint,
    facts: ModelFacts,
    release: EngineRelease | None,
    options: Sequence[Given],
    place: Place,
    findings: Findings,
) -> bool:
    """Report what a task other than text generation cannot have; false where the engine would not start with it."""
    if facts.task == "generate":
        return True
    known = len(findings.items)
    if _check_engine(endpoint, facts, release, findings) and endpoint.engine.kind == "vllm":
        _check_settings(endpoint, facts, options, findings)
        _check_batch(endpoint, facts, release, findings)
        _check_sound(endpoint, facts, place, findings)
        _check_key(endpoint, facts, place, findings)
    return not any(item.severity == "error" for item in findings.items[known:])


def _check_engine(endpoint: Endpoint, facts: ModelFacts, release: EngineRelease | None, findings: Findings) -> bool:
    path = f"endpoints.{endpoint.name}.engine"
    if endpoint.engine.kind not in _ENGINES:
        findings.error(
            "LLM_TASK_1",
            endpoint,
            path,
            f"llminfra knows how to {_DOES[facts.task]} by vLLM alone",
            found=f"{facts.model_id} on {endpoint.engine.kind}",
            expected="VLLM(…), or a server of your own with CustomServer(…)",
            fix="use engine=VLLM(); text-embeddings-inference runs as a CustomServer",
        )
        return False
    missing = missing_class(release, facts.architecture, facts.task, facts.config_type) if release is not None else None
    if release is None or missing is None:
        return True
    findings.error(
        "LLM_TASK_3",
        endpoint,
        f"{path}.version",
        f"vLLM {release.version} has no code for {missing.name}",
        found=f"vllm {release.version}",
        expected=f"vLLM {missing.elsewhere}" if missing.elsewhere else "a model whose class vLLM has",
        fix="leave version out, or name a later one" if missing.since else "take another model, or a CustomServer",
        runtime_message=f"Model architectures ['{missing.name}'] are not supported for now.",
    )
    return False


def _check_settings(endpoint: Endpoint, facts: ModelFacts, options: Sequence[Given], findings: Findings) -> None:
    path, engine = f"endpoints.{endpoint.name}", endpoint.engine
    if facts.task not in TEXTS:
        for given in (item for flag in _OF_TEXT if (item := last(options, flag)) is not None and not item.off):
            findings.error(
                "LLM_TASK_4",
                endpoint,
                f"{path}.engine.{given.path}",
                f"{given.flag} is about words that a model writes, and {facts.model_id} is served to {facts.task}",
                found=given.flag,
                expected="no option of text generation",
                fix=f"remove {given.flag}",
            )
        slo = endpoint.slo
        if slo is not None and slo.time_per_output_token_ms is not None:
            findings.error(
                "LLM_TASK_9",
                endpoint,
                f"{path}.slo.time_per_output_token_ms",
                f"an answer of {facts.model_id} has no output tokens",
                found=f"{slo.time_per_output_token_ms:g} ms a token",
                expected="time_to_first_token_ms, which is the time to the whole answer here",
                fix="remove time_per_output_token_ms",
            )
    if endpoint.disaggregation is not None:
        findings.error(
            "LLM_TASK_7",
            endpoint,
            f"{path}.disaggregation",
            f"there are no answers to write apart from the prompts where a model is served to {facts.task}",
            found="disaggregation",
            expected="one kind of pods",
            fix="remove disaggregation",
        )
    if not facts.encoder_only and not facts.hears:
        return
    if endpoint.adapters:
        findings.error(
            "LLM_TASK_6",
            endpoint,
            f"{path}.adapters",
            f"vLLM has no adapters for {facts.architecture}",
            found=", ".join(item.name for item in endpoint.adapters),
            expected="no adapters, or a decoder such as Qwen3-Embedding",
            fix="merge the adapter into the weights",
            runtime_message=f"ValueError: {facts.architecture} does not support LoRA yet.",
        )
    cache = getattr(engine, "kv_cache_dtype", "auto")
    if facts.encoder_only and cache != "auto":
        findings.warning(
            "LLM_TASK_5",
            endpoint,
            f"{path}.engine.kv_cache_dtype",
            f"{facts.model_id} keeps nothing between steps, so that there is no cache to store in {cache}",
            found=cache,
            expected="no kv_cache_dtype",
            fix="remove kv_cache_dtype",
        )
    tokens = engine.max_num_batched_tokens if engine.kind != "custom" else None
    length = engine.max_model_len or facts.max_position_embeddings
    if tokens is not None and length and tokens < length:
        findings.error(
            "LLM_TASK_10",
            endpoint,
            f"{path}.engine.max_num_batched_tokens",
            f"an input of {facts.model_id} cannot be cut, and one of {length:,} tokens is more than a step holds",
            found=f"max_num_batched_tokens={tokens}, max_model_len={length}",
            expected=f"max_num_batched_tokens of at least {length}",
            fix=f"set max_num_batched_tokens={length} or more, or max_model_len={tokens}",
            runtime_message=f"max_num_batched_tokens ({tokens}) is smaller than max_model_len ({length}).",
        )


def _check_batch(endpoint: Endpoint, facts: ModelFacts, release: EngineRelease | None, findings: Findings) -> None:
    """Report a batch of more inputs than the step has tokens, which older releases make as long as one input."""
    numbers = parse_version(release.version) if release is not None else None
    engine = endpoint.engine
    if engine.kind != "vllm" or not facts.encoder_only or numbers is None:
        return
    if vllm_profile(numbers).whole_in_usual_batch:
        return
    length, inputs = engine.max_model_len or facts.max_position_embeddings, engine.max_num_seqs or MAX_NUM_SEQS
    if engine.max_num_batched_tokens is not None or not 0 < length < inputs:
        return
    findings.error(
        "LLM_FIT_43",
        endpoint,
        f"endpoints.{endpoint.name}.engine.max_num_seqs",
        f"a step of vLLM {numbers[0]}.{numbers[1]} is one input of {length:,} tokens, fewer than the batch has inputs",
        found=f"max_model_len={length}, max_num_seqs={inputs}",
        expected=f"max_num_batched_tokens of at least {inputs}",
        fix=f"set max_num_batched_tokens={max(inputs, 2048)}, or max_num_seqs={length}",
        runtime_message=f"max_num_batched_tokens ({length}) must be greater than or equal to max_num_seqs ({inputs}).",
    )


def _check_sound(endpoint: Endpoint, facts: ModelFacts, place: Place, findings: Findings) -> None:
    if not facts.hears:
        return
    image = endpoint.engine.image if endpoint.engine.kind != "custom" else None
    if image is None or not image.audio:
        findings.error(
            "LLM_TASK_11",
            endpoint,
            f"endpoints.{endpoint.name}.engine.image",
            "vLLM's own images start Whisper and cannot decode a recording: they lack the extra package vllm[audio]",
            found="vllm/vllm-openai" if image is None else image.repository,
            expected="an image with vllm[audio], named with Image(…, audio=True)",
            fix="build `FROM vllm/vllm-openai:v…` with `RUN uv pip install --system vllm[audio]==…` and name it with "
            "VLLM(image=Image(repository=…, tag=…, audio=True))",
            runtime_message="ImportError: Please install vllm[audio] for audio support",
        )
    if place == "sagemaker":
        findings.error(
            "LLM_TASK_13",
            endpoint,
            f"endpoints.{endpoint.name}.on",
            "SageMaker hands a JSON body to one path, and recordings are posted as a form to another",
            found=f"{facts.model_id} on SageMaker",
            expected="a GpuPool or Ec2",
            fix="run it on a GpuPool or on Ec2",
        )


def _check_key(endpoint: Endpoint, facts: ModelFacts, place: Place, findings: Findings) -> None:
    paths = [path for path in PATHS.get(facts.task, ()) if not path.startswith(GUARDED)]
    if endpoint.api_key is None or not paths or place == "sagemaker":
        return
    findings.warning(
        "LLM_TASK_12",
        endpoint,
        f"endpoints.{endpoint.name}.api_key",
        f"vLLM asks for the key on paths below {' and '.join(GUARDED)}, and this endpoint answers on another",
        found=", ".join(paths),
        expected="callers that the network admits, and no others",
        fix="name the callers with allow_from_namespaces, and do not count on the key",
    )


def check_files(endpoint: Endpoint, facts: ModelFacts, weights: WeightsPlan, findings: Findings) -> None:
    """Report weights in a format that is neither copied nor streamed, and code that the engine may not run."""
    if not facts.safetensors and weights.kind != "hub":
        findings.error(
            "LLM_TASK_18",
            endpoint,
            f"endpoints.{endpoint.name}.model.id",
            f"the repository of {facts.model_id} has no safetensors, which alone are copied to a bucket and streamed",
            found=f"weights from {weights.storage or weights.kind}",
            expected="a checkpoint with safetensors",
            fix="convert it once into a repository of your own and name that with Model(id=…, config=…); or take a "
            "model with safetensors, such as Snowflake/snowflake-arctic-embed-l-v2.0 or intfloat/multilingual-e5-large",
            runtime_message="Cannot find any safetensors model weights",
        )
    _check_code(endpoint, facts, weights.kind, findings)


def _check_code(endpoint: Endpoint, facts: ModelFacts, weights: str, findings: Findings) -> None:
    """Report code that the model needs and the engine may not run, or would not find beside the weights."""
    if facts.code is None or endpoint.engine.kind == "custom" or facts.task == "generate":
        return
    path, elsewhere = f"endpoints.{endpoint.name}.model", facts.code != facts.model_id
    if not endpoint.model.trust_remote_code:
        report = findings.warning if facts.model_type == "nomic_bert" else findings.error
        report(
            "LLM_TASK_14",
            endpoint,
            f"{path}.trust_remote_code",
            f"the class of {facts.model_id}'s configuration is code of {facts.code}"
            + (", unless the image's transformers has it" if facts.model_type == "nomic_bert" else ""),
            found="trust_remote_code=False",
            expected="trust_remote_code=True with a waiver, or a model whose code the engine has",
            fix="read that code and set Model(trust_remote_code=True), or take a model such as BAAI/bge-m3",
            runtime_message="The repository contains custom code which must be executed to correctly load the model.",
        )
    elif elsewhere and weights != "hub":
        findings.error(
            "LLM_TASK_15",
            endpoint,
            f"{path}.id",
            f"the model's code is in {facts.code}, which is not among the files that are copied, and the engine has no "
            "way to the Hub",
            found=f"weights from {weights}",
            expected="a repository that holds its own code",
            fix="copy the code into a repository of your own, name its module in auto_map, and serve that; or take a "
            "model whose code the engine has",
            runtime_message="OSError: We couldn't connect to 'https://huggingface.co' to load the files",
        )


def by_path(task: Task) -> bool:
    """Whether a gateway tells such requests by their path, because nothing at it reads the model from them.

    Envoy AI Gateway v1.1.0 registers paths of chats, completions, responses, embeddings, sound and images
    (cmd/extproc/mainlib/main.go) and answers others with 404; of /cohere/v2/rerank it takes Cohere's schema, and every
    InferencePool for OpenAI's (internal/endpointspec/endpointspec.go, internal/controller/gateway.go). An HTTPRoute
    that it did not make passes its filter by (internal/extensionserver/post_translate_modify.go) and may lead to a pool
    (site/docs/capabilities/inference/httproute-inferencepool.md).
    """
    return task in {"rerank", "classify", "reward"}
