"""What a simulated provider does, and how it reports problems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from llminfra.rehearsal.provider.values import Path, State
from llminfra.rehearsal.schema.model import ProviderSchema


@dataclass(frozen=True, slots=True)
class Problem:
    """One diagnostic of a provider.

    Attributes:
        summary: First line; for a refused call the service's own words where they are known.
        detail: What was found and what would work.
        path: The attribute it is about; empty for the whole resource.
        severity: A warning does not stop Terraform.
    """

    summary: str
    detail: str = ""
    path: Path = ()
    severity: Literal["error", "warning"] = "error"


@dataclass(frozen=True, slots=True)
class Planned:
    """Answer to a plan: the state to come, paths that force a replacement, and problems."""

    state: State | None
    replace: tuple[Path, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Applied:
    """Answer to an apply or a read.

    A create that fails late returns both a state and an error: Terraform marks the resource tainted, as in AWS.
    """

    state: State | None
    problems: tuple[Problem, ...] = ()
    key: str = ""


@dataclass(frozen=True, slots=True)
class Session:
    """One configured provider instance; ``values`` is what ``configure`` made of the configuration."""

    values: Mapping[str, Any] = field(default_factory=dict)


class SimulatedProvider(Protocol):
    """A provider without its cloud."""

    @property
    def schema(self) -> ProviderSchema:
        """What it serves."""

    def validate_provider(self, config: State) -> Sequence[Problem]:
        """Problems of the provider block."""

    def configure(self, config: State) -> tuple[Session, Sequence[Problem]]:
        """Take the provider block."""

    def validate_resource(self, type_name: str, config: State) -> Sequence[Problem]:
        """Problems visible without any state."""

    def validate_data(self, type_name: str, config: State) -> Sequence[Problem]:
        """Problems of a data block."""

    def plan(
        self, session: Session, type_name: str, prior: State | None, proposed: State | None, config: State
    ) -> Planned:
        """Plan a create, an update or a delete."""

    def create(self, session: Session, type_name: str, planned: State, config: State) -> Applied:
        """Create what was planned."""

    def update(
        self, session: Session, type_name: str, key: str, prior: State, planned: State, config: State
    ) -> Applied:
        """Change in place."""

    def delete(self, session: Session, type_name: str, key: str, prior: State) -> Sequence[Problem]:
        """Remove."""

    def read(self, session: Session, type_name: str, key: str, state: State) -> Applied:
        """What is there now; state ``None`` where it is gone."""

    def read_data(self, session: Session, type_name: str, config: State) -> Applied:
        """Answer a data source."""

    def import_state(self, session: Session, type_name: str, identifier: str) -> Applied:
        """Adopt what exists."""
