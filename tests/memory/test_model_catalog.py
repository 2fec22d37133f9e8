import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.memory.run import DATASETS
from benchmarks.memory.scoring import read_rows, score
from llminfra.catalog.datafile import read_data
from llminfra.catalog.gpus import find_gpu, gpus
from llminfra.catalog.models import ModelConfigError, ModelFacts, catalog_config, known_models, load_model, suggest
from llminfra.planning.memory import FitCase, fit_case

KEYS = {
    "config",
    "same_as",
    "changes",
    "quantization_config",
    "source",
    "revision",
    "gated",
    "verified",
    "max_seq_length",
    "safetensors",
}


def test_every_model_loads_and_has_the_shapes_that_memory_needs():
    names = known_models()
    assert len(names) >= 80
    for name in names:
        facts = load_model(name)
        assert facts.model_id == name
        assert facts.layers, name
        assert facts.hidden_size > 0, name
        assert facts.vocab_size > 1000, name
        assert facts.architecture, name


def test_every_entry_says_where_it_was_read_or_that_it_was_not():
    for family in {*read_data("models/index.json")["models"].values()}:
        for name, entry in read_data(f"models/{family}.json")["models"].items():
            facts = load_model(name)
            assert facts.source or not facts.verified, name
            assert set(entry) <= {
                "config",
                "same_as",
                "changes",
                "quantization_config",
                "source",
                "revision",
                "gated",
                "verified",
                "max_seq_length",
                "safetensors",
            }


def test_many_entries_were_read_from_a_source():
    assert sum(load_model(name).verified for name in known_models()) >= 300


def test_popular_models_are_there():
    for name in (
        "meta-llama/Llama-3.3-70B-Instruct", "meta-llama/Llama-4-Scout-17B-16E-Instruct", "Qwen/Qwen3-32B",
        "Qwen/Qwen3-Next-80B-A3B-Instruct", "Qwen/Qwen3.5-27B", "deepseek-ai/DeepSeek-V3.2", "openai/gpt-oss-120b",
        "mistralai/Mistral-Small-3.2-24B-Instruct-2506", "google/gemma-3-27b-it", "microsoft/phi-4", "zai-org/GLM-4.6",
        "moonshotai/Kimi-K2-Thinking", "MiniMaxAI/MiniMax-M2", "nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16",
        "CohereLabs/c4ai-command-a-03-2025", "tiiuae/Falcon-H1-34B-Instruct", "allenai/Olmo-3-32B-Think",
        "ibm-granite/granite-4.0-h-small", "RedHatAI/Llama-3.3-70B-Instruct-FP8-dynamic", "Qwen/Qwen3.5-9B",
        "Qwen/Qwen3.8-27B", "google/gemma-4-E4B-it", "google/gemma-4-12B-it", "mistralai/Mistral-Small-4-119B-2603",
        "moonshotai/Kimi-K2.6", "poolside/Laguna-S-2.1", "microsoft/Phi-4-multimodal-instruct",
    ):  # fmt: skip
        assert name in known_models(), name


def test_lookup_ignores_case_and_unknown_is_none():
    assert load_model("QWEN/qwen3-8b").model_id == "Qwen/Qwen3-8B"
    assert load_model("nobody/nothing") is None
    assert catalog_config("nobody/nothing") is None


def test_suggestions():
    assert suggest("meta-llama/Llama-3.1-8B-Instrct")[0] == "meta-llama/Llama-3.1-8B-Instruct"
    assert suggest("gpt-oss-20b")[0] == "openai/gpt-oss-20b"


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("deepseek-r1", "deepseek-ai/DeepSeek-R1"),
        ("llama-3.3-70b", "meta-llama/Llama-3.3-70B-Instruct"),
        ("llama 3.3 70b", "meta-llama/Llama-3.3-70B-Instruct"),
        ("mistralai/Mixtrl-8x7B-v0.1", "mistralai/Mixtral-8x7B-v0.1"),
        ("Qwen/Qwen3-8B-Instruct", "Qwen/Qwen3-8B"),
        ("meta-llama/Llama-3.3-70B-Instruct-AWQ", "meta-llama/Llama-3.3-70B-Instruct"),
        ("https://huggingface.co/Qwen/Qwen3-8B", "Qwen/Qwen3-8B"),
    ],
)
def test_what_was_typed_is_completed(typed, first):
    assert suggest(typed)[0] == first


