"""Memory at start-up: weights, cache, overheads and the engine's verdict."""

from llminfra.planning.memory.estimate import estimate, fit_case
from llminfra.planning.memory.inputs.case import FitCase, FitResult
from llminfra.planning.memory.lines import fit_jsonl, fit_line
from llminfra.planning.memory.weights.divisibility import ShapeFinding, divisibility_findings

__all__ = [
    "FitCase",
    "FitResult",
    "ShapeFinding",
    "divisibility_findings",
    "estimate",
    "fit_case",
    "fit_jsonl",
    "fit_line",
]
