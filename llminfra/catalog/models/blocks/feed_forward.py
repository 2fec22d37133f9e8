"""Feed-forward blocks of a text config: dense, and routed experts with what is shared beside them."""

from __future__ import annotations

from llminfra.catalog.models.blocks.attention import _ALL_BIAS_TYPES
from llminfra.catalog.models.config_reader import ConfigReader
from llminfra.catalog.models.facts import DenseMlp, Moe

_UNGATED_TYPES = frozenset(
    {"opt", "gpt2", "gpt_bigcode", "gpt_neox", "gptj", "bloom", "phi", "phi-msft", "mpt", "falcon", "RefinedWeb",
     "RefinedWebModel", "starcoder2", "nemotron", "persimmon", "codegen", "arcee", "apertus"}
)  # fmt: skip


INTERMEDIATE_KEYS = ("intermediate_size", "ffn_dim", "ffn_hidden_size", "n_inner", "ffn_multipliers")
# Their classes take four times the hidden size where the config does not say it (``n_inner`` None and the like).
_FOUR_TIMES_TYPES = frozenset(
    {"gpt2", "gpt_bigcode", "gptj", "gpt_neo", "bloom", "falcon", "RefinedWeb", "RefinedWebModel", "codegen",
     "phi-msft"}
)  # fmt: skip


def read_mlp(text: ConfigReader, intermediate: int | None = None) -> DenseMlp:
    """The dense feed-forward block."""
    if intermediate is None:
        intermediate = read_intermediate(text)
    kind = text.model_type
    gated = kind not in _UNGATED_TYPES and text.get("hidden_act", "mlp_hidden_act") not in {"relu2", "xielu"}
    bias = kind in _ALL_BIAS_TYPES or text.flag("mlp_bias")
    if kind in {"falcon", "RefinedWeb", "RefinedWebModel"}:
        bias = text.flag("bias")
    elif kind == "gptj":
        bias = True
    return DenseMlp(intermediate=intermediate, gated=gated, bias=bias)


def read_intermediate(text: ConfigReader) -> int:
    """Width of the dense feed-forward block, by the rule of the family where the config does not say it.

    Raises:
        ModelConfigError: The config does not say it, and the family has no rule.
    """
    kind = text.model_type
    hidden = text.integer("hidden_size", "n_embd", "d_model")
    if kind == "mpt":
        return int(float(text.get("expansion_ratio") or 4) * hidden)
    if kind == "qwen":
        # The config gives the sum of gate and up widths.
        return text.integer("intermediate_size") // 2
    if kind in _FOUR_TIMES_TYPES:
        return text.integer("n_inner", "ffn_hidden_size", "intermediate_size", default=4 * hidden)
    return text.integer("intermediate_size", "ffn_dim", "ffn_hidden_size", "n_inner")


def read_moe(text: ConfigReader) -> Moe | None:
    """The routed experts, None for a dense model."""
    experts = text.get("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")
    if isinstance(experts, list):
        experts = experts[0] if experts else 0
    if not isinstance(experts, int) or experts <= 1:
        return None
    kind = text.model_type
    own = ("moe_intermediate_size", "expert_hidden_dim", "expert_ffn_hidden_size")
    width = read_intermediate(text) if text.get(*own) is None else text.integer(*own)
    top_k = text.get("num_experts_per_tok", "num_experts_per_token", "moe_topk", "top_k_experts", "moe_k", "moe_top_k")
    if isinstance(top_k, list):
        top_k = top_k[0]
    latent = text.integer("routed_expert_hidden_size", default=0) or None
    return Moe(
        experts=experts,
        top_k=int(top_k) if isinstance(top_k, int) else 2,
        intermediate=width,
        gated=text.get("mlp_hidden_act") != "relu2",
        bias=kind == "gpt_oss",
        shared_intermediate=_shared_width(text, width),
        shared_gate=kind in _SHARED_GATE_TYPES,
        router_bias=_has_router_bias(text),
        latent=latent,
        # ``quant_config=None`` of both projections, vllm/models/kimi_k3 0.33.0.
        latent_plain=latent is not None,
    )


_SHARED_GATE_TYPES = frozenset(
    {"qwen2_moe", "qwen3_next", "qwen3_5_moe", "qwen3_5_moe_text", "qwen4_exp", "qwen4_exp_text"}
)
_ROUTER_BIAS_TYPES = frozenset(
    {"afmoe", "glm4_moe", "glm_moe_dsa", "glm5_next", "glm5_next_text", "gpt_oss", "hy_v3", "kimi_linear", "laguna",
     "minimax_m2", "solar_open"}
)  # fmt: skip


def _has_router_bias(text: ConfigReader) -> bool:
    return (
        text.get("topk_method") == "noaux_tc"
        or text.flag("use_routing_bias", "use_moe_router_bias", "moe_router_enable_expert_bias")
        or text.model_type in _ROUTER_BIAS_TYPES
    )


def _shared_width(text: ConfigReader, width: int) -> int:
    explicit = text.get(
        "shared_expert_intermediate_size",
        "moe_shared_expert_intermediate_size",
        "shared_intermediate_size",
        "share_expert_dim",
    )
    shared = text.get("n_shared_experts", "num_shared_experts", "num_shared_expert", "moe_num_shared_experts")
    if isinstance(shared, list):
        shared = shared[0]
    if isinstance(explicit, int) and explicit > 0:
        return explicit * (shared if isinstance(shared, int) and shared > 1 and text.has("n_shared_experts") else 1)
    return int(shared) * width if isinstance(shared, int | float) and shared else 0


def is_moe_layer(text: ConfigReader, index: int) -> bool:
    """Whether the layer at ``index`` has routed experts."""
    types = text.values.get("mlp_layer_types")
    if isinstance(types, list) and len(types) > index:
        return str(types[index]) != "dense"
    if index in (text.get("mlp_only_layers") or []):
        return False
    pattern = text.values.get("moe_layers_enum")
    if isinstance(pattern, str) and pattern:
        return str(index) in pattern.split(",")
    start = text.integer("first_k_dense_replace", "moe_layer_start_index", default=0)
    if isinstance(start, int) and index < start:
        return False
    frequency = text.get("moe_layer_freq", "decoder_sparse_step", "moe_layer_interval", "interleave_moe_layer_step")
    if isinstance(frequency, list):
        return bool(frequency[index]) if index < len(frequency) else True
    step = int(frequency) if isinstance(frequency, int) and frequency > 0 else 1
    if text.model_type in {
        "qwen2_moe",
        "qwen3_moe",
        "qwen3_next",
        "qwen3_vl_moe_text",
        "llama4",
        "llama4_text",
        "ernie4_5_moe",
    }:
        return (index + 1) % step == 0
    return index % step == 0
