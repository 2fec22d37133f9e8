"""What the memory planner must know about a model: shapes per layer, not a parameter count.

A model is a tuple of `Layer` objects (token mixer + feed-forward part), the embedding and head, an optional
encoder for images or audio, optional multi-token-prediction (MTP) layers, and the quantization of its checkpoint.
All sizes are element counts or dimensions; bytes are the planner's business, because they depend on the engine.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from llminfra.catalog.models.config_reader import ModelConfigError
from llminfra.catalog.models.mixers import (
    Attention,
    Mixer,
    Mla,
    NgramMemory,
)
from llminfra.catalog.models.quantization import QuantFacts
from llminfra.catalog.models.tasks import Task

if TYPE_CHECKING:
    from collections.abc import Mapping


class DenseMlp(Struct, frozen=True, kw_only=True):
    """Feed-forward block: two matrices, or three when gated."""

    intermediate: int
    gated: bool = True
    bias: bool = False


class Moe(Struct, frozen=True, kw_only=True):
    """Mixture of experts.

    Attributes:
        experts: Routed experts.
        top_k: Experts per token.
        intermediate: Hidden size of one routed expert.
        gated: Three matrices per expert instead of two.
        bias: Bias vectors on the expert matrices (gpt-oss).
        shared_intermediate: Hidden size of all shared experts together, 0 for none.
        shared_gate: A scalar gate on the shared expert (Qwen2-MoE, Qwen3-Next).
        router_bias: One correction value per expert.
        latent: Width that the experts work in when it is not the hidden size (Nemotron 3 Super), else None.
        latent_plain: Engines keep the matrices to and from that width in 16 bit whatever the checkpoint's quantization
            is (Kimi K3).
    """

    experts: int
    top_k: int
    intermediate: int
    gated: bool = True
    bias: bool = False
    shared_intermediate: int = 0
    shared_gate: bool = False
    router_bias: bool = False
    latent: int | None = None
    latent_plain: bool = False


class Layer(Struct, frozen=True, kw_only=True):
    """One decoder layer.

    Attributes:
        mixer: Token mixer; None in layers that are feed-forward only (Nemotron-H).
        second_mixer: A mixer that runs beside the first (Falcon-H1: attention and Mamba in one layer; Qwen4: what the
            layer reads from the table of n-grams).
        mlp: Dense feed-forward part, if any.
        moe: Expert part, if any (Gemma 4 has both).
        norms: Vectors of hidden size.
        extra_params: Small replicated parameters that fit no other field.
        extra_fp32: The same, in 32 bit.
        streams: Residual streams (hyper-connections), 1 for none.
    """

    mixer: Mixer | None
    second_mixer: Mixer | None = None
    mlp: DenseMlp | None = None
    moe: Moe | None = None
    norms: int = 2
    extra_params: int = 0
    extra_fp32: int = 0
    streams: int = 1


class EncoderFacts(Struct, frozen=True, kw_only=True):
    """Vision or audio tower with its projector.

    Attributes:
        kind: ``model_type`` of the encoder.
        sharded_params: Parameters in matrices that engines shard by tensor parallelism.
        replicated_params: Parameters that every rank holds (patch and position embeddings, norms).
        max_tokens: Text tokens that the largest image or clip becomes; sizes the profiling batch. None if unknown.
        hidden: Width of the tower.
        intermediate: Width of its feed-forward part.
        patch_merge: Patches that become one text token.
        gated: Three feed-forward matrices per block instead of two.
        patch_values: Values that the processor hands over for a patch of the models that flatten them, else 0.
        batch_tokens: Tokens of the largest item where each must come in one batch, because the decoder looks at it in
            both directions, else 0.
        made_width: Values that the tower makes for a text token, those of several of its layers side by side, where
            that is stated, else 0.
        heads: Attention heads where their number decides whether attention is cut (InternViT), else 0.
        attention_params: Parameters of attention among the sharded ones, where ``heads`` is given.
        stated: ``num_hidden_layers`` and ``hidden_size`` of the config's ``vision_config``, 0 for one that is not
            stated under that name; None for a config without ``vision_config`` at its top.
    """

    kind: str
    sharded_params: int
    replicated_params: int
    max_tokens: int | None = None
    hidden: int = 0
    intermediate: int = 0
    patch_merge: int = 1
    gated: bool = False
    patch_values: int = 0
    batch_tokens: int = 0
    made_width: int = 0
    heads: int = 0
    attention_params: int = 0
    stated: tuple[int, int] | None = None


class ModelFacts(Struct, frozen=True, kw_only=True, dict=True):
    """Architecture of one model and the quantization of its checkpoint.

    Attributes:
        model_id: Hugging Face id, or the name the caller gave to a local config.
        architecture: First entry of ``architectures``.
        model_type: ``model_type`` of the text model's config.
        config_type: ``model_type`` of the whole config, by which some engines know a model.
        hidden_size: Width of the residual stream.
        vocab_size: Rows of the embedding.
        layers: Decoder layers in order.
        mtp_layers: Multi-token-prediction layers; loaded only with speculative decoding.
        tie_word_embeddings: The head is the embedding.
        dtype: Dtype of the checkpoint's unquantized tensors, for example ``bfloat16``.
        max_position_embeddings: Longest context that the config declares, after rope scaling.
        rope_tables: Rows and width of each cached rotary table.
        learned_positions: Rows of a learned position table, 0 for rotary or ALiBi models.
        embedding_dim: Width of the embedding when it differs from the hidden size.
        embed_norms: Vectors of hidden size outside the layers (final norm and the like).
        head_bias: Bias on the head.
        extra_params: Replicated parameters outside the layers.
        extra_vocab_params: Vocabulary-shaped parameters outside the embedding (Gemma 3n per-layer embeddings).
        lookup_params: Table of n-grams that tokens look up, in host memory unless an engine is told otherwise.
        lookup_bytes: Bytes of one of its values when it is not the dtype's, else 0.
        ssm_state_bytes: Bytes of one element of the recurrent state when the config fixes its dtype, else 0.
        head_fp32: Parameters of a classifier's head, which engines keep in 32 bit.
        task: What the checkpoint was made for.
        safetensors: False where the repository has its weights in another format alone.
        code: Repository with code that engines run to read its configuration; None where they have that themselves.
        generative: False where the answer is no text: embedders, rerankers, classifiers and reward models have neither
            head nor sampler.
        encoders: Vision and audio towers.
        quantization: What the checkpoint quantizes, None when it is plain.
        gated: Whether the Hub asks for a token and accepted terms; None when not known.
        revision: Commit of the Hub repository, when known.
        source: Where the facts were read.
        verified: False when the facts come from memory and were not read from a source.
    """

    model_id: str
    architecture: str
    model_type: str
    config_type: str = ""
    hidden_size: int
    vocab_size: int
    layers: tuple[Layer, ...]
    mtp_layers: tuple[Layer, ...] = ()
    tie_word_embeddings: bool = False
    dtype: str = "bfloat16"
    max_position_embeddings: int = 0
    rope_tables: tuple[tuple[int, int], ...] = ()
    learned_positions: int = 0
    embedding_dim: int | None = None
    embed_norms: int = 1
    head_bias: bool = False
    extra_params: int = 0
    extra_vocab_params: int = 0
    lookup_params: int = 0
    lookup_bytes: float = 0.0
    ssm_state_bytes: int = 0
    head_fp32: int = 0
    task: Task = "generate"
    code: str | None = None
    safetensors: bool = True
    generative: bool = True
    encoders: tuple[EncoderFacts, ...] = ()
    quantization: QuantFacts | None = None
    gated: bool | None = None
    revision: str | None = None
    source: str | None = None
    verified: bool = True
    notes: tuple[str, ...] = field(default=())

    @classmethod
    def from_hf_config(cls, config: Mapping[str, Any], *, model_id: str) -> ModelFacts:
        """Read a Hugging Face ``config.json``.

        Args:
            config: The parsed object; missing keys take the defaults of the transformers config class.
            model_id: Name for messages.

        Raises:
            ModelConfigError: The config lacks a shape without which nothing can be computed, or is not one.
        """
        from llminfra.catalog.models.hf.config import facts_from_hf_config  # noqa: PLC0415  the parser needs this class

        try:
            return facts_from_hf_config(config, model_id=model_id)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            # A config.json of a shape nobody foresaw is the user's to mend, and no crash.
            msg = f"config.json of {model_id} cannot be read: {type(error).__name__}: {error}"
            raise ModelConfigError(msg) from error

    @cached_property
    def kinds_of_layers(self) -> tuple[Layer, ...]:
        """Each layer that differs, once: readers of configurations repeat one object for layers that are alike."""
        return tuple({id(layer): layer for layer in self.layers}.values())

    @cached_property
    def attentions(self) -> tuple[Attention | Mla, ...]:
        """Every softmax attention of the decoder, in layer order."""
        found: list[Attention | Mla] = []
        for layer in self.layers:
            found += [mixer for mixer in (layer.mixer, layer.second_mixer) if isinstance(mixer, Attention | Mla)]
        return tuple(found)

    @property
    def num_layers(self) -> int:
        """Decoder layers, MTP not counted."""
        return len(self.layers)

    @property
    def num_key_value_heads(self) -> int:
        """Key-value heads of the first attention layer; 1 for MLA, 0 for attention-free models."""
        if not self.attentions:
            return 0
        first = self.attentions[0]
        return first.kv_heads if isinstance(first, Attention) else 1

    @property
    def head_dim(self) -> int:
        """Head size of the first attention layer."""
        if not self.attentions:
            return 0
        first = self.attentions[0]
        return first.head_dim if isinstance(first, Attention) else first.qk_nope_head_dim + first.qk_rope_head_dim

    @property
    def uses_mla(self) -> bool:
        """Whether the cache holds latent vectors."""
        return any(isinstance(item, Mla) for item in self.attentions)

    @property
    def encoder_only(self) -> bool:
        """Whether every layer sees the whole input, so that nothing is kept for later tokens."""
        return bool(self.attentions) and not any(isinstance(item, Mla) or item.causal for item in self.attentions)

    @property
    def hears(self) -> bool:
        """Whether a decoder attends to what an encoder made of the whole input (Whisper)."""
        return any(isinstance(item, Attention) and item.cross for item in self.attentions) and self.task == "transcribe"

    @property
    def is_moe(self) -> bool:
        """Whether any layer has routed experts."""
        return any(layer.moe for layer in self.kinds_of_layers)

    @property
    def is_hybrid(self) -> bool:
        """Whether any layer keeps a recurrent state instead of, or beside, a key-value cache."""
        return any(
            mixer is not None
            and not isinstance(mixer, Attention | Mla)
            and not (isinstance(mixer, NgramMemory) and not mixer.kept)
            for layer in self.kinds_of_layers
            for mixer in (layer.mixer, layer.second_mixer)
        )

    @property
    def num_experts(self) -> int:
        """Routed experts of the largest expert layer, 0 for dense models."""
        return max((layer.moe.experts for layer in self.kinds_of_layers if layer.moe), default=0)
