"""What the rehearsal tells its provider process, as one JSON file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REGISTRIES = ("registry.terraform.io", "registry.opentofu.org")
SETTINGS_VARIABLE = "LLMINFRA_REHEARSAL_SETTINGS"


@dataclass(frozen=True, slots=True)
class Settings:
    """One rehearsal's provider settings.

    Attributes:
        world: The world's file.
        databases: Schema cache file per provider.
        resources: Resource types to serve, per provider.
        data_sources: Data source types to serve, per provider.
        account: Account id that the provider reports.
        region: Region of a provider block without one.
        directories: Working directories of the stacks: a chart's path is relative to its stack's.
        states: State file per working directory, of the stacks whose state is served.
        faults: Fault plan in JSON form, or ``None``.
    """

    world: Path
    databases: dict[str, Path]
    resources: dict[str, tuple[str, ...]]
    data_sources: dict[str, tuple[str, ...]]
    account: str
    region: str
    directories: tuple[str, ...]
    states: dict[str, Path]
    faults: dict[str, Any] | None = None

    def write(self, path: Path) -> None:
        """Write the file."""
        data = {
            "world": str(self.world),
            "databases": {name: str(item) for name, item in self.databases.items()},
            "resources": self.resources,
            "data_sources": self.data_sources,
            "account": self.account,
            "region": self.region,
            "directories": self.directories,
            "states": {name: str(item) for name, item in self.states.items()},
            "faults": self.faults,
        }
        path.write_text(json.dumps(data, indent=1), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Settings:
        """Read the file."""
        data = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            world=Path(data["world"]),
            databases={name: Path(item) for name, item in data["databases"].items()},
            resources={name: tuple(items) for name, items in data["resources"].items()},
            data_sources={name: tuple(items) for name, items in data["data_sources"].items()},
            account=data["account"],
            region=data["region"],
            directories=tuple(data["directories"]),
            states={name: Path(item) for name, item in data["states"].items()},
            faults=data["faults"],
        )
