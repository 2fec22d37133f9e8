"""Text Generation Inference."""

from typing import Literal

from llminfra.spec.engines.base import LlmEngine


class TGI(LlmEngine):
    """Hugging Face Text Generation Inference: in maintenance mode, one node only; compiles with a warning.

    ``max_model_len`` becomes ``--max-total-tokens``, ``max_num_seqs`` ``--max-concurrent-requests``,
    ``max_num_batched_tokens`` ``--max-batch-prefill-tokens``, ``gpu_memory_utilization`` ``--cuda-memory-fraction``.
    """

    kind: Literal["tgi"] = "tgi"
