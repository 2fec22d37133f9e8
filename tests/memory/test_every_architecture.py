"""One model of every architecture of the catalog is counted on any spread: no combination is an exception."""

import pytest

from llminfra.catalog.models import known_models, load_model
from llminfra.planning.memory import FitCase, fit_case


def _one_of_each() -> list[str]:
    first: dict[tuple[str, str], str] = {}
    for name in known_models():
        facts = load_model(name)
        if facts is not None:
            first.setdefault((facts.architecture, facts.model_type), name)
    return list(first.values())


@pytest.mark.parametrize("engine", ["vllm", "sglang", "tgi"])
@pytest.mark.parametrize(("tensor", "pipeline", "data"), [(1, 1, 1), (1, 2, 1), (2, 3, 1), (4, 1, 2), (8, 2, 1)])
def test_every_architecture_is_counted(engine: str, tensor: int, pipeline: int, data: int) -> None:
    for name in _one_of_each():
        case = FitCase(
            model=name,
            engine=engine,
            gpu="h100",
            tensor_parallel=tensor,
            pipeline_parallel=pipeline,
            data_parallel=data,
            max_model_len=2048,
        )
        result = fit_case(case)
        assert result.error is None, (name, result.error)
        assert result.fits is not None or result.reason, name
