"""What the stacks say exists already: objects that a data source looks up by a literal id or name."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from llminfra.planning.plan.labels import PLATFORM_TAG
from llminfra.rehearsal.namespaces import NAMESPACE, assumed_namespaces, namespace_names
from llminfra.rehearsal.stacks import Stack
from llminfra.rehearsal.world import WorldObject, WorldStore

# Data source -> the argument whose literal value names one object.
_NAMED_BY: Mapping[str, str] = {
    "aws_vpc": "id",
    "aws_subnet": "id",
    "aws_security_group": "id",
    "aws_route_table": "route_table_id",
    "aws_s3_bucket": "bucket",
    "aws_iam_role": "name",
    "aws_kms_key": "key_id",
    "aws_kms_alias": "name",
    "aws_eks_cluster": "name",
    "aws_secretsmanager_secret": "name",
    "aws_ecr_repository": "name",
    "aws_route53_zone": "zone_id",
    "aws_acm_certificate": "domain",
    "aws_lb": "name",
}
MADE_WITH = "_made_with"
"""Attribute of what AWS makes along with another object, which nobody names."""
GIVEN_ID = "_given_id"
"""Type of what says which id a resource gets, by its type and platform."""
_NETWORK_OF_PLATFORM = ".outputs.vpc_id}"
_VERSION = re.compile(r'self\.version == "(?P<version>[\d.]+)"')
_REFERENCE = re.compile(r"^\$\{data\.(?P<type>\w+)\.(?P<name>[\w-]+)\.(?P<attribute>\w+)\}$")


def assumed_objects(stacks: Collection[Stack]) -> tuple[WorldObject, ...]:
    """Objects that data sources of the stacks name; nobody but the account's owner can know whether they exist."""
    made = {
        str(block.get(_NAMED_BY[kind]))
        for stack in stacks
        for kind, blocks in stack.content.get("resource", {}).items()
        if kind in _NAMED_BY
        for block in blocks.values()
    }
    found: dict[tuple[str, str], WorldObject] = {}
    blocks = [block for stack in stacks for block in stack.content.get("data", {}).get("aws_vpc", {}).values()]
    networks = tuple(dict.fromkeys(str(block["id"]) for block in blocks if "id" in block))
    given = tuple(_given_ids(stacks))
    made |= {str(item.attributes["id"]) for item in given}
    for stack in stacks:
        for item in _of_stack(stack, networks):
            if item.id not in made:
                found.setdefault((item.type_name, item.id), item)
    return (*found.values(), *given, *assumed_namespaces(stacks))


def completed(listed: Collection[WorldObject], stacks: Collection[Stack]) -> tuple[WorldObject, ...]:
    """What somebody lists as there, with the attributes that the stacks read and that the list leaves out.

    What is listed with other attributes than a stack expects keeps its own.
    """
    assumed = {(item.type_name, item.id): item for item in assumed_objects(stacks)}
    whole = []
    for item in listed:
        known = assumed.get((item.type_name, item.id))
        named = namespace_names(item.id) if item.type_name == NAMESPACE else {}
        attributes = {**named, **(known.attributes if known is not None else {}), **item.attributes}
        whole.append(WorldObject(item.type_name, item.id, attributes, item.region or (known.region if known else "")))
    there = {f"{item.type_name}/{item.id}" for item in listed}
    made_along = [
        item for item in assumed.values() if item.type_name == GIVEN_ID or item.attributes.get(MADE_WITH) in there
    ]
    return (*whole, *made_along)


def _given_ids(stacks: Collection[Stack]) -> Iterator[WorldObject]:
    """Ids that specs name of what another platform of the rehearsal makes: they know it since it was made.

    The network of a platform whose cluster is made here is that of who makes the cluster.
    """
    clusters = {
        str(block.get("name")): stack
        for stack in stacks
        for block in stack.content.get("resource", {}).get("aws_eks_cluster", {}).values()
    }
    by_name = {stack.name: stack for stack in stacks}
    for stack in stacks:
        for block in stack.content.get("data", {}).get("aws_eks_cluster", {}).values():
            maker = clusters.get(str(block.get("name")))
            needed = [by_name[name] for name in stack.dependencies if name in by_name] if maker is not None else []
            for network in needed:
                for named in network.content.get("data", {}).get("aws_vpc", {}).values():
                    yield WorldObject(GIVEN_ID, f"aws_vpc/{maker.platform if maker else ''}", {"id": str(named["id"])})


def given_id(world: WorldStore, type_name: str, state: Mapping[str, Any]) -> str:
    """The id that specs name of a resource that is made; empty: none does."""
    tags = state.get("tags_all")
    platform = tags.get(PLATFORM_TAG) if isinstance(tags, Mapping) else None
    found = world.get(GIVEN_ID, f"{type_name}/{platform}") if isinstance(platform, str) else None
    return str(found.attributes["id"]) if found is not None else ""


def _cluster(name: str, block: Mapping[str, Any], networks: tuple[str, ...]) -> dict[str, Any]:
    """A cluster as the spec says that it is: of the version that is asserted, in the one network that is there."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    asserted = json.dumps(block.get("lifecycle", {})).replace("\\", "")
    version = _VERSION.search(asserted)
    return {
        **({"version": version["version"]} if version else {}),
        "endpoint": f"https://{digest[:32].upper()}.gr7.eks.amazonaws.com",
        "certificate_authority": [{"data": "cmVoZWFyc2Fs"}],
        "access_config": [{"authentication_mode": "API_AND_CONFIG_MAP"}],
        "identity": [{"oidc": [{"issuer": f"https://oidc.eks.amazonaws.com/id/{digest[:32].upper()}"}]}],
        "vpc_config": [
            {"vpc_id": networks[0] if len(networks) == 1 else "", "cluster_security_group_id": f"sg-{digest[:17]}"}
        ],
    }


def _of_stack(stack: Stack, networks: tuple[str, ...]) -> Iterator[WorldObject]:
    data = stack.content.get("data", {})
    for kind, argument in _NAMED_BY.items():
        for block in data.get(kind, {}).values():
            resolved = {key: _resolved(value, data) for key, value in block.items() if not key.startswith("/")}
            if str(resolved.get("vpc_id")).endswith(_NETWORK_OF_PLATFORM) and len(networks) == 1:
                resolved["vpc_id"] = networks[0]
            identifier = resolved.get(argument)
            if isinstance(identifier, str) and "${" not in identifier:
                attributes = {
                    key: value for key, value in resolved.items() if isinstance(value, str) and "${" not in value
                }
                region = attributes.pop("region", "")
                known = _cluster(identifier, block, networks) if kind == "aws_eks_cluster" else {}
                if kind == "aws_kms_key" and identifier.startswith("arn:"):
                    known = {"arn": identifier}  # by which a cluster names it
                yield WorldObject(kind, identifier, {**known, **attributes, "id": identifier}, region)
                for group in known.get("vpc_config", ()):
                    made = f"{kind}/{identifier}"
                    held = {"id": group["cluster_security_group_id"], "vpc_id": group["vpc_id"], MADE_WITH: made}
                    yield WorldObject("aws_security_group", held["id"], held, region)


def _resolved(value: Any, data: Mapping[str, Any]) -> Any:
    """A reference to another data source's literal argument, followed."""
    match = _REFERENCE.match(value) if isinstance(value, str) else None
    if match is None:
        return value
    return data.get(match["type"], {}).get(match["name"], {}).get(match["attribute"], value)
