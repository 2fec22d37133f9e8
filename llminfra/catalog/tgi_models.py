"""What Text Generation Inference does with a type of model: its own code, the Transformers library's, or nothing.

It looks at ``model_type`` of the whole config.json (``get_model`` of server/text_generation_server/models/__init__.py).
Types without code of its own are given to the Transformers library, whose classes may take TGI's attention and be cut
over GPUs, or be served whole, without a paged cache.
"""

from __future__ import annotations

from enum import StrEnum

from llminfra.catalog.datafile import read_data

Release = tuple[int, ...]
_FILE = "tgi_models.json"


class Served(StrEnum):
    """How a release serves a type of model."""

    OWN = "own"
    """By code of its own."""
    CUT = "cut"
    """By the Transformers library, with TGI's attention and cache, over several GPUs where asked."""
    WHOLE = "whole"
    """By the Transformers library alone, on one GPU."""
    NONE = "none"
    """Not at all."""


def knows(release: Release) -> bool:
    """Whether the table begins at or before a release."""
    return release >= _numbers(next(iter(read_data(_FILE)["transformers"])))


def served_by(release: Release, config_type: str) -> Served:
    """How a release serves a type; releases after the last in the table are taken to be like it.

    Example:
        >>> served_by((3, 3, 7), "llama"), served_by((3, 3, 7), "qwen3_moe"), served_by((3, 3, 7), "gpt_oss")
        (<Served.OWN: 'own'>, <Served.CUT: 'cut'>, <Served.NONE: 'none'>)
    """
    data = read_data(_FILE)
    config_type = data["renamed"].get(config_type, config_type)
    if _since(data["own"].get(config_type), release):
        return Served.OWN
    if not _since(data["library"].get(config_type), release):
        return Served.NONE
    cut = next((types for since, types in reversed(data["cut"].items()) if _since(since, release)), ())
    if config_type in cut:
        return Served.CUT
    alone = data["cut_only"]
    if _since(alone["since"], release) and not _since(alone["until"], release):
        return Served.NONE
    return Served.WHOLE


def pages(release: Release, config_type: str) -> bool:
    """Whether a release keeps the cache of a type in pages, for which it takes flash attention."""
    how = served_by(release, config_type)
    return how is Served.CUT or (how is Served.OWN and config_type not in read_data(_FILE)["unpaged"])


def costs(how: Served) -> str:
    """What is lost where the Transformers library serves a model in TGI, or TGI's own code without pages does."""
    if how is Served.OWN:
        return "without a paged cache: its memory grows with the requests of a batch and is not what is planned"
    if how is Served.CUT:
        return "its layers are slower, and what they take beside weights and cache is not known"
    return (
        "on one GPU, without a paged cache, whose memory grows with the requests of a batch and is not what is planned"
    )


def _since(first: str | None, release: Release) -> bool:
    return first is not None and release >= _numbers(first)


def _numbers(text: str) -> Release:
    return tuple(int(part) for part in text.split("."))
