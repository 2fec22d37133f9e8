"""Which attention kernel an engine takes on a GPU, and what no kernel there can do.

An engine picks a kernel for each kind of attention layer while it loads the model, by the GPU, the type of the cache
and the layer; where none is left it stops. The rules by release are data, with their source.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from llminfra.catalog.engines import release_numbers
from llminfra.catalog.models.mixers import Attention, Mla
from llminfra.planning.facts import numbers

if TYPE_CHECKING:
    from llminfra.catalog.engines import EngineRelease
    from llminfra.catalog.gpus import Gpu
    from llminfra.catalog.models import ModelFacts

_FILE = "attention_kernels"
_KNOWN_CACHES = frozenset({"fp8", "fp8_e4m3", "fp8_e5m2"})
_WORDS: Mapping[str, str] = {
    "plain": "attention",
    "latent": "latent attention (MLA)",
    "sparse": "sparse attention (DSA)",
    "compressed": "compressed attention (DeepSeek V4)",
}


class _Need(Struct, frozen=True):
    """What a kind of layer asks of a kernel: plain attention by the size of its heads, sparse by the keys it sees."""

    kind: str
    head: int = 0
    top_k: int = 0
    sinks: bool = False
    prefix_lm: bool = False
    uneven: bool = False


class Unserved(Struct, frozen=True, kw_only=True):
    """A kind of layer that no kernel serves.

    Attributes:
        layer: The layer in words.
        capabilities: Ranges of compute capability, times ten, that some kernel of the release serves.
        for_cache: The type of the cache is in the way; else the GPU is.
        kernel: The kernel that is picked and then refuses; empty where none is.
    """

    layer: str
    capabilities: tuple[tuple[int, int], ...]
    for_cache: bool
    kernel: str = ""


def unserved(
    facts: ModelFacts,
    gpu: Gpu,
    *,
    engine: str,
    release: EngineRelease | None,
    kv_cache_dtype: str | None,
    text_only: bool = False,
) -> Unserved | None:
    """The first kind of layer that no kernel of the engine serves on the GPU; ``None`` where nothing is known to fail.

    Args:
        facts: The model.
        gpu: The device.
        engine: Engine name of the catalog; the rules of vLLM are known, and of SGLang where sparse attention begins.
        release: Its release; ``None``: the newest.
        kv_cache_dtype: Type of the cache; ``None`` and types of 16 bit are taken by every kernel.
        text_only: The model's encoders are left out.
    """
    if engine == "sglang":
        least = numbers(_FILE)["sglang_least"]["value"]
        short = [need for need in _needs(facts, prefix_lm=False) if gpu.capability < least.get(need.kind, 0)]
        return next((_beyond(need.kind, ((least[need.kind], 129),)) for need in short), None)
    if engine != "vllm":
        return None
    version = release_numbers(release.version) if release is not None else None
    cache = kv_cache_dtype if kv_cache_dtype in _KNOWN_CACHES else None
    for need in _needs(facts, prefix_lm=not text_only and _attends_both_ways(facts, version)):
        here = _serving(need, gpu.capability, version)
        if not here and need.kind in {"sparse", "compressed"}:
            return _beyond(need.kind, tuple(_span(item["capability"]) for item in _kernels(need.kind, version)))
        if cache is None or not knows(version):
            continue
        first = next((item for item in here if _takes(item, cache, gpu.capability)), None)
        if first is None or gpu.capability < first.get("needs", {}).get(cache, 0):
            name = first["name"] if first is not None else ""
            return Unserved(layer=_words(need), capabilities=(), for_cache=True, kernel=name)
    return None


def picked(
    facts: ModelFacts, gpu: Gpu, version: tuple[int, ...], kv_cache_dtype: str | None, *, text_only: bool = False
) -> frozenset[str]:
    """Names of the kernels that vLLM takes for the model's layers; none where its rules are not known.

    Args:
        facts: The model.
        gpu: The device.
        version: Numbers of the release.
        kv_cache_dtype: Type of the cache.
        text_only: The model's encoders are left out.
    """
    if not knows(version):
        return frozenset()
    cache = kv_cache_dtype if kv_cache_dtype in _KNOWN_CACHES else None
    found: list[str] = []
    for need in _needs(facts, prefix_lm=not text_only and _attends_both_ways(facts, version)):
        here = _serving(need, gpu.capability, version)
        taken = (item["name"] for item in here if cache is None or _takes(item, cache, gpu.capability))
        found += [name] if (name := next(taken, None)) is not None else []
    return frozenset(found)


def knows(version: tuple[int, ...] | None) -> bool:
    """Whether the rules tell which kernels a release of vLLM takes."""
    return version is not None and version >= release_numbers(numbers(_FILE)["since"])


def _beyond(kind: str, capabilities: tuple[tuple[int, int], ...]) -> Unserved:
    return Unserved(layer=_WORDS[kind], capabilities=capabilities, for_cache=False)


def _needs(facts: ModelFacts, *, prefix_lm: bool) -> Iterator[_Need]:
    """Kinds of layers with a cache, each once; attention that picks pages of a plain cache has kernels of its own."""
    needs: dict[_Need, None] = {}
    for layer in facts.layers:
        mixer = layer.mixer
        if isinstance(mixer, Mla):
            indexer = mixer.indexer
            needs[_Need("latent") if indexer is None else _Need("sparse", top_k=indexer.top_k)] = None
        elif isinstance(mixer, Attention) and mixer.compression is not None:
            needs[_Need("compressed")] = None
        elif isinstance(mixer, Attention) and mixer.causal and mixer.indexer is None and not mixer.cross:
            needs[_Need("plain", head=mixer.head_dim, sinks=mixer.sinks, prefix_lm=prefix_lm)] = None
    heads = {need.head for need in needs if need.kind == "plain"}
    uneven = len(heads) > 1 and facts.architecture in numbers(_FILE)["uneven_heads"]["architectures"]
    yield from (replace(need, uneven=uneven) for need in needs)


def _words(need: _Need) -> str:
    if need.kind != "plain":
        return _WORDS[need.kind]
    words = "attention with heads of several sizes" if need.uneven else f"attention with heads of {need.head}"
    if need.sinks:
        words += " and learned sinks"
    return words + (", where images attend both ways" if need.prefix_lm else "")


def _attends_both_ways(facts: ModelFacts, version: tuple[int, ...] | None) -> bool:
    known = numbers(_FILE)["prefix_lm"]
    return facts.architecture in known["architectures"] and (
        version is None or version >= release_numbers(known["since"])
    )


def _kernels(kind: str, version: tuple[int, ...] | None) -> list[Mapping[str, Any]]:
    """Kernels of a release in the order in which it tries them; without one, those of the newest."""
    return [
        item
        for item in numbers(_FILE)["kernels"][kind]
        if (version is None and "before" not in item)
        or (
            version is not None
            and version >= release_numbers(item.get("since", "0"))
            and not ("before" in item and version >= release_numbers(item["before"]))
        )
    ]


def _serving(need: _Need, capability: int, version: tuple[int, ...] | None) -> list[Mapping[str, Any]]:
    """Kernels that serve a layer on a device, the first that is tried first."""
    here = [item for item in _kernels(need.kind, version) if _serves(item, need, capability)]
    return sorted(here, key=lambda item: not _within(capability, item.get("first_on", (0, 0))))


def _span(pair: Sequence[int]) -> tuple[int, int]:
    return int(pair[0]), int(pair[1])


def _within(capability: int, pair: Sequence[int]) -> bool:
    low, high = _span(pair)
    return low <= capability <= high


def _serves(kernel: Mapping[str, Any], need: _Need, capability: int) -> bool:
    """Whether a kernel runs on the device and takes the layer, whatever the cache holds."""
    if not _within(capability, kernel["capability"]):
        return False
    if need.kind != "plain":
        return need.top_k in (0, kernel.get("top_k", need.top_k))
    sized = (
        need.head in kernel.get("heads", (need.head,))
        and need.head % kernel.get("multiple_of", 1) == 0
        and kernel.get("least", 0) <= need.head <= kernel.get("most", need.head)
    )
    alone = not need.uneven or kernel["name"] in numbers(_FILE)["uneven_heads"]["kernels"]
    asked = (not need.sinks or _within(capability, kernel["sinks"])) and (not need.prefix_lm or kernel["prefix_lm"])
    return sized and alone and asked


def _takes(kernel: Mapping[str, Any], cache: str, capability: int) -> bool:
    return cache in kernel["caches"] and _within(capability, kernel.get("on_8_bit", kernel["capability"]))
