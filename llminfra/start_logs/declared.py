"""What runs beside what is declared: settings of a start that are not those of an endpoint's plan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from llminfra.planning.memory.releases.engine_profile import parse_version
from llminfra.planning.memory.releases.settings import TGI_QUANTIZATIONS
from llminfra.start_logs.case import catalog_name

if TYPE_CHECKING:
    from llminfra.planning.memory import FitResult
    from llminfra.planning.plan import Plan
    from llminfra.planning.plan.serving import ServingPlan
    from llminfra.start_logs.record import StartLog

_SETTINGS = ("tensor_parallel", "pipeline_parallel", "data_parallel", "max_model_len", "max_num_seqs",
             "max_num_batched_tokens", "gpu_memory_utilization", "kv_cache_dtype", "dtype")  # fmt: skip
_HALF = {"half": "float16", "float": "float32"}
"""Short names that vLLM prints for types (vllm/utils/torch_utils.py)."""


class Differs(Struct, frozen=True, kw_only=True):
    """A setting that is not as declared.

    Attributes:
        name: Key of a case.
        runs: Value in the log.
        declared: Value in the plan.
        line: Of the log, from 1.
    """

    name: str
    runs: Any
    declared: Any
    line: int


def served_by(plans: Sequence[Plan], log: StartLog, name: str | None) -> tuple[tuple[str, ServingPlan], ...]:
    """Endpoints and jobs that a log may be of, each with its path: those called ``name``, else those of its model."""
    served = [item for plan in plans for item in plan.served]
    if name is not None:
        return tuple(item for item in served if name in (item[0], item[0].partition(".")[2], item[1].served_name))
    if len(served) == 1:
        return tuple(served)
    stated = log.inputs.get("model")
    model = catalog_name(str(stated.value)) if stated is not None else None
    return tuple(item for item in served if model is not None and item[1].model_id == model)


def differences(log: StartLog, planned: FitResult) -> tuple[Differs, ...]:
    """Settings that the log states and the plan has otherwise; what either leaves open is none."""
    found = [_setting(log, planned, name) for name in _SETTINGS]
    if log.engine == "tgi":
        found += [_quantization(log, planned), _longest_prompt(log, planned)]
    return tuple(item for item in (_engine(log, planned), *found) if item is not None)


def _engine(log: StartLog, planned: FitResult) -> Differs | None:
    stated = log.inputs.get("engine_version")
    if planned.engine not in (None, log.engine):
        return Differs(name="engine", runs=log.engine, declared=planned.engine, line=stated.line if stated else 1)
    runs = parse_version(str(stated.value)) if stated is not None else None
    declared = parse_version(planned.engine_version)
    if stated is None or runs is None or declared is None or runs == declared:
        return None
    if log.releases is not None:
        first, last = (parse_version(release) for release in log.releases)
        if first is not None and last is not None and first <= declared <= last:
            return None
    return Differs(name="engine_version", runs=stated.value, declared=planned.engine_version, line=stated.line)


def _setting(log: StartLog, planned: FitResult, name: str) -> Differs | None:
    stated, declared = log.inputs.get(name), getattr(planned, name)
    if stated is None or declared is None:
        return None
    runs = _HALF.get(str(stated.value), stated.value)
    if name == "kv_cache_dtype" and {str(runs), str(declared)} <= {"auto", str(planned.dtype)}:
        return None
    return None if runs == declared else Differs(name=name, runs=runs, declared=declared, line=stated.line)


def _quantization(log: StartLog, planned: FitResult) -> Differs | None:
    """``--quantize`` of TGI, of which several words are one method; what the checkpoint has is stated nowhere."""
    stated = log.inputs.get("quantization")
    if stated is None:
        return None
    method = "bitsandbytes" if stated.value in TGI_QUANTIZATIONS else stated.value
    declared = planned.quantization or "none"
    return None if method == declared else Differs(name="quantization", runs=stated.value, declared=declared,
                                                   line=stated.line)  # fmt: skip


def _longest_prompt(log: StartLog, planned: FitResult) -> Differs | None:
    """A plan leaves one token of a request's length for its answer (engines/tgi.py)."""
    stated, length = log.inputs.get("max_input_tokens"), planned.max_model_len
    if stated is None or length is None or stated.value == length - 1:
        return None
    return Differs(name="max_input_tokens", runs=stated.value, declared=length - 1, line=stated.line)
