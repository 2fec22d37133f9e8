"""JSON lines in, JSON lines out: one case a line, one result a line, in order."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from pydantic import ValidationError

from llminfra.planning.memory.case import FitCase, FitResult
from llminfra.planning.memory.estimate import fit_case


def fit_jsonl(lines: Iterable[str]) -> Iterator[str]:
    """One result for every line that is not blank; a line that is no case gives a result with ``error``."""
    for line in lines:
        if line.strip():
            yield fit_line(line).model_dump_json()


def fit_line(line: str) -> FitResult:
    """Result of one JSON line."""
    try:
        data = json.loads(line)
    except ValueError as error:
        return FitResult(reason=f"LLM_FIT_9: not JSON: {error}", error=f"not JSON: {error}")
    if not isinstance(data, dict):
        text = f"a case is a JSON object, got {type(data).__name__}"
        return FitResult(reason=f"LLM_FIT_9: {text}", error=text)
    name, identity = data.get("model"), data.get("id")
    model = name if isinstance(name, str) else ""
    row = identity if isinstance(identity, str) else None
    try:
        case = FitCase.model_validate(data)
    except ValidationError as error:
        text = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        return FitResult(id=row, model=model, reason=f"LLM_FIT_9: {text}", error=text)
    try:
        return fit_case(case)
    except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
        # A config.json of a shape nobody foresaw must not stop the lines after it.
        text = f"cannot compute: {type(error).__name__}: {error}"
        return FitResult(id=row, model=model, reason=f"LLM_FIT_9: {text}", error=text)
