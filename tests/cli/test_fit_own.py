"""``llminfra fit`` for a model of one's own: a folder with config.json, as engines take it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.run import Run


def plain(text: str) -> str:
    """One line: the console wraps."""
    return " ".join(text.split())


def test_a_config_may_be_named_by_its_folder(run: Run, tmp_path: Path) -> None:
    shape = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 1024, "vocab_size": 32000}
    more = {
        "intermediate_size": 2816,
        "num_hidden_layers": 8,
        "num_attention_heads": 8,
        "max_position_embeddings": 4096,
    }
    (tmp_path / "config.json").write_text(json.dumps({**shape, **more, "torch_dtype": "bfloat16"}), encoding="utf-8")
    assert run("fit", "acme/own", "--config", str(tmp_path), "--gpu", "L4").code == 0
    for model in (tmp_path, tmp_path / "config.json"):
        named = run("fit", str(model), "--gpu", "L4")
        assert named.code == 0
        # A path may be longer than the console is wide, and is then broken in its midst.
        assert "".join(named.out.split()).startswith(f"{model}:fits")
    assert "no config.json is there" in run("fit", f"{tmp_path}/other", "--gpu", "L4").err


@pytest.mark.parametrize("gpu", [("--gpu", "L4"), (), ("--engine", "vllm,sglang")])
def test_weights_of_another_size_than_their_shapes_are_told(run: Run, tmp_path: Path, gpu: tuple[str, ...]) -> None:
    shape = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 1024, "vocab_size": 32000}
    more = {"intermediate_size": 2816, "num_hidden_layers": 8, "num_attention_heads": 8, "torch_dtype": "bfloat16"}
    whole = {**shape, **more, "max_position_embeddings": 4096}
    (tmp_path / "config.json").write_text(json.dumps(whole), encoding="utf-8")
    index = tmp_path / "model.safetensors.index.json"
    index.write_text('{"metadata": {"total_size": 9000000000}}', encoding="utf-8")
    told = plain(run("fit", str(tmp_path), "--max-model-len", "4096", *gpu).out)
    assert (
        "LLM_FIT_37: the weights are not as large as their config.json suggests: 0.3 GB computed, 9.0 GB stated" in told
    )
    index.unlink()
    assert "LLM_FIT_37" not in run("fit", str(tmp_path), "--max-model-len", "4096", *gpu).out
