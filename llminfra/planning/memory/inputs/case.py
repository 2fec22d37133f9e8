"""One serving configuration whose memory is asked for, and the answer."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, computed_field

from llminfra.catalog.engine_facts import EngineName
from llminfra.catalog.models.tasks import Task
from llminfra.planning.memory.inputs import input_words


def _none_when_empty(value: Any) -> Any:
    return None if value == "" else value


CATALOG_NAMES: Mapping[str, EngineName] = {
    "vllm": "vllm",
    "sglang": "sglang",
    "tgi": "tgi",
    "deepspeed": "mii",
    "djl-lmi": "djl-lmi",
    "mii": "mii",
    "trtllm": "trtllm",
}
"""The catalog's name of each engine; DeepSpeed is served by DeepSpeed-MII."""
ENGINES = (*CATALOG_NAMES, "custom")
SPAN_NODES = frozenset({"vllm", "sglang"})
"""Engines of which one replica may run on several nodes."""
"""What `FitCase.engine` may name; those without rules of their own are judged by vLLM's."""

OptionalText = Annotated[str | None, BeforeValidator(_none_when_empty)]
Identity = Annotated[str | None, BeforeValidator(input_words.identity)]
EngineText = Annotated[str, BeforeValidator(input_words.engine)]
ReleaseText = Annotated[str | None, BeforeValidator(input_words.release)]
Tokens = Annotated[int, BeforeValidator(input_words.tokens), Field(ge=1)]
MediaLimits = Annotated[dict[str, Annotated[int, Field(ge=0)]], BeforeValidator(input_words.media_limits)]
SpeculativeMethod = Literal["mtp", "eagle", "eagle3", "dflash", "medusa", "draft_model", "ngram", "suffix"]
# More ranks than any cluster has: lists of them would be made.
Ranks = Annotated[int, Field(ge=1, le=65536)]