def test_a_bare_family_name_is_completed():
    assert any("Llama-3" in name for name in suggest("llama3"))


@given(st.text(max_size=40))
def test_suggestions_never_fail(text):
    assert all(name in known_models() for name in suggest(text))


def test_variants_take_their_base_and_their_own_quantization():
    base, variant = load_model("Qwen/Qwen2.5-7B-Instruct"), load_model("Qwen/Qwen2.5-7B-Instruct-AWQ")
    assert variant.layers == base.layers
    assert base.quantization is None
    assert variant.quantization.method == "awq"
    assert variant.source == base.source


def test_equal_layers_are_one_object():
    assert len({id(layer) for layer in load_model("meta-llama/Llama-3.1-405B-Instruct").layers}) == 1


def test_missing_keys_take_the_defaults_of_the_config_class():
    text = {"model_type": "gemma3_text", "hidden_size": 2560, "num_hidden_layers": 34, "intermediate_size": 10240}
    tower = {"model_type": "siglip_vision_model", "hidden_size": 1152, "intermediate_size": 4304,
             "num_hidden_layers": 27, "image_size": 896, "patch_size": 14}  # fmt: skip
    config = {"model_type": "gemma3", "text_config": text, "vision_config": tower}
    facts = ModelFacts.from_hf_config(config, model_id="x")
    assert (facts.attentions[0].heads, facts.num_key_value_heads, facts.head_dim) == (8, 4, 256)
    assert facts.vocab_size == 262208
    assert facts.tie_word_embeddings
    assert sum(mixer.window is None for mixer in facts.attentions) == 5


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"model_type": "llama"},
        {"model_type": "llama", "vocab_size": 32000},
        {"model_type": "llava", "text_config": {"model_type": "llama"}},
        {"hidden_size": 64},
        {"text_config": {}},
    ],
)
def test_a_config_without_shapes_names_what_is_missing(config):
    with pytest.raises(ModelConfigError, match="x"):
        ModelFacts.from_hf_config(config, model_id="x")


def test_a_text_model_may_leave_its_shape_to_transformers():
    # llava-hf/llava-1.5-7b-hf names the class and the vocabulary of its text model alone.
    config = {"model_type": "llava", "text_config": {"model_type": "llama", "vocab_size": 32064}}
    facts = ModelFacts.from_hf_config(config, model_id="x")
    assert (facts.hidden_size, facts.num_layers, facts.vocab_size) == (4096, 32, 32064)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("hidden_size", 0),
        ("hidden_size", -4096),
        ("hidden_size", 10**18),
        ("hidden_size", "4096"),
        ("hidden_size", 4096.5),
        ("hidden_size", float("nan")),
        ("num_hidden_layers", 0),
        ("num_hidden_layers", -1),
        ("num_hidden_layers", True),
        ("num_attention_heads", 0),
        ("num_attention_heads", 2**20),
        ("num_key_value_heads", -8),
        ("num_key_value_heads", 64),
        ("head_dim", 10**6),
        ("head_dim", -128),
        ("intermediate_size", -1),
        ("intermediate_size", float("inf")),
        ("num_local_experts", -8),
        ("vocab_size", 0),
        ("vocab_size", 10**9),
        ("max_position_embeddings", -1),
    ],
)
def test_sizes_that_no_model_has_are_refused_by_key_and_value(key, value):
    config = dict(catalog_config("meta-llama/Llama-3.1-8B-Instruct")) | {key: value}
    with pytest.raises(ModelConfigError, match=rf"config.json of x: {key} is .*, expected") as found:
        ModelFacts.from_hf_config(config, model_id="x")
    assert repr(value) in str(found.value)


