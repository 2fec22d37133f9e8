"""What holds for every test: examples by hypothesis have no clock, because speed is measured in benchmarks/."""

from hypothesis import HealthCheck, settings

settings.register_profile("llminfra", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("llminfra")
