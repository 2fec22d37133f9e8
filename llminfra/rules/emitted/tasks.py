"""Pages of the findings about endpoints that embed, rerank, classify or transcribe."""

from __future__ import annotations

from llminfra.diagnostics import Severity
from llminfra.rules.rule import LooksAt, emitted

_PLAN = LooksAt.PLAN

RULES = (
    emitted(
        "LLM_TASK_1",
        "The engine does what the endpoint is for",
        looks_at=_PLAN,
        why="llminfra knows the arguments, paths and memory of vLLM for embedders, rerankers, classifiers and Whisper. "
        "Text Generation Inference serves none of them; what SGLang keeps for encoders is not modelled.",
        fix="use VLLM, or run another server, such as text-embeddings-inference, as a CustomServer",
        source=("vllm-project/vllm docs/models/pooling_models.md", "llminfra: docs/pooling.md"),
    ),
    emitted(
        "LLM_TASK_2",
        "The model does what the endpoint is for",
        looks_at=_PLAN,
        why="An encoder writes no text, a bare decoder has no head that ranks, and a reranker's last layer is no "
        "embedding: such an endpoint starts, or not even that, and its answers mean nothing.",
        fix="leave task out, which makes it what the model was trained for, or take another model",
        source=("vllm-project/vllm vllm/config/model.py: runner and convert",),
    ),
    emitted(
        "LLM_TASK_3",
        "The release has the class of an embedder, reranker or speech model",
        looks_at=_PLAN,
        why="These classes came one by one: ModernBERT and GTE with 0.9, EmbeddingGemma and GTE's rerankers with "
        "0.10.2.",
        fix="leave version out, or name a release that the finding lists",
        source=("vllm-project/vllm vllm/model_executor/models/registry.py, by release",),
    ),
    emitted(
        "LLM_TASK_4",
        "Options of text generation stay with models that write text",
        looks_at=_PLAN,
        why="Drafts, tool calls, reasoning and structured output are about the words of an answer; an embedder or "
        "reranker has none, and the engine refuses the option or ignores it.",
        fix="remove the option that the finding names",
        source=("vllm-project/vllm vllm/engine/arg_utils.py 0.27.1",),
    ),
    emitted(
        "LLM_TASK_5",
        "Settings of a cache are for models that have one",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="An encoder sees its whole input at once and keeps nothing for later tokens: vLLM makes no cache for it, "
        "and a type of the cache changes nothing.",
        fix="remove kv_cache_dtype",
        source=("vllm 0.10.1 to 0.33.0 vllm/v1/engine/core.py: _initialize_kv_caches",),
    ),
    emitted(
        "LLM_TASK_6",
        "Adapters are for decoders",
        looks_at=_PLAN,
        why="vLLM's encoders and Whisper do not take LoRA adapters; decoders that embed or rerank do.",
        fix="merge the adapter into the weights, or take a decoder such as Qwen3-Embedding",
        source=("vllm-project/vllm vllm/model_executor/models/bert.py, roberta.py: no SupportsLoRA",),
    ),
    emitted(
        "LLM_TASK_7",
        "Prompts and answers are taken apart where there are answers",
        looks_at=_PLAN,
        why="Disaggregation sends the cache of a prompt to the pods that write the answer; an embedder or reranker is "
        "done with the prompt.",
        fix="remove disaggregation, and add replicas",
        source=("vllm-project/vllm docs/features/disagg_prefill.md",),
    ),
    emitted(
        "LLM_SHAPE_8",
        "Every matrix of an encoder is cut, or none",
        looks_at=_PLAN,
        why="Until 0.28 vLLM keeps the first matrix of ModernBERT's feed-forward blocks whole on every rank and cuts "
        "the second, so that their shapes do not meet.",
        fix="use tensor parallel size 1 and more replicas, or vLLM 0.29 or later",
        source=("vllm 0.10.2 to 0.28.0 vllm/model_executor/models/modernbert.py: ModernBertMLP",),
    ),
    emitted(
        "LLM_TASK_9",
        "Latency targets are of times that there are",
        looks_at=_PLAN,
        why="An embedding or a score comes whole: there is no time per output token. time_to_first_token_ms is the "
        "time to the whole answer of an input of prompt_tokens.",
        fix="remove time_per_output_token_ms",
        source=("llminfra: docs/pooling.md",),
    ),
    emitted(
        "LLM_TASK_10",
        "An input that cannot be cut fits a step",
        looks_at=_PLAN,
        why="Encoders see an input whole, so that it is not cut over steps, and vLLM refuses a step that is shorter "
        "than the longest input.",
        fix="raise max_num_batched_tokens to max_model_len, or lower max_model_len",
        source=("vllm-project/vllm vllm/config/scheduler.py: verify_max_model_len",),
    ),
    emitted(
        "LLM_TASK_11",
        "The image can decode sound",
        looks_at=_PLAN,
        why="The official images of vLLM lack the packages of vllm[audio], by intention: Whisper starts, is healthy, "
        "and answers every recording with an error.",
        fix="build an image with vllm[audio] and name it with Image(…, audio=True)",
        source=(
            "vllm-project/vllm#13912, #13675, #15087: intended",
            "ls1intum/edutelligence#925: the same with 0.28.0",
        ),
    ),
    emitted(
        "LLM_TASK_12",
        "The API key covers the path",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="vLLM asks for the key below /v1 and /v2 alone; /classify and /pooling answer whoever reaches the port.",
        fix="admit callers by allow_from_namespaces, and do not count on the key",
        source=("vllm 0.27.1 vllm/entrypoints/serve/utils/server_utils.py: GUARDED_PREFIX",),
    ),
    emitted(
        "LLM_TASK_13",
        "SageMaker reaches the path",
        looks_at=_PLAN,
        why="SageMaker posts a JSON body to /invocations; a recording is a form posted to /v1/audio/transcriptions.",
        fix="run Whisper on a GpuPool or on Ec2",
        source=(
            "Amazon SageMaker AI developer guide: Custom inference code, how your container responds to requests",
            "vllm-project/vllm vllm/entrypoints/speech_to_text/transcription/api_router.py",
        ),
    ),
    emitted(
        "LLM_TASK_14",
        "Code of a model's repository runs where it was allowed",
        looks_at=_PLAN,
        why="GTE's and Jina's encoders have configuration classes that transformers lacks; vLLM has the layers, and "
        "still has to run that code to read the configuration.",
        fix="read the code, set Model(trust_remote_code=True) with a waiver, or take a model without",
        source=("vllm 0.27.1 vllm/model_executor/models/config.py: GteNewModelConfig, JinaRobertaModelConfig",),
    ),
    emitted(
        "LLM_TASK_15",
        "A model's code lies beside its weights",
        looks_at=_PLAN,
        why="auto_map may name another repository, as GTE's does; a copy of the model in a bucket does not have it, "
        "and an engine that reads the copy has no way to the Hub.",
        fix="keep the code in a repository of your own with the weights, or take a model whose code the engine has",
        source=("Hugging Face transformers: auto_map with a repository before two dashes",),
    ),
    emitted(
        "LLM_TASK_16",
        "A gateway passes the endpoint's requests on",
        looks_at=_PLAN,
        why="Requests to rerank, classify and reward are told by their path, unread: along such a route Envoy presents "
        "no key to the engine. Recordings are forms, whose way through the gateway was not checked.",
        fix="leave api_key out, as the gateway asks callers who they are; take endpoints that transcribe out of the "
        "gateway",
        source=(
            "envoyproxy/ai-gateway@c217da8a5 internal/extensionserver/post_translate_modify.go",
            "llm-d/llm-d-router v0.10.0 pkg/epp/framework/plugins/requesthandling/parsers/passthrough/README.md",
        ),
    ),
    emitted(
        "LLM_TASK_17",
        "Files are of requests that the model answers",
        looks_at=_PLAN,
        why="The runner of batch jobs posts lines of JSON to the engine; recordings are posted as forms.",
        fix="transcribe by an endpoint on a GpuPool or Ec2, for many recordings with an AsyncEndpoint in front of it",
        source=("llminfra: modules/workloads",),
    ),
    emitted(
        "LLM_TASK_18",
        "Weights have the format that is copied and streamed",
        looks_at=_PLAN,
        why="The copy from the Hub refuses a repository without safetensors, because other formats run code when they "
        "are read, and the streaming loader reads no other. BAAI/bge-m3 has pytorch_model.bin alone.",
        fix="convert the checkpoint once into a repository of your own, or take a model with safetensors",
        source=(
            "vllm 0.27.1 vllm/model_executor/model_loader/runai_streamer_loader.py",
            "llminfra: modules/charts/weights-copy/files/copy_weights.py",
        ),
    ),
    emitted(
        "LLM_MEM_8",
        "A step of an encoder fits beside its weights",
        looks_at=_PLAN,
        why="An encoder has no cache, and what a step of max_num_batched_tokens tokens works with must fit beside the "
        "weights.",
        fix="lower max_model_len or max_num_batched_tokens, or take a larger GPU",
        source=("llminfra: docs/pooling.md",),
    ),
)