@pytest.mark.parametrize(
    ("outer", "inner", "value"),
    [("quantization_config", "bits", -4), ("rope_scaling", "factor", 1e30), ("rope_scaling", "factor", float("nan"))],
)
def test_numbers_inside_objects_are_checked_too(outer, inner, value):
    changes = {outer: {"quant_method": "gptq", "rope_type": "linear", "group_size": -1, inner: value}}
    config = dict(catalog_config("meta-llama/Llama-3.1-8B-Instruct")) | changes
    with pytest.raises(ModelConfigError, match=rf"{outer}.{inner} is .*, expected a number"):
        ModelFacts.from_hf_config(config, model_id="x")


def test_an_absurd_layer_count_is_refused():
    with pytest.raises(ModelConfigError, match="num_hidden_layers"):
        ModelFacts.from_hf_config({"model_type": "llama", "num_hidden_layers": 2**40}, model_id="x")


def test_gpus_have_sources_and_sane_figures():
    for name, gpu in gpus().items():
        assert gpu.memory_source, name
        assert gpu.spec_source, name
        assert 5 < gpu.memory_gib < 300, name
        assert gpu.capability >= 60, name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("H100-80GB", "h100-80gb"),
        ("NVIDIA A100-SXM4-40GB", "a100-40gb"),
        ("A100-80GB", "a100-80gb"),
        ("l40s", "l40s-48gb"),
        ("rtx-pro-server-6000", "rtx-pro-6000-blackwell-96gb"),
        ("NVIDIA GeForce RTX 4090", "rtx-4090-24gb"),
        ("B200-180GB", "b200-180gb"),
        ("rtx4090", "rtx-4090-24gb"),
        ("GeForce RTX4090 24GB", "rtx-4090-24gb"),
        ("NVIDIA H100 80GB HBM3", "h100-80gb"),
        ("NVIDIA H100 PCIe", "h100-pcie-80gb"),
        ("A100 SXM4 80GB HBM2e", "a100-80gb"),
        ("L40S PCIe 48GB", "l40s-48gb"),
        ("2080ti", "rtx-2080-ti-11gb"),
        ("RTX 3080", "rtx-3080-10gb"),
        ("RTX A4000", "rtx-a4000-16gb"),
        ("Tesla P100-PCIE-16GB", "p100-16gb"),
        ("NVIDIA A30", "a30-24gb"),
        ("RTX3060-12GB", "rtx-3060-12gb"),
        ("H100SXM5", "h100-80gb"),
        ("h100x8", "h100-80gb"),
    ],
)
def test_gpu_names(text, name):
    assert find_gpu(text).name == name


@pytest.mark.parametrize(
    "text",
    ["L40X", "H1000", "T44", "V100S",
     "", "MI300X-192GB", "RTX-4090-48GB (modified)", "Gaudi3", "AMD Strix Halo", "RTX 3080 Ti", "RTX 3060 Ti",
     "RTX 4090 Laptop"],
)  # fmt: skip
def test_devices_that_are_not_in_the_catalog(text):
    assert find_gpu(text) is None


def test_driver_memory_is_below_the_name():
    assert gpus()["h100-80gb"].memory_gib == pytest.approx(79.2, abs=0.2)
    assert gpus()["t4-16gb"].memory_gib < 15


def test_entries_that_a_start_up_stands_for_agree_with_it():
    rows = {item["id"]: item for file in DATASETS.values() for item in read_rows(file)}
    entries = [load_model(name) for name in known_models()]
    confirmed = [facts for facts in entries if "a measured start-up" in (facts.source or "")]
    named = [(facts, str(facts.source).rsplit(", ", 1)[1]) for facts in confirmed]
    assert len(named) >= 18
    for facts, row in named:
        assert facts.verified
        error = score(rows[row]).weights
        assert error is not None, facts.model_id
        assert abs(error) < 0.005, facts.model_id


def test_shapes_that_nobody_compared_are_told():
    recalled = next(name for name in known_models() if not load_model(name).verified)
    result = fit_case(FitCase(model=recalled, gpu="H200"))
    assert any(item.startswith("LLM_INPUT_6") for item in result.findings)
    assert not fit_case(FitCase(model="Qwen/Qwen3-8B", gpu="H200")).findings