class FitCase(BaseModel):
    """Inputs of one start-up; None means the engine's default.

    Keys that are not inputs are ignored, because rows of measured start-ups carry what was measured beside what was
    set. Names follow those rows.

    Attributes:
        id: Name of the row, for its result; what is no text becomes its JSON.
        model: Hugging Face id or any name when ``config`` is given.
        config_ref: Catalog id whose architecture the model shares, for fine-tunes and quantized copies.
        config: A ``config.json`` object; wins over the catalog.
        engine: ``vllm``, ``sglang``, ``tgi`` or ``deepspeed``, in any case; None is vLLM.
        engine_version: As the engine prints it, for example ``0.11.0``.
        gpu: Device name such as ``H100-80GB``, or an EC2 instance type, which stands for one of its GPUs.
        gpus_total: GPUs of one replica; used when no parallelism is given.
        data_parallel_attention: The ``data_parallel`` ranks are among the ``tensor_parallel`` ones, each with whole
            attention and a cache of its own (``--enable-dp-attention`` of SGLang).
        max_model_len: Tokens; ``32k`` and ``32,768`` are read, too.
        gpu_memory_utilization: Share of the device that the engine may use (``mem_fraction_static`` for SGLang), or
            a percentage.
        kv_cache_dtype: ``auto`` or ``fp8`` and its variants.
        total_gpu_gib: What the driver reports, when known; wins over the catalog's figure for ``gpu``.
        use_v1: ``VLLM_USE_V1`` of vLLM before 0.11, which has two engines; as the release decides where not given.
        swa_full_tokens_ratio: Tokens of windowed layers for each of the full ones (SGLang).
        max_total_tokens: Most tokens of the cache (SGLang).
        max_input_tokens: Longest prompt (Text Generation Inference, whose ``--max-total-tokens`` is ``max_model_len``);
            all but one token of that where not given.
        mamba_ssm_cache_dtype: Type of recurrent states: ``float32``, ``float16`` or ``bfloat16``; as the model's config
            says where not given (vLLM).
        limit_mm_per_prompt: Most images, videos and clips of one request by modality (vLLM), as ``{"image": 4}``, as
            JSON of it, or as ``image=4,video=0``. A tower is not loaded where it is 0 for all that the tower takes.
        language_model_only: All of these limits are 0.
        mm_encoder_tp_mode: ``data`` where every rank has the whole tower and a part of the images (vLLM).
        use_v2: ``VLLM_USE_V2_MODEL_RUNNER`` of vLLM from 0.22 on; as the release decides where not given.
        compiled: Whether an earlier start left the compiled model in the cache of ``torch.compile`` (vLLM); the first
            start is assumed where not given, because it decides whether there is a later one.
        driver: Version of the NVIDIA driver, for example ``570.86``; one since 550 is assumed.
        disable_custom_all_reduce: Sums of ranks go through NCCL, not vLLM's own kernel; also where a log says that the
            GPUs cannot reach each other's memory.
        moe_backend: Kernel for routed experts, such as ``triton`` (``--moe-backend`` of vLLM since 0.17); as the
            release decides where not given.
        attention_backend: Kernel for attention, such as ``TRITON_ATTN`` (``--attention-backend`` of vLLM); as the
            release decides where not given.
        ngrams_on_host: Whether a table of n-grams is in host memory (``cpu_offload`` of vLLM's ``--engram-config``); as
            the release decides where not given.
        reserved_gib: Memory that is set aside on every GPU beside the weights, for what the case cannot say.
        enable_lora: Places for LoRA adapters; also where one of the next four is given.
        max_loras: Adapters that have a place on the device at once (``max_loras_per_batch`` of SGLang).
        max_lora_rank: Largest rank of an adapter.
        lora_target_modules: Names of the modules that have places, such as ``["q_proj", "v_proj"]`` or
            ``q_proj,v_proj``; all of them where not given.
        lora_modules: Adapters that are loaded at start-up, as ``name=path`` or as vLLM's JSON; how many there are does
            not change the number of places.
        specialize_active_lora: Graphs for several numbers of adapters in a batch (vLLM since 0.16).
        fully_sharded_loras: Both matrices of an adapter are cut by the ranks (vLLM).
        speculative_method: How tokens are guessed: ``mtp``, ``eagle``, ``eagle3``, ``dflash``, ``medusa``,
            ``draft_model``, ``ngram`` or ``suffix``; what the draft is made for where not given.
        draft_model: Hugging Face id of what guesses tokens.
        draft_config: Its ``config.json``; wins over the catalog.
        draft_tensor_parallel: Ranks of the draft; those of the model where not given.
        speculative_tokens: Tokens that are guessed in a step.
        task: What the model is served for: ``generate``, ``embed``, ``rerank``, ``classify``, ``reward`` or
            ``transcribe``; as its architecture and name say where not given.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())

    id: Identity = None
    model: Annotated[str, BeforeValidator(input_words.name)] = ""
    config_ref: OptionalText = None
    config: dict[str, Any] | None = None
    engine: EngineText = input_words.DEFAULT_ENGINE
    engine_version: ReleaseText = None
    gpu: OptionalText = None
    gpus_total: Ranks | None = None
    tensor_parallel: Ranks | None = None
    pipeline_parallel: Ranks | None = None
    data_parallel: Ranks | None = None
    data_parallel_attention: bool | None = None
    expert_parallel: bool | Ranks | None = None
    decode_context_parallel: Ranks | None = None
    dtype: OptionalText = None
    quantization: OptionalText = None
    kv_cache_dtype: OptionalText = None
    max_model_len: Tokens | None = None
    max_num_seqs: Annotated[int, Field(ge=1)] | None = None
    max_num_batched_tokens: Tokens | None = None
    gpu_memory_utilization: Annotated[float, BeforeValidator(input_words.share), Field(gt=0, le=1)] | None = None
    enforce_eager: bool | None = None
    block_size: Annotated[int, Field(ge=1)] | None = None
    total_gpu_gib: Annotated[float, Field(gt=0)] | None = None
    speculative_tokens: Annotated[int, Field(ge=0)] | None = None
    enable_prefix_caching: bool | None = None
    use_v1: bool | None = None
    use_v2: bool | None = None
    compiled: bool | None = None
    driver: OptionalText = None
    disable_custom_all_reduce: bool | None = None
    moe_backend: OptionalText = None
    attention_backend: OptionalText = None
    ngrams_on_host: bool | None = None
    reserved_gib: Annotated[float, Field(ge=0)] | None = None
    enable_lora: bool | None = None
    max_loras: Annotated[int, Field(ge=1, le=4096)] | None = None
    max_lora_rank: Annotated[int, Field(ge=1, le=4096)] | None = None
    lora_target_modules: Annotated[tuple[str, ...] | None, BeforeValidator(input_words.names)] = None
    lora_modules: Annotated[tuple[str, ...] | None, BeforeValidator(input_words.adapters)] = None
    specialize_active_lora: bool | None = None
    fully_sharded_loras: bool | None = None
    speculative_method: Annotated[SpeculativeMethod | None, BeforeValidator(input_words.method)] = None
    draft_model: OptionalText = None
    draft_config: dict[str, Any] | None = None
    draft_tensor_parallel: Ranks | None = None
    swa_full_tokens_ratio: Annotated[float, Field(gt=0, le=1)] | None = None
    max_total_tokens: Annotated[int, Field(ge=1)] | None = None
    max_input_tokens: Tokens | None = None
    mamba_ssm_cache_dtype: Annotated[
        Literal["auto", "float32", "float16", "bfloat16"] | None, BeforeValidator(_none_when_empty)
    ] = None
    limit_mm_per_prompt: MediaLimits | None = None
    language_model_only: bool | None = None
    task: Annotated[Task | None, BeforeValidator(input_words.task)] = None
    mm_encoder_tp_mode: Annotated[Literal["weights", "data"] | None, BeforeValidator(_none_when_empty)] = None


class FitResult(BaseModel):
    """What the engine would find at start-up, per GPU.

    Attributes:
        fits: True starts, False does not, None when the device is not known.
        reason: ``CODE: sentence``, or a sentence alone where no rule is broken: no GPU is named, or the case cannot be
            read.
        engine_error: The text that the engine would print, None when it starts.
        weights_gib_per_gpu: Largest rank.
        kv_bytes_per_token_per_gpu: Cache bytes behind one reported token.
        kv_cache_memory_gib: Memory left for the cache; negative when the weights alone exceed the budget.
        later_cache_gib: Memory left for it by later starts that find the compiled model, None where it is the same.
        kv_cache_tokens: Tokens as the engine reports them: of one data-parallel rank.
        cache_doubt_gib: How much smaller than ``kv_cache_memory_gib`` the cache may be, by measured starts
            (`budget.doubt`).
        kv_cache_tokens_at_least: Tokens where it is smaller by all of that.
        max_concurrency: Requests of ``max_model_len`` that fit at once on one data-parallel rank. That is what vLLM
            prints for each of its engine cores (``Maximum concurrency``).
        replica_concurrency: Those of all data-parallel ranks together: what a replica holds.
        kv_needed_gib: Cache for one request of ``max_model_len``.
        estimated_max_len: Longest context that would start, when the asked one does not.
        non_torch_gib: CUDA context beyond the first allocation, NCCL buffers and libraries.
        activation_peak_gib: Peak of the profiling run above the weights.
        cuda_graph_gib: Captured graphs; inside the budget only in engine versions that reserve for them.
        reserved_gib: What is reserved beside the weights, adapters and draft included, None where nothing.
        adapters_gib: What places for LoRA adapters take, None where there are none.
        draft_gib: What a draft takes beside the model's own weights, None where there is none; layers of the model's
            own that guess tokens are among its weights.
        total_gpu_gib: What the driver reports.
        budget_gib: ``total_gpu_gib`` times the utilization.
        dtype: Of unquantized weights and activations; a checkpoint in 32 bit is served in 16.
        explain: One line per figure: its value and where it comes from.
        error: Why the case could not be computed at all, in `fit_jsonl` with the number of its line; every figure is
            None then.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    id: str | None = None
    model: str = ""
    fits: bool | None = None
    reason: str = ""
    engine_error: str | None = None
    weights_gib_per_gpu: float | None = None
    kv_bytes_per_token_per_gpu: float | None = None
    kv_cache_memory_gib: float | None = None
    later_cache_gib: float | None = None
    cache_doubt_gib: float | None = None
    kv_cache_tokens: int | None = None
    kv_cache_tokens_at_least: int | None = None
    max_concurrency: float | None = None
    kv_needed_gib: float | None = None
    estimated_max_len: int | None = None
    non_torch_gib: float | None = None
    activation_peak_gib: float | None = None
    cuda_graph_gib: float | None = None
    reserved_gib: float | None = None
    adapters_gib: float | None = None
    draft_gib: float | None = None
    total_gpu_gib: float | None = None
    budget_gib: float | None = None
    gpu_memory_utilization: float | None = None
    tensor_parallel: int | None = None
    pipeline_parallel: int | None = None
    data_parallel: int | None = None
    max_model_len: int | None = None
    max_num_seqs: int | None = None
    max_num_batched_tokens: int | None = None
    block_size: int | None = None
    dtype: str | None = None
    kv_cache_dtype: str | None = None
    quantization: str | None = None
    engine: str | None = None
    engine_version: str | None = None
    explain: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    error: str | None = None

    @computed_field  # type: ignore[prop-decorator]  # pydantic's own order; mypy knows no property under it
    @property
    def replica_concurrency(self) -> float | None:
        """See the class; ``max_concurrency`` where attention has no copies."""
        return None if self.max_concurrency is None else round(self.max_concurrency * (self.data_parallel or 1), 2)

    @property
    def tight(self) -> bool:
        """It starts, but by less than the estimate may be wrong."""
        return self.fits is True and self.reason.startswith("LLM_MEM_6")
