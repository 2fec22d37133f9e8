"""JSON lines in, JSON lines out: one case a line, one result a line, in order."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from pydantic import ValidationError

from llminfra.catalog.models import ModelConfigError
from llminfra.planning.memory.doubts import with_doubts
from llminfra.planning.memory.estimate import facts_for, fit_case
from llminfra.planning.memory.inputs.case import FitCase, FitResult
from llminfra.planning.memory.inputs.input_words import Literal, identity
from llminfra.planning.memory.inputs.keys import misnamed, renamed
from llminfra.planning.memory.inputs.refused import refusals, shown


def fit_jsonl(lines: Iterable[str | bytes]) -> Iterator[str]:
    """One result for every line that is not blank; a line that is no case gives a result with ``error``.

    Bytes are read as UTF-8, so that one bad byte spoils its own line and none else.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        result = _fit(line)
        if result.error is not None:
            result = result.model_copy(update={"error": f"line {number}: {result.error}"})
        yield _written(result)


def _written(result: FitResult) -> str:
    try:
        return result.model_dump_json()
    except ValueError:
        # JSON may name half of a surrogate pair, which no UTF-8 can hold.
        named = {"id": _text(result.id), "model": _text(result.model), "error": _text(result.error)}
        return result.model_copy(update={**named, "reason": _text(result.reason), "explain": ()}).model_dump_json()


def fit_line(line: str) -> FitResult:
    """Result of one JSON line."""
    return _fit(line)


def _fit(line: str | bytes) -> FitResult:
    try:
        text = line.decode("utf-8-sig") if isinstance(line, bytes) else line
        data = json.loads(text, parse_float=Literal)
    except UnicodeDecodeError as error:
        return _unread(f"not UTF-8: {error.reason} at byte {error.start + 1}")
    except (ValueError, RecursionError) as error:
        return _unread(f"not JSON: {error}; the line begins with {_start(text)}")
    if not isinstance(data, dict):
        such = 'such as {"model": "Qwen/Qwen3-8B", "gpu": "L4"}'
        return _unread(f"a case is a JSON object {such}, and this is {_start(text)}")
    model, row = _text(data.get("model")) or "", identity(data.get("id"))
    try:
        data = renamed(data)
        wrong = [text for text in (misnamed(data),) if text]
        try:
            case = FitCase.model_validate(data)
        except ValidationError as error:
            wrong += refusals(error.errors())
        if wrong:
            return _unread("; ".join(wrong), row, model)
    except ValueError as error:
        return _unread(str(error), row, model)
    try:
        case = _as_started(case)
        return with_doubts(case, fit_case(case))
    except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        # A config.json of a shape nobody foresaw must not stop the lines after it.
        return _unread(f"cannot compute: {type(error).__name__}: {error}", row, model)


def _as_started(case: FitCase) -> FitCase:
    """A reranker that is one by its name alone, as vLLM starts it unless it is told otherwise: as a generator.

    vLLM goes by the class of ``config.json`` and by the files of sentence-transformers (``_get_runner_type`` of
    ``vllm/config/model.py``), and a row that does not say ``task`` is mostly of a start that did not say it either. A
    generator has head and sampler, so less is left for its cache.
    """
    if case.task is not None or case.engine != "vllm" or "rerank" not in f"{case.model} {case.config_ref}".lower():
        return case
    try:
        facts = facts_for(case)
    except ModelConfigError:
        return case
    if facts is None or facts.task != "rerank" or not facts.architecture.endswith("ForCausalLM"):
        return case
    return case.model_copy(update={"task": "generate"})


def _start(line: str) -> str:
    """The start of a line as it stands there."""
    text = line.strip()
    return shown(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…", str)


_SHOWN = 60


def _unread(text: str, row: str | None = None, model: str = "") -> FitResult:
    """No rule is broken here, so the reason carries no code."""
    return FitResult(id=row, model=model, reason=text, error=text)


def _text(value: object) -> str | None:
    """Text, or a number as text, that JSON can hold; half a surrogate pair cannot be written."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return str(value).encode("utf-8", "replace").decode("utf-8")
