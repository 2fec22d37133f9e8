"""A config.json that leaves a shape open is refused, or the default that was taken is told; never a silent guess."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llminfra.catalog.models import (
    Attention,
    ModelConfigError,
    ModelFacts,
    WeightFormat,
    catalog_config,
    known_models,
    load_model,
)
from llminfra.planning.memory import fit_line

LLAMA: dict[str, Any] = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 4096, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 8, "intermediate_size": 14336, "vocab_size": 128256,
    "max_position_embeddings": 8192, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
}  # fmt: skip
OPENELM: dict[str, Any] = {
    "model_type": "openelm", "model_dim": 1280, "num_transformer_layers": 3, "num_query_heads": [12, 16, 20],
    "num_kv_heads": [3, 4, 5], "head_dim": 64, "ffn_multipliers": [0.5, 2.25, 4.0], "ffn_dim_divisor": 256,
    "ffn_with_glu": True, "normalize_qk_projections": True, "share_input_output_layers": True, "vocab_size": 32000,
    "max_context_length": 2048,
}  # fmt: skip


def read(**changes: Any) -> ModelFacts:
    return ModelFacts.from_hf_config(LLAMA | changes, model_id="x")


def without(*keys: str, **changes: Any) -> ModelFacts:
    config = {key: value for key, value in (LLAMA | changes).items() if key not in keys}
    return ModelFacts.from_hf_config(config, model_id="x")


def test_a_config_that_says_everything_has_no_notes() -> None:
    assert read().notes == ()
    assert all(load_model(name).notes == () for name in known_models()[::25])  # type: ignore[union-attr]  # known models load


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("num_key_value_heads", "8"),
        ("num_key_value_heads", True),
        ("num_key_value_heads", 0),
        ("head_dim", "128"),
        ("num_local_experts", "8"),
        ("intermediate_size", "14336"),
    ],
)
def test_a_size_in_quotes_is_not_passed_over(key: str, value: Any) -> None:
    with pytest.raises(ModelConfigError, match=f"{key} is {value!r}, expected"):
        read(**{key: value})


def test_a_context_that_is_not_stated_is_told() -> None:
    (note,) = without("max_position_embeddings").notes
    assert "max_position_embeddings 2048: the default of the class of 'llama'" in note
    unknown = without("max_position_embeddings", model_type="foo")
    assert "config.json states no max_position_embeddings: 2,048 tokens are taken" in unknown.notes


@pytest.mark.parametrize("kind", ["foo", "", "aquila3", "zamba_like"])
def test_an_unknown_type_is_told_and_needs_every_shape(kind: str) -> None:
    (note,) = read(model_type=kind).notes
    assert "is not one whose code was read" in note
    assert "tie_word_embeddings is not stated: true" in without("tie_word_embeddings", model_type=kind).notes[1]
    for key in ("num_key_value_heads", "intermediate_size", "num_attention_heads", "hidden_size", "vocab_size"):
        with pytest.raises(ModelConfigError, match=key):
            without(key, model_type=kind)


@pytest.mark.parametrize("key", ["mamba_d_state", "ssm_state_size", "rwkv_version", "conv_kernel"])
def test_an_unknown_type_with_recurrent_layers_is_refused(key: str) -> None:
    with pytest.raises(ModelConfigError, match=f"recurrent layers .{key}"):
        read(model_type="foo", **{key: 64})
    with pytest.raises(ModelConfigError, match="an encoder with a decoder"):
        read(model_type="foo", is_encoder_decoder=True)


def test_defaults_of_the_class_are_told() -> None:
    facts = without("num_key_value_heads")
    assert facts.num_key_value_heads == 32
    (note,) = facts.notes
    assert note.startswith(
        "config.json does not say num_key_value_heads 32, as many as heads: the default of the class"
    )
    mistral = without("num_key_value_heads", "intermediate_size", model_type="mistral")
    assert mistral.num_key_value_heads == 8
    assert {layer.mlp.intermediate for layer in mistral.layers if layer.mlp} == {14336}
    assert "num_key_value_heads 8; intermediate_size 14336: the defaults of" in mistral.notes[0]


def test_families_that_have_no_such_key_are_not_asked_for_it() -> None:
    config = {
        "model_type": "gpt2",
        "n_embd": 768,
        "n_layer": 12,
        "n_head": 12,
        "n_positions": 1024,
        "vocab_size": 50257,
    }
    facts = ModelFacts.from_hf_config(config, model_id="x")
    assert (facts.num_key_value_heads, facts.notes) == (12, ())
    assert {layer.mlp.intermediate for layer in facts.layers if layer.mlp} == {3072}


def test_key_value_heads_by_layer() -> None:
    facts = read(num_key_value_heads=[1, 2, 4, 8] * 8)
    heads = [mixer.kv_heads for mixer in facts.attentions if isinstance(mixer, Attention)]
    assert heads == [1, 2, 4, 8] * 8
    assert facts.notes == ()
    widths = read(intermediate_size=[1024, 2048] * 16)
    assert [layer.mlp.intermediate for layer in widths.layers if layer.mlp] == [1024, 2048] * 16


@pytest.mark.parametrize("value", [[8] * 31, [8] * 31 + [0], [8] * 31 + ["8"], [], [64] * 32])
def test_a_list_that_is_not_one_for_each_layer_is_refused(value: list[Any]) -> None:
    with pytest.raises(ModelConfigError, match="num_key_value_heads is"):
        read(num_key_value_heads=value)


def test_openelm_states_each_layer() -> None:
    facts = ModelFacts.from_hf_config(OPENELM, model_id="x")
    assert [(item.heads, item.kv_heads) for item in facts.attentions if isinstance(item, Attention)] == [
        (12, 3), (16, 4), (20, 5)
    ]  # fmt: skip
    assert [layer.mlp.intermediate for layer in facts.layers if layer.mlp] == [768, 2816, 5120]
    assert (facts.tie_word_embeddings, facts.max_position_embeddings, facts.notes) == (True, 2048, ())
    with pytest.raises(ModelConfigError, match="one for each layer"):
        ModelFacts.from_hf_config(OPENELM | {"num_kv_heads": [3, 4]}, model_id="x")


def test_decilm_states_blocks_under_any_type() -> None:
    nas = dict(catalog_config("nvidia/Llama-3_3-Nemotron-Super-49B-v1") or {})
    known = ModelFacts.from_hf_config(nas, model_id="x")
    assert ModelFacts.from_hf_config(nas | {"model_type": "deci"}, model_id="x").layers == known.layers
    with pytest.raises(ModelConfigError, match="block_configs is None"):
        ModelFacts.from_hf_config({key: nas[key] for key in nas if key != "block_configs"}, model_id="x")
    with pytest.raises(ModelConfigError, match="block_configs has 3 entries"):
        ModelFacts.from_hf_config(nas | {"block_configs": nas["block_configs"][:3]}, model_id="x")
    first = without("num_key_value_heads", model_type="deci", num_key_value_heads_per_layer=[4, 2, 1, 1] * 8)
    assert first.num_key_value_heads == 4
    assert "its largest is taken in all" in first.notes[0]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"quant_method": "nonsense"}, "quantization_config.quant_method is 'nonsense'"),
        ("fp8", "quantization_config is 'fp8', expected an object"),
        ({"bits": 4}, r"quantization_config is \['bits'\], expected a quant_method"),
        (["fp8"], "quantization_config is"),
    ],
)
def test_a_quantization_that_cannot_be_read_is_refused(value: Any, words: str) -> None:
    with pytest.raises(ModelConfigError, match=words):
        read(quantization_config=value)


@pytest.mark.parametrize("method", ["aqlm", "gguf", "quark", "HQQ", "eetq", "torchao"])
def test_a_quantization_that_is_not_modelled_is_told(method: str) -> None:
    facts = read(quantization_config={"quant_method": method})
    assert facts.quantization is None
    assert "whose bytes are not modelled" in facts.notes[0]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("Float8DynamicActivationFloat8WeightConfig", WeightFormat.FP8),
        ("int4_weight_only", WeightFormat.INT4),
        ("int8_weight_only", WeightFormat.INT8),
    ],
)
def test_torchao_says_its_format_in_the_name_of_a_class(name: str, found: WeightFormat) -> None:
    quant = read(quantization_config={"quant_method": "torchao", "quant_type": {"default": {"_type": name}}})
    assert quant.quantization is not None
    assert quant.quantization.rules[0].scheme.format is found


@pytest.mark.parametrize(
    ("method", "found"),
    [("w8a8_int8", WeightFormat.INT8), ("mxfp8", WeightFormat.MXFP8), ("deepseek_v4_fp8", WeightFormat.FP8)],
)
def test_a_method_with_a_format_in_its_name_is_counted_by_it(method: str, found: WeightFormat) -> None:
    facts = read(quantization_config={"quant_method": method})
    assert facts.quantization is not None
    assert facts.quantization.rules[0].scheme.format is found
    assert "counted as its name says" in facts.notes[0]


@pytest.mark.parametrize("value", [None, {}, {"quant_method": "bitsandbytes", "load_in_8bit": True}])
def test_a_quantization_that_is_none_or_known_is_no_doubt(value: Any) -> None:
    assert read(quantization_config=value).notes == ()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (["full_attention"] * 3, "layer_types has 3 entries, expected 32"),
        (["full_attention"] * 31 + ["magic"], "layer_types names magic"),
        (["linear_attention"] * 32, "layer_types names linear_attention"),
        ("full_attention", "layer_types has 14 entries"),
        ([], r"layer_types is \[\]"),
    ],
)
def test_layer_types_that_do_not_tell_every_layer_are_refused(value: Any, words: str) -> None:
    with pytest.raises(ModelConfigError, match=words):
        read(layer_types=value)


@pytest.mark.parametrize("value", ["false", "true", "no"])
def test_a_flag_is_no_text(value: str) -> None:
    with pytest.raises(ModelConfigError, match=f"tie_word_embeddings is '{value}', expected true or false"):
        read(tie_word_embeddings=value)
    assert read(tie_word_embeddings=True).tie_word_embeddings


def test_what_was_taken_is_a_finding_with_a_code() -> None:
    line = json.dumps({"model": "acme/own", "gpu": "L4", "config": LLAMA | {"model_type": "foo"}})
    result = fit_line(line)
    assert [item.partition(":")[0] for item in result.findings] == ["LLM_INPUT_4"]
    refused = fit_line(json.dumps({"model": "acme/own", "gpu": "L4", "config": LLAMA | {"layer_types": ["x"] * 32}}))
    assert (refused.error or "").startswith("config.json of acme/own: layer_types names x")


def test_an_architecture_that_vllm_does_not_list_is_a_finding() -> None:
    config = LLAMA | {"architectures": ["FooForCausalLM"]}
    (finding,) = fit_line(json.dumps({"gpu": "H100", "config": config})).findings
    assert finding.startswith("LLM_INPUT_4: architecture 'FooForCausalLM'")
    assert fit_line(json.dumps({"gpu": "H100", "config": LLAMA})).findings == ()


def test_every_type_of_the_catalog_is_one_whose_code_was_read() -> None:
    """A type that is new in the catalog goes into ``_READ_TYPES`` of hf/gaps.py, or gets a builder."""
    by_type = {str(config.get("model_type")): config for name in known_models() if (config := catalog_config(name))}
    unread = {
        kind: note
        for kind, config in by_type.items()
        for note in ModelFacts.from_hf_config(config, model_id="x").notes
        if "is not one whose code was read" in note
    }
    assert unread == {}
