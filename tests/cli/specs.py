"""Specs of the tests: a good one, and one mistake each."""

from __future__ import annotations

from pathlib import Path

PREAMBLE = "from llminfra import *\n"

GOOD = """from llminfra import VLLM, Endpoint, GpuPool, Model, Platform

pool = GpuPool(name="gpu", instance_types=["g6.2xlarge"])
model = Model(id="Qwen/Qwen3-8B", quantization="fp8")
platform = Platform(name="good", region="us-east-1", pools=[pool])
platform.add(Endpoint(name="chat", model=model, engine=VLLM(max_model_len=8192), on=pool))
"""


def write(folder: Path, text: str, name: str = "spec.py") -> Path:
    """The text as a file."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path
