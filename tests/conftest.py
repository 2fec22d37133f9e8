"""What holds for every test."""

import os

from hypothesis import HealthCheck, settings

# Examples by hypothesis have no clock, because speed is measured in benchmarks/.
settings.register_profile("llminfra", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("llminfra")

# A platform that was compiled before, perhaps by other code at the same time of change, would prove nothing.
os.environ["LLMINFRA_SYNTH_CACHE"] = "off"
