"""Which release an engine's version string means."""

import pytest

from llminfra.catalog.models import load_model
from llminfra.planning.memory import FitCase, fit_case
from llminfra.planning.memory.estimate import profiles_for
from llminfra.planning.memory.releases.engine_profile import day_of_commit, parse_version, resolve_version


@pytest.mark.parametrize(
    ("text", "release"),
    [
        ("0.11.0", (0, 11, 0)),
        ("v0.8.5.post1", (0, 8, 5)),
        ("0.20.2rc1.dev5+gabc", (0, 20, 2)),
        ("main of 2026-07", (0, 25, 0)),
        # Builds that count commits are what the next release brings: 0.20.0 came three days after the first of these.
        ("0.1.dev15833+g62d441ee8", (0, 20, 0)),
        ("0.1.dev18496+gd4e0675a7", (0, 27, 0)),
        ("0.1.dev20073+gabc", (0, 29, 0)),
        ("0.1.dev7", None),
        ("0.1.dev99999999", None),
        ("main", None),
        ("", None),
        (None, None),
    ],
)
def test_release_of_a_version_string(text, release):
    assert resolve_version(text) == release


def test_days_between_known_builds_are_read_off_the_pace():
    assert str(day_of_commit(18496)) == "2026-07-27"
    assert str(day_of_commit(20073)) == "2026-08-27"
    assert "2026-08-05" < str(day_of_commit(19284)) < "2026-08-20"
    assert str(day_of_commit(15833)) == "2026-04-24"
    assert "2026-06-05" < str(day_of_commit(17164)) < "2026-06-12"
    assert day_of_commit(1000) is None


def test_development_builds_are_no_release():
    assert parse_version("0.1.dev18496") is None
    assert parse_version("0.1.7") == (0, 1, 7)


@pytest.mark.parametrize(
    ("version", "use_v1", "scheduler"),
    [
        ("0.6.6", None, "v0"),
        ("0.6.6", True, "v1"),
        ("0.6.3", True, "v0"),
        ("0.8.5", None, "v1"),
        ("0.8.5", False, "v0"),
        ("0.10.0", False, "v0"),
        ("0.11.0", False, "v1"),
    ],
)
def test_engine_that_the_variable_asks_for(version, use_v1, scheduler):
    case = FitCase(model="Qwen/Qwen2.5-7B-Instruct", engine_version=version, use_v1=use_v1)
    assert [item.scheduler for item, _ in profiles_for(load_model(case.model), case)] == [scheduler]


def test_engine_that_is_asked_for_where_no_release_is_named():
    case = FitCase(model="Qwen/Qwen2.5-7B-Instruct", use_v1=False)
    assert {item.scheduler for item, _ in profiles_for(load_model(case.model), case)} == {"v0"}
    # A model that came with 0.8 or later has no V0 rules to fall back on.
    newer = FitCase(model="Qwen/Qwen3-Next-80B-A3B-Instruct", use_v1=False)
    assert {item.scheduler for item, _ in profiles_for(load_model(newer.model), newer)} == {"v1"}


def test_v0_as_measured_on_an_a10g():
    # vllm-project/vllm#15360: 4,741 blocks in 0.8.1 on V0, where V1 would find nothing left.
    case = {"model": "Qwen/Qwen2.5-7B-Instruct", "gpu": "A10G-24GB", "total_gpu_gib": 21.99, "engine_version": "0.8.1"}
    found = fit_case(FitCase(**case, max_model_len=6600, gpu_memory_utilization=0.9, use_v1=False))
    assert found.kv_cache_tokens == pytest.approx(4741 * 16, rel=0.05)
