"""What a rule or a data source may look at: the resource at hand, the world, and where the provider points."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from llminfra.rehearsal.provider.values import UNKNOWN, Path, State, find
from llminfra.rehearsal.world import Stored, WorldStore


@dataclass(frozen=True, slots=True)
class Place:
    """Account and region of a provider instance."""

    region: str
    account: str
    default_tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def partition(self) -> str:
        """The second part of every ARN here."""
        if self.region.startswith("cn-"):
            return "aws-cn"
        return "aws-us-gov" if self.region.startswith("us-gov-") else "aws"

    @property
    def dns_suffix(self) -> str:
        """The end of service names here."""
        return "amazonaws.com.cn" if self.region.startswith("cn-") else "amazonaws.com"


@dataclass(frozen=True, slots=True)
class Subject:
    """A resource under examination.

    Attributes:
        type_name: Terraform's type.
        state: Its configuration, plan or state; unknown values are ``UNKNOWN``.
    """

    type_name: str
    state: State

    def get(self, name: str) -> Any:
        """A top-level attribute; ``None`` where it is null or not known yet."""
        value = self.state.get(name)
        return None if value is UNKNOWN else value

    def text(self, name: str) -> str:
        """A top-level string, empty where null or unknown."""
        value = self.get(name)
        return value if isinstance(value, str) else ""

    def number(self, name: str) -> float | None:
        """A top-level number."""
        value = self.get(name)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

    def items(self, name: str) -> list[Any]:
        """A top-level list, set or block as a list, without unknown members."""
        value = self.get(name)
        if value is None:
            return []
        return [item for item in (value if isinstance(value, list) else [value]) if item is not UNKNOWN]

    def known(self, dotted: str) -> Iterator[tuple[Path, Any]]:
        """Every known, non-null value at a dotted path."""
        for path, value in find(self.state, dotted):
            if value is not None and value is not UNKNOWN:
                yield path, value

    def is_unknown(self, name: str) -> bool:
        """Whether the attribute is known only after the apply."""
        return self.state.get(name) is UNKNOWN


@dataclass(frozen=True, slots=True)
class Scene:
    """The world around a call."""

    world: WorldStore
    place: Place

    def find(self, type_names: Iterable[str], attribute: str, value: str) -> Stored | None:
        """The object of one of the types whose attribute has the value."""
        for item in self.world.all(*type_names):
            if item.attributes.get(attribute) == value or (attribute == "id" and item.key == value):
                return item
        return None

    def vpc_of_subnet(self, subnet_id: str) -> str:
        """The VPC of a subnet, empty where the subnet does not exist."""
        found = self.find(("aws_subnet",), "id", subnet_id)
        return str(found.attributes.get("vpc_id") or "") if found else ""
