"""SGLang."""

from typing import Literal

from llminfra.spec.engines.base import LlmEngine


class SGLang(LlmEngine):
    """The SGLang OpenAI-compatible server, ``sglang.launch_server``.

    ``max_model_len`` becomes ``--context-length``, ``max_num_seqs`` ``--max-running-requests``,
    ``gpu_memory_utilization`` ``--mem-fraction-static``, ``max_num_batched_tokens`` ``--chunked-prefill-size``.
    """

    kind: Literal["sglang"] = "sglang"
