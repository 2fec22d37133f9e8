"""DeepSpeed: the dormant MII server, and DJL Serving's LMI container, which is its modern form on AWS."""

from typing import Literal

from llminfra.spec.engines.base import Image, LlmEngine


class DeepSpeedMII(LlmEngine):
    """DeepSpeed-MII's OpenAI-compatible server: dormant, no metrics; compiles with a warning.

    It answers to one model name, which is where it loads the model from: its path, or its id where that is the Hub. The
    plan and the contract of the endpoint name it.
    """

    kind: Literal["mii"] = "mii"
    image: Image
    """Image with DeepSpeed-MII; there is no official one."""


class DJLServing(LlmEngine):
    """DJL Serving's Large Model Inference container (vLLM inside), set up by ``OPTION_*`` variables.

    It takes no ``extra_args``: what vLLM takes beside the fields is said by ``env``, as ``{"OPTION_SEED": "1"}``.
    It is told ``served_name``, because the vLLM inside refuses requests for other models.
    """

    kind: Literal["djl-lmi"] = "djl-lmi"
