"""Which engines' releases reach the memory model."""

import pytest

from llminfra import TGI, VLLM, SGLang
from llminfra.catalog.engines import engine_release
from llminfra.planning.served.engine_settings import engine_settings


@pytest.mark.parametrize(
    ("engine", "version", "told"), [(TGI(), "3.3.7", True), (VLLM(), "0.11.0", True), (SGLang(), "0.5.9", False)]
)
def test_memory_rules_go_by_the_release_where_the_planner_tells_it(engine, version, told):
    release = engine_release(engine.kind, version)
    assert release is not None
    assert engine_settings(engine, release).memory_version == (version if told else None)


def test_a_release_that_nobody_knows_has_the_most_careful_rules():
    assert engine_settings(TGI(version="9.9.9"), None).memory_version is None
