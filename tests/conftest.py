"""What holds for every test."""

import os

import pytest
from hypothesis import HealthCheck, settings

from tests.helpers.synthesized import Synthesized, run_folder, synthesize_once

# Examples by hypothesis have no clock, because speed is measured in benchmarks/.
settings.register_profile("llminfra", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("llminfra")

# A platform that was compiled before, perhaps by other code at the same time of change, would prove nothing.
os.environ["LLMINFRA_SYNTH_CACHE"] = "off"


@pytest.fixture(scope="session")
def synthesized(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    """What a spec of this repository is synthesized to, by its path; copy it before changing."""
    return synthesize_once(run_folder(tmp_path_factory) / "synthesized")
