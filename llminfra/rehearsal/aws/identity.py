"""Ids, ARNs and other values that AWS chooses when a resource is created."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from llminfra.rehearsal.aws.scene import Scene
from llminfra.rehearsal.provider.values import UNKNOWN, Path, State, is_known

_FIELD = re.compile(r"\{\{|\}\}|\{(?P<name>[a-z_0-9.]+)\}")
_RANDOM = re.compile(r"^(?P<kind>hex|digits|alnum|upper)(?P<length>\d+)$")
_ALPHABETS = {
    "hex": "0123456789abcdef",
    "digits": "0123456789",
    "alnum": "0123456789abcdefghijklmnopqrstuvwxyz",
    "upper": "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
}
_GENERIC_ARN = "arn:{partition}:{service}:{region}:{account}:{kind}/{id}"
_CA_PEM = "-----BEGIN CERTIFICATE-----\nc2ltdWxhdGVkIGJ5IGxsbWluZnJhIHJlaGVhcnNl\n-----END CERTIFICATE-----\n"


@dataclass(frozen=True, slots=True)
class Identity:
    """What is known about naming a resource type.

    Attributes:
        id: Template of the id.
        arn: Template of the ARN; empty where the type has none.
        key: Template of what must be unique; empty: the id.
        taken: What AWS says when the key is taken; empty for a generic sentence.
        everywhere: Unique across regions.
        values: Templates or values of computed attributes, by dotted path.
    """

    id: str
    arn: str = ""
    key: str = ""
    taken: str = ""
    everywhere: bool = False
    values: Mapping[str, Any] | None = None


@cache
def identities() -> Mapping[str, Identity]:
    """The table in ``data/identities.json``."""
    data = json.loads(files("llminfra.rehearsal.aws").joinpath("data", "identities.json").read_bytes())
    return {
        name: Identity(
            id=row["id"],
            arn=row.get("arn", ""),
            key=row.get("key", ""),
            taken=row.get("taken", ""),
            everywhere=row.get("global", False),
            values=row.get("values", {}),
        )
        for name, row in data["types"].items()
    }


def identity_of(type_name: str) -> Identity:
    """The type's row, or a plausible one for a type that the table lacks."""
    found = identities().get(type_name)
    if found is not None:
        return found
    service, _, kind = type_name.removeprefix("aws_").partition("_")
    arn = _GENERIC_ARN.replace("{service}", service).replace("{kind}", kind.replace("_", "-") or service)
    return Identity(id=f"{type_name.removeprefix('aws_').replace('_', '-')}-{{hex17}}", arn=arn)


