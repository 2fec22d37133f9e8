"""Text Generation Inference."""

from typing import Literal

from llminfra.spec.engines.base import LlmEngine


class TGI(LlmEngine):
    """Hugging Face Text Generation Inference: in maintenance mode, one node only; compiles with a warning.

    ``max_model_len`` becomes ``--max-total-tokens``, ``max_num_seqs`` ``--max-concurrent-requests``,
    ``max_num_batched_tokens`` ``--max-batch-prefill-tokens``, ``gpu_memory_utilization`` ``--cuda-memory-fraction``.
    It answers to any model name: one that is not ``tgi`` asks for an adapter, and an unknown one is the base model
    (router/src/lib.rs and models/flash_causal_lm.py of 3.3.7).
    """

    kind: Literal["tgi"] = "tgi"
