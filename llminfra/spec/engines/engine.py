"""Any inference engine."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from llminfra.spec.engines.custom import CustomServer
from llminfra.spec.engines.deepspeed import DeepSpeedMII, DJLServing
from llminfra.spec.engines.sglang import SGLang
from llminfra.spec.engines.tensorrt_llm import TensorRTLLM
from llminfra.spec.engines.tgi import TGI
from llminfra.spec.engines.vllm import VLLM

Engine = Annotated[
    VLLM | SGLang | TGI | TensorRTLLM | DeepSpeedMII | DJLServing | CustomServer, Field(discriminator="kind")
]
"""Any inference engine."""
