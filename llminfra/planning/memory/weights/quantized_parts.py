"""Which kinds of matrices a checkpoint quantizes, and how: what kernels are picked by."""

from __future__ import annotations

from functools import lru_cache

from msgspec import Struct

from llminfra.catalog.models.facts import Layer, ModelFacts
from llminfra.catalog.models.quantization import QuantFacts, WeightScheme
from llminfra.planning.memory.shapes import Kind, Matrix, Shards
from llminfra.planning.memory.weights.layer_parts import layer_parts
from llminfra.planning.memory.weights.module_names import scheme_for


class QuantizedPart(Struct, frozen=True):
    """Matrices of one kind in one scheme.

    Attributes:
        scheme: How they are stored.
        experts: Routed experts; else any other matrix of a layer.
        gated: Experts whose first product has a gate beside it; true of all others.
    """

    scheme: WeightScheme
    experts: bool
    gated: bool


@lru_cache(maxsize=1024)
def quantized_parts(facts: ModelFacts, quant: QuantFacts) -> tuple[QuantizedPart, ...]:
    """Every kind of quantized matrix in the layers of a model, each once; towers, head and drafting layers aside.

    Args:
        facts: The model.
        quant: Quantization in force.
    """
    found: dict[QuantizedPart, None] = {}
    seen: set[Layer] = set()
    by_index = any(
        "layers." in name for name in (*quant.ignore, *(item for rule in quant.rules for item in rule.targets))
    )
    for index, layer in enumerate(facts.layers):
        if layer in seen and not by_index:
            continue
        seen.add(layer)
        for part in layer_parts(layer, facts.hidden_size, Shards()):
            if not isinstance(part, Matrix) or not part.quantizable:
                continue
            experts = part.kind is Kind.EXPERTS
            scheme = scheme_for(quant, part.names, index, experts=experts)
            if scheme is not None:
                found[QuantizedPart(scheme, experts, not part.ungated)] = None
    return tuple(found)
