"""DeepSpeed: the dormant MII server, and DJL Serving's LMI container, which is its modern form on AWS."""

from typing import Literal

from llminfra.spec.engines.base import Image, LlmEngine


class DeepSpeedMII(LlmEngine):
    """DeepSpeed-MII's OpenAI-compatible server: dormant, no metrics; compiles with a warning."""

    kind: Literal["mii"] = "mii"
    image: Image
    """Image with DeepSpeed-MII; there is no official one."""


class DJLServing(LlmEngine):
    """DJL Serving's Large Model Inference container (vLLM inside), set up by ``OPTION_*`` variables."""

    kind: Literal["djl-lmi"] = "djl-lmi"
