"""Which scheme a module gets: matching of the ignore and target lists of quantized checkpoints."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from msgspec.structs import replace

from llminfra.catalog.models.quantization import QuantFacts, WeightScheme

_PREFIXES = ("model.", "", "model.language_model.", "language_model.model.", "backbone.", "transformer.")
_RANGE = re.compile(r"\{([\d,-]+)\}")
# ``mtp*``, ``re:^mtp.*``, ``*mtp*``, ``mtp.layers.{0}*``: the drafting layers as a whole.
_DRAFT = re.compile(r"(re:)?\^?(\.?\*)?mtp(\.layers(\.\{?0\}?)?)?[.*]*\Z")
_DRAFT_LAYER = re.compile(r"mtp\.layers\.(\d+)\.")


def scheme_for(quant: QuantFacts, names: tuple[str, ...], layer: int, *, experts: bool) -> WeightScheme | None:
    """Scheme of the module, None when it stays in 16 bit.

    Args:
        quant: The checkpoint's quantization.
        names: Paths below the layer that checkpoints use for it; outside the layers, full names.
        layer: Index of the layer, -1 when no pattern depends on it.
        experts: Whether it is a routed expert.
    """
    if any(_matches(pattern, names, layer) for pattern in quant.ignore):
        return None
    for rule in quant.rules:
        if rule.scheme.experts_only and not experts:
            continue
        if not rule.targets or any(_matches(pattern, names, layer) for pattern in rule.targets):
            return rule.scheme
    return None


@lru_cache(maxsize=1024)
def keeps_draft(quant: QuantFacts) -> bool:
    """Whether the drafting layers stay in 16 bit, which checkpoints name ``mtp`` beside the layers of the model."""
    return any(_DRAFT.match(pattern) is not None for pattern in quant.ignore)


@lru_cache(maxsize=1024)
def for_draft(quant: QuantFacts, layers: int) -> QuantFacts | None:
    """What drafting layers get, None where all of them stay in 16 bit.

    Args:
        quant: The checkpoint's quantization.
        layers: Layers of the model itself, after which engines count on: ``mtp.layers.0`` is the next.
    """
    if keeps_draft(quant):
        return None

    def counted(patterns: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(
            _DRAFT_LAYER.sub(lambda found: f"layers.{layers + int(found[1])}.", name, count=1)
            if _DRAFT_LAYER.match(name)
            else name
            for name in patterns
        )

    rules = tuple(replace(rule, targets=counted(rule.targets)) for rule in quant.rules)
    return replace(quant, ignore=counted(quant.ignore), rules=rules)


@lru_cache(maxsize=65536)
def _matches(pattern: str, names: tuple[str, ...], layer: int) -> bool:
    expanded = _layer_pattern(pattern)
    if expanded is not None:
        template, layers = expanded
        if layer not in layers:
            return False
        pattern = template.replace("#", str(layer))
    full = list(_full_names(names, layer))
    if pattern.startswith("re:"):
        compiled = _regex(pattern[3:])
        return compiled is not None and any(compiled.match(name) for name in full)
    if "*" in pattern:
        compiled = _regex(re.escape(pattern).replace(r"\*", ".*") + r"\Z")
        return compiled is not None and any(compiled.match(name) for name in full)
    # A plain name covers the module itself and what is inside it.
    return any(name == pattern or name.startswith(f"{pattern}.") or _is_leaf(name, pattern) for name in full)


def _is_leaf(name: str, pattern: str) -> bool:
    """``gate`` or ``lm_head`` alone means every module of that name."""
    return "." not in pattern and pattern in name.split(".")


def _full_names(names: Iterable[str], layer: int) -> Iterable[str]:
    for name in names:
        if name == "lm_head":
            yield from ("lm_head", "language_model.lm_head", "head", "output")
            continue
        index = max(layer, 0)
        for prefix in _PREFIXES:
            yield f"{prefix}layers.{index}.{name}"


@lru_cache(maxsize=4096)
def _layer_pattern(pattern: str) -> tuple[str, frozenset[int]] | None:
    """Split ``model.layers.{0-3,7}.mlp`` into its template and its layers."""
    found = _RANGE.search(pattern)
    if found is None or pattern.startswith("re:"):
        return None
    layers: set[int] = set()
    for part in found.group(1).split(","):
        low, _, high = part.partition("-")
        layers.update(range(int(low), int(high or low) + 1))
    return pattern[: found.start()] + "#" + pattern[found.end() :], frozenset(layers)


@lru_cache(maxsize=4096)
def _regex(expression: str) -> re.Pattern[str] | None:
    try:
        return re.compile(expression)
    except re.error:
        return None
