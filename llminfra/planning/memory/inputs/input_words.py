"""How people write the inputs of a case: lengths as ``32k``, shares as ``90%``, engines in any case."""

from __future__ import annotations

import json
import re
from typing import Any, Self

_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+")
_SCALED = re.compile(r"(\d+(?:\.\d+)?)([kKmM])")
# As vLLM's own flags: k and m count in thousands, K and M in 1,024s (vllm/utils/argparse_utils.py 0.33.0 and the
# documentation of --max-model-len since 0.9).
_SCALE = {"k": 1000, "K": 1024, "m": 1000**2, "M": 1024**2}
_LIMITS = re.compile(r"\s*\w+\s*=\s*\d+\s*(?:,\s*\w+\s*=\s*\d+\s*)*")
_NO_LIMITS = 'write the most items of a request by modality, such as {"image": 4, "video": 0}'
_NO_ADAPTERS = "write adapters as name=path; names of the model's modules go into `lora_target_modules`"
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_ENGINE_NAMES = {
    "text-generation-inference": "tgi",
    "huggingface-tgi": "tgi",
    "tensorrt-llm": "trtllm",
    "trt-llm": "trtllm",
    "deepspeed-mii": "mii",
    "djl": "djl-lmi",
    "lmi": "djl-lmi",
}
_TASKS = {
    "auto": None,
    "": None,
    "chat": "generate",
    "text-generation": "generate",
    **dict.fromkeys(("embedding", "embeddings", "feature-extraction"), "embed"),
    **dict.fromkeys(("score", "reranking", "ranking"), "rerank"),
    **dict.fromkeys(("classification", "text-classification"), "classify"),
    **dict.fromkeys(("transcription", "speech-to-text", "automatic-speech-recognition"), "transcribe"),
}
DEFAULT_ENGINE = "vllm"


class Literal(float):
    """A number of a JSON text that remembers how it was written: 0.10 is a release, and 0.1 another."""

    text: str

    def __new__(cls, text: str) -> Self:
        """The number that ``text`` writes."""
        made = super().__new__(cls, text)
        made.text = text
        return made


def tokens(value: Any) -> Any:
    """A number of tokens written as ``32k``, ``32K`` or ``32,768``; anything else as it is.

    ``k`` is a thousand and ``K`` 1,024, because that is how the flags of vLLM read it.
    """
    if not isinstance(value, str):
        return value
    text = value.strip()
    if _GROUPED.fullmatch(text):
        return int(text.replace(",", ""))
    if found := _SCALED.fullmatch(text):
        return int(float(found.group(1)) * _SCALE[found.group(2)])
    return value


def task(value: Any) -> Any:
    """A task by vLLM's older name, such as ``score``, or by that of the Hub; anything else as it is."""
    return _TASKS.get(value.strip().lower(), value) if isinstance(value, str) else value


def share(value: Any) -> Any:
    """A share written as ``90%``; anything else as it is."""
    found = _PERCENT.fullmatch(value.strip()) if isinstance(value, str) else None
    return value if found is None else float(found.group(1)) / 100


def engine(value: Any) -> Any:
    """An engine's name in small letters, and its short one where it has one; the default for nothing."""
    if value is None or value == "":
        return DEFAULT_ENGINE
    if not isinstance(value, str):
        return value
    plain = re.sub(r"[\s_]+", "-", value.strip().lower())
    return _ENGINE_NAMES.get(plain, plain)


def release(value: Any) -> Any:
    """A release as text: people write 0.11 without quotes."""
    if isinstance(value, Literal):
        return value.text
    if value == "":
        return None
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def media_limits(value: Any) -> Any:
    """Limits by modality as a mapping to numbers.

    vLLM reads JSON, the same with sizes (``{"image": {"count": 2, "width": 512}}``), and until 0.8 ``image=4,video=0``.
    """
    if isinstance(value, str):
        text = value.strip()
        if not text:
            return None
        if _LIMITS.fullmatch(text):
            value = {key.strip(): number for key, _, number in (item.partition("=") for item in text.split(","))}
        else:
            try:
                value = json.loads(text)
            except json.JSONDecodeError as error:
                raise ValueError(_NO_LIMITS) from error
    if not isinstance(value, dict):
        return value
    if any(isinstance(item, dict) and "count" not in item for item in value.values()):
        raise ValueError(_NO_LIMITS)
    return {key: item["count"] if isinstance(item, dict) else item for key, item in value.items()}


_METHODS = {
    **dict.fromkeys(("nextn", "next-n", "multi-token-prediction"), "mtp"),
    **dict.fromkeys(("draft", "draft-model", "standalone"), "draft_model"),
    **dict.fromkeys(("[ngram]", "n-gram", "ngram-gpu", "prompt-lookup"), "ngram"),
    **dict.fromkeys(("eagle-3",), "eagle3"),
    "dflash2": "dflash",
}


def method(value: Any) -> Any:
    """How tokens are guessed, by the engines' other names: ``deepseek_mtp`` and ``NEXTN`` are ``mtp``."""
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        return value
    plain = re.sub(r"[\s_]+", "-", value.strip().lower())
    if plain.endswith("-mtp"):
        return "mtp"
    return _METHODS.get(plain, plain.replace("-", "_"))


def names(value: Any) -> Any:
    """A list of names, also where it is written ``q_proj,v_proj`` or ``q_proj v_proj``; an empty one is none."""
    if isinstance(value, str):
        value = [item for item in re.split(r"[\s,]+", value.strip()) if item]
    return None if value in ((), []) else value


def adapters(value: Any) -> Any:
    """Adapters as ``name=path``, one, several, or as the JSON that vLLM takes, to their names; none is none."""
    items = names(value) if isinstance(value, str) and not value.strip().startswith(("{", "[")) else value
    if isinstance(items, str):
        try:
            items = json.loads(items)
        except json.JSONDecodeError as error:
            raise ValueError(_NO_ADAPTERS) from error
    if isinstance(items, dict):
        items = [items]
    if not isinstance(items, list | tuple):
        return items
    return names([_adapter(item) for item in items])


def _adapter(item: Any) -> str:
    if isinstance(item, dict) and isinstance(item.get("name"), str):
        return str(item["name"])
    if not isinstance(item, str) or "=" not in item:
        raise ValueError(_NO_ADAPTERS)
    return item.partition("=")[0]


def name(value: Any) -> Any:
    """A model's name; nothing is none."""
    return "" if value is None else value


def identity(value: Any) -> str | None:
    """Whatever names a row, as text: what was a list comes back as the JSON of one."""
    if value is None:
        return None
    if isinstance(value, Literal):
        value = value.text
    text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    # Half a surrogate pair cannot be written.
    return text.encode("utf-8", "replace").decode("utf-8")