class Namer:
    """Fills templates for one new resource. Random parts depend on the resource alone, so ids repeat run after run."""

    def __init__(self, scene: Scene, type_name: str, state: State, salt: int = 0, given_id: str = "") -> None:
        self._scene = scene
        self._type = type_name
        self._state = state
        self._identity = identity_of(type_name)
        self._seed = hashlib.sha256(
            json.dumps([type_name, scene.place.region, _stable(state), salt], sort_keys=True).encode()
        ).hexdigest()
        self._uses: dict[str, int] = {}
        self._memo: dict[str, str] = {"id": given_id} if given_id else {}

    @property
    def identity(self) -> Identity:
        """The type's row."""
        return self._identity

    def id(self) -> str:
        """The id."""
        return self._once("id", self._identity.id)

    def arn(self) -> str:
        """The ARN."""
        return self._once("arn", self._identity.arn)

    def key(self) -> str:
        """What must be unique."""
        return self._once("key", self._identity.key) if self._identity.key else self.id()

    def taken(self) -> str:
        """AWS's words for a key that is in use."""
        return self.fill(self._identity.taken) if self._identity.taken else f"AlreadyExists: {self.id()} already exists"

    def value(self, dotted: str) -> Any:
        """The computed value of a path, or ``UNKNOWN`` where the table has none."""
        values = self._identity.values or {}
        return self._deep(values[dotted]) if dotted in values else UNKNOWN

    def fill(self, template: str) -> str:
        """A template with its fields filled."""
        return _FIELD.sub(lambda match: self._field(match["name"]) if match["name"] else match[0][0], template)

    def random(self, kind: str, length: int, purpose: str = "") -> str:
        """Letters of an alphabet, the same for the same resource and purpose."""
        alphabet = _ALPHABETS[kind]
        digest = hashlib.sha512(f"{self._seed}|{kind}|{purpose}".encode()).digest()
        return "".join(alphabet[byte % len(alphabet)] for byte in (digest * (length // 64 + 1))[:length])

    def _once(self, name: str, template: str) -> str:
        if name not in self._memo:
            self._memo[name] = ""  # an id that refers to the ARN, and the other way round, ends here
            self._memo[name] = self.fill(template)
        return self._memo[name]

    def _deep(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.fill(value)
        if isinstance(value, list):
            return [self._deep(item) for item in value]
        if isinstance(value, dict):
            return {key: self._deep(item) for key, item in value.items()}
        return value

    def _field(self, name: str) -> str:
        place = self._scene.place
        fixed = {
            "region": place.region,
            "account": place.account,
            "partition": place.partition,
            "dns_suffix": place.dns_suffix,
        }
        if name in fixed:
            return fixed[name]
        if name in ("id", "arn") and self._state.get(name) in (None, UNKNOWN):
            return self.id() if name == "id" else self.arn()
        if match := _RANDOM.match(name):
            return self.random(match["kind"], int(match["length"]), name)
        special = self._special(name)
        return self._attribute(name) if special is None else special

    def _special(self, name: str) -> str | None:
        if name == "uuid":
            digits = self.random("hex", 32, "uuid")
            return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:32]}"
        if name == "octet":
            return str(int(self.random("hex", 2, "octet"), 16) % 253 + 1)
        if name == "ca_data":
            return base64.b64encode(_CA_PEM.encode()).decode()
        if name == "path" and self._type.startswith("aws_iam_"):
            return self._attribute(name) or "/"  # the provider's default
        if name == "zone_id":
            zone = self._attribute("availability_zone") or f"{self._scene.place.region}a"
            return zone_id(zone)
        if name == "vpc_of_subnet":
            subnets = self._state.get("subnet_ids") or self._state.get("subnets") or []
            return self._scene.vpc_of_subnet(str(subnets[0])) if isinstance(subnets, list) and subnets else ""
        return None

    def _attribute(self, name: str) -> str:
        value: Any = self._state
        for part in name.split("."):
            if isinstance(value, list):
                value = value[0] if value else None
            value = value.get(part) if isinstance(value, dict) else None
        if value is UNKNOWN or value is None:
            filled = self.value(name)
            return "" if filled is UNKNOWN or filled is None else str(filled)
        if isinstance(value, list):
            return ",".join(str(item) for item in value)
        text = str(value)
        return text.removeprefix("https://") if name == "url" else text


_SWAPPED = {"us-east-1": {"c": "e", "e": "c"}, "us-west-1": {"b": "c", "c": "b"}}


def zone_id(zone: str) -> str:
    """An availability zone's id such as ``use1-az1`` for its name; letters differ from account to account.

    Here, zones that EKS refuses have the last letters, as us-east-1e has in many accounts.
    """
    region, letter = zone[:-1], zone[-1:] or "a"
    letter = _SWAPPED.get(region, {}).get(letter, letter)
    parts = region.split("-")
    area = "".join(
        word[0] for word in parts[1:-1] for word in re.findall(r"north|south|east|west|central", word) or [word]
    )
    return f"{parts[0]}{area}{parts[-1]}-az{ord(letter) - ord('a') + 1}"


def generic_value(path: Path, kind: Any, namer: Namer) -> Any:
    """A value of the right type for a computed attribute that no table describes."""
    if kind == "string":
        if len(path) > 1:
            return ""  # what the provider stores for an unset argument of a block
        return _generic_text(str(path[-1]), namer)
    if kind == "number":
        return 0
    if kind == "bool":
        return False
    if isinstance(kind, list) and kind[0] in ("list", "set"):
        return []
    if isinstance(kind, list) and kind[0] == "map":
        return {}
    return None


def _generic_text(name: str, namer: Namer) -> str:
    endings: Iterable[tuple[str, str]] = (
        ("owner_id", "{account}"),
        ("account_id", "{account}"),
        ("_arn", "arn:{partition}:unknown:{region}:{account}:" + name.removesuffix("_arn") + "/{hex17}"),
        ("dns_name", "{hex17}.{region}.{dns_suffix}"),
        ("endpoint", "https://{hex17}.{region}.{dns_suffix}"),
        ("_at", "2025-01-01T00:00:00Z"),
        ("_date", "2025-01-01T00:00:00Z"),
        ("_time", "2025-01-01T00:00:00Z"),
        ("status", "ACTIVE"),
        ("state", "available"),
        ("version_id", "{hex32}"),
    )
    for ending, template in endings:
        if name.endswith(ending):
            return namer.fill(template)
    return ""


def _stable(value: Any) -> Any:
    """The part of a state that a second run plans alike."""
    if value is UNKNOWN:
        return None
    if isinstance(value, dict):
        return {key: _stable(item) for key, item in value.items() if is_known(item)}
    if isinstance(value, list):
        return [_stable(item) for item in value]
    return value
