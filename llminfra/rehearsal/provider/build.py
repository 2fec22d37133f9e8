"""Make a simulated provider from the settings."""

from __future__ import annotations

from pathlib import Path

from llminfra.rehearsal.faults import FaultInjector, FaultPlan
from llminfra.rehearsal.provider.contract import SimulatedProvider
from llminfra.rehearsal.provider.settings import Settings
from llminfra.rehearsal.schema import cache
from llminfra.rehearsal.world import WorldStore


def build(name: str, settings: Settings, directory: Path) -> SimulatedProvider:
    """The provider called ``aws`` or ``helm``, for stacks in a working directory."""
    schema = cache.read(
        name, settings.resources.get(name, ()), settings.data_sources.get(name, ()), settings.databases[name]
    )
    world = WorldStore(settings.world)
    faults = FaultInjector(FaultPlan.from_dict(settings.faults) if settings.faults else None, world)
    if name == "helm":
        from llminfra.rehearsal.helm_release.provider import HelmProvider  # only where it is served

        return HelmProvider(schema=schema, world=world, faults=faults, directory=directory)
    from llminfra.rehearsal.aws.provider import AwsProvider  # only where it is served

    return AwsProvider(schema=schema, world=world, account=settings.account, region=settings.region, faults=faults)
