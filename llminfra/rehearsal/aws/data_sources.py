"""Data sources, answered from the simulated world and from the catalog."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from llminfra.rehearsal.aws import policy_document
from llminfra.rehearsal.aws.identity import zone_id
from llminfra.rehearsal.aws.s3 import keys_under
from llminfra.rehearsal.aws.scene import Place, Scene, Subject
from llminfra.rehearsal.provider.contract import Problem
from llminfra.rehearsal.world import Stored

_ASSUMED_ROLE = re.compile(
    r"^arn:(?P<partition>aws[a-z-]*):sts::(?P<account>\d{12}):assumed-role/(?P<role>[^/]+)/(?P<session>.+)$"
)
Answer = tuple[dict[str, Any], list[Problem]]


def answer(scene: Scene, subject: Subject) -> Answer:
    """Attributes of a data source beyond its configuration, and problems."""
    handler = _HANDLERS.get(subject.type_name)
    if handler is not None:
        return handler(scene, subject)
    if subject.type_name in _LOOKUPS:
        return _look_up(scene, subject)
    return {}, [
        Problem(
            f"the rehearsal cannot answer {subject.type_name}",
            "its values are placeholders; what depends on them is not proved",
            (),
            "warning",
        )
    ]


def config_problems(subject: Subject) -> Iterator[Problem]:
    """What a data source refuses before it is read."""
    if subject.type_name == "aws_iam_policy_document":
        for index, item in enumerate(subject.items("statement")):
            effect = item.get("effect") if isinstance(item, dict) else None
            if isinstance(effect, str) and effect not in ("Allow", "Deny"):
                path = ("statement", index, "effect")
                yield Problem(
                    f'expected statement.{index}.effect to be one of ["Allow" "Deny"], got {effect}', "", path
                )


def _caller_identity(scene: Scene, subject: Subject) -> Answer:
    del subject
    account = scene.place.account
    arn = f"arn:{scene.place.partition}:sts::{account}:assumed-role/rehearsal/llminfra"
    return {"account_id": account, "arn": arn, "user_id": "AROAREHEARSAL0000000:llminfra", "id": account}, []


def _session_context(scene: Scene, subject: Subject) -> Answer:
    """The role behind an assumed-role session; any other principal is its own issuer."""
    del scene
    arn = subject.text("arn")
    match = _ASSUMED_ROLE.match(arn)
    if match is None:
        return {"issuer_arn": arn, "issuer_id": "", "issuer_name": "", "session_name": "", "id": arn}, []
    role = f"arn:{match['partition']}:iam::{match['account']}:role/{match['role']}"
    issuer = {"issuer_arn": role, "issuer_id": "AROAREHEARSAL0000000", "issuer_name": match["role"]}
    return {**issuer, "session_name": match["session"], "id": arn}, []


def _partition(scene: Scene, subject: Subject) -> Answer:
    del subject
    place = scene.place
    reverse = ".".join(reversed(place.dns_suffix.split(".")))
    return {
        "partition": place.partition,
        "dns_suffix": place.dns_suffix,
        "reverse_dns_prefix": reverse,
        "id": place.partition,
    }, []


def _region(scene: Scene, subject: Subject) -> Answer:
    name = subject.text("name") or subject.text("region") or scene.place.region
    suffix = scene.place.dns_suffix
    return {"name": name, "region": name, "description": name, "endpoint": f"ec2.{name}.{suffix}", "id": name}, []


def _zones(place: Place) -> tuple[str, ...]:
    from llminfra.catalog.datafile import read_data  # pydantic, only where needed

    row = read_data("regions.json")["regions"].get(place.region)
    return tuple(row["zones"]) if row else tuple(f"{place.region}{letter}" for letter in "abc")


def _availability_zones(scene: Scene, subject: Subject) -> Answer:
    excluded = set(subject.items("exclude_names"))
    wanted = [
        set(item.get("values") or ())
        for item in subject.items("filter")
        if isinstance(item, dict) and item.get("name") == "zone-name"
    ]
    names = [zone for zone in _zones(scene.place) if zone not in excluded and all(zone in values for values in wanted)]
    return {
        "names": names,
        "zone_ids": [zone_id(zone) for zone in names],
        "group_names": [scene.place.region],
        "id": scene.place.region,
    }, []


def _default_tags(scene: Scene, subject: Subject) -> Answer:
    del subject
    return {"tags": dict(scene.place.default_tags), "id": "default"}, []


def _policy_document(scene: Scene, subject: Subject) -> Answer:
    del scene
    return policy_document.render(subject)


def _managed_policy(scene: Scene, subject: Subject) -> Answer:
    arn, name = subject.text("arn"), subject.text("name")
    found = scene.find(("aws_iam_policy",), "arn" if arn else "name", arn or name)
    if found is not None:
        return _attributes(found), []
    if arn and ":iam::aws:policy/" not in arn:
        return {}, [Problem("reading IAM Policy: no matching IAM Policy found", f"arn {arn} does not exist here")]
    arn = arn or f"arn:{scene.place.partition}:iam::aws:policy/{name}"
    return {"arn": arn, "name": arn.rpartition("/")[2], "id": arn, "path": "/", "policy": "{}"}, []


def _cluster(scene: Scene, subject: Subject) -> Answer:
    found = scene.find(("aws_eks_cluster",), "name", subject.text("name"))
    if found is None:
        name = subject.text("name")
        return {}, [
            Problem(f"reading EKS Cluster ({name}): couldn't find resource", "no such cluster in the simulated world")
        ]
    return _attributes(found), []


def _cluster_auth(scene: Scene, subject: Subject) -> Answer:
    name = subject.text("name")
    problems = []
    if scene.find(("aws_eks_cluster",), "name", name) is None:
        problems.append(Problem(f"no EKS cluster {name!r} in the simulated world", "", ("name",), "warning"))
    return {"token": "k8s-aws-v1.cmVoZWFyc2Fs", "id": name}, problems


def _addon_version(scene: Scene, subject: Subject) -> Answer:
    del scene
    from llminfra.catalog.datafile import read_data  # pydantic, only where needed

    version, name = subject.text("kubernetes_version"), subject.text("addon_name")
    pinned = read_data("eks.json")["versions"].get(version, {}).get("addons", {}).get(name)
    text = pinned if isinstance(pinned, str) else "v1.0.0-eksbuild.1"
    return {"version": text, "id": name}, []


def _parameter(scene: Scene, subject: Subject) -> Answer:
    name = subject.text("name")
    found = scene.find(("aws_ssm_parameter",), "name", name)
    if found is not None:
        return _attributes(found), []
    place = scene.place
    if not name.startswith("/aws/service/"):
        return {}, [
            Problem(f"reading SSM Parameter ({name}): couldn't find resource", "no such parameter here", ("name",))
        ]
    value = _public_parameter(name)
    return {
        "value": value,
        "insecure_value": value,
        "type": "String",
        "version": 1,
        "arn": f"arn:{place.partition}:ssm:{place.region}::parameter{name}",
        "id": name,
    }, []


def _public_parameter(name: str) -> str:
    """Value of a public AWS parameter: an AMI id where the name asks for one."""
    from hashlib import sha256

    digest = sha256(name.encode()).hexdigest()
    if name.endswith(("release_version", "image_name", "image_version")):
        return "1.34.0-20250101" if name.endswith("release_version") else f"image-{digest[:8]}"
    if name.endswith("/recommended"):
        return json.dumps({"image_id": f"ami-{digest[:17]}", "release_version": "1.34.0-20250101"})
    return f"ami-{digest[:17]}"


def _image(scene: Scene, subject: Subject) -> Answer:
    from hashlib import sha256

    digest = sha256(json.dumps([repr(subject.state.get(key)) for key in ("owners", "filter", "name_regex")]).encode())
    image = f"ami-{digest.hexdigest()[:17]}"
    place = scene.place
    return {
        "id": image,
        "image_id": image,
        "arn": f"arn:{place.partition}:ec2:{place.region}::image/{image}",
        "architecture": "x86_64",
        "name": "rehearsal",
        "state": "available",
        "root_device_name": "/dev/xvda",
        "root_device_type": "ebs",
        "virtualization_type": "hvm",
    }, []


def _instance_type(scene: Scene, subject: Subject) -> Answer:
    del scene
    from llminfra.catalog import instances

    name = subject.text("instance_type")
    facts = instances.get(name)
    if facts is None:
        problem = Problem(f"reading EC2 Instance Type ({name}): no matching type", "the catalog does not have it")
        return {}, [problem]
    return {
        "id": name,
        "default_vcpus": facts.vcpu,
        "memory_size": facts.memory_mib,
        "efa_supported": facts.efa_interfaces > 0,
        "efa_maximum_interfaces": facts.efa_interfaces,
        "maximum_network_cards": len(facts.network_cards),
    }, []


def _offerings(scene: Scene, subject: Subject) -> Answer:
    """Locations that offer a type; where the catalog knows zone ids only, the letters are one account's."""
    from llminfra.catalog import regions

    wanted = [
        str(value)
        for item in subject.items("filter")
        if isinstance(item, dict) and item.get("name") == "instance-type"
        for value in item.get("values") or []
    ]
    place = scene.place
    kind = subject.text("location_type") or "region"
    rows: list[tuple[str, str]] = []
    for name in wanted:
        ids = regions.offered_zone_ids(name, place.region)
        zones = {zone_id(zone): zone for zone in _zones(place)}
        if kind == "availability-zone-id":
            rows += [(name, item) for item in ids]
        elif kind == "availability-zone":
            rows += [(name, zones[item]) for item in ids if item in zones]
        elif ids:
            rows.append((name, place.region))
    return {
        "instance_types": [name for name, _ in rows],
        "locations": [where for _, where in rows],
        "location_types": [kind for _ in rows],
        "id": place.region,
    }, []


def _subnets(scene: Scene, subject: Subject) -> Answer:
    found = [item for item in scene.world.all("aws_subnet") if _matches(item, subject)]
    return {"ids": [str(item.attributes.get("id") or item.key) for item in found], "id": scene.place.region}, []


def _prefix_list(scene: Scene, subject: Subject) -> Answer:
    from hashlib import sha256

    name = subject.text("name") or f"com.amazonaws.{scene.place.region}.s3"
    identifier = f"pl-{sha256(name.encode()).hexdigest()[:8]}"
    place = scene.place
    return {
        "id": identifier,
        "name": name,
        "owner_id": "AWS",
        "arn": f"arn:{place.partition}:ec2:{place.region}:aws:prefix-list/{identifier}",
    }, []


def _endpoint_service(scene: Scene, subject: Subject) -> Answer:
    service = subject.text("service") or "s3"
    name = subject.text("service_name") or f"com.amazonaws.{scene.place.region}.{service}"
    return {"service_name": name, "availability_zones": list(_zones(scene.place)), "id": name}, []


def _ecr_image_account(scene: Scene, subject: Subject) -> Answer:
    repository = subject.text("repository_name")
    tag = subject.text("image_tag")
    account, region = "763104351884", subject.text("region") or scene.place.region
    path = f"{account}.dkr.ecr.{region}.{scene.place.dns_suffix}/{repository}" + (f":{tag}" if tag else "")
    return {"registry_id": account, "registry_path": path, "id": path}, []


def _objects(scene: Scene, subject: Subject) -> Answer:
    bucket = subject.text("bucket")
    keys = keys_under(scene.world, bucket, subject.text("prefix"))
    return {"keys": keys, "common_prefixes": [], "owners": [], "id": bucket}, []


def _service_quota(scene: Scene, subject: Subject) -> Answer:
    place = scene.place
    code = subject.text("quota_code")
    arn = f"arn:{place.partition}:servicequotas:{place.region}:{place.account}:{subject.text('service_code')}/{code}"
    return {"value": 0, "default_value": 0, "arn": arn, "id": arn, "adjustable": True}, []


_HANDLERS: Mapping[str, Callable[[Scene, Subject], Answer]] = {
    "aws_caller_identity": _caller_identity,
    "aws_iam_session_context": _session_context,
    "aws_partition": _partition,
    "aws_region": _region,
    "aws_availability_zones": _availability_zones,
    "aws_default_tags": _default_tags,
    "aws_iam_policy_document": _policy_document,
    "aws_iam_policy": _managed_policy,
    "aws_eks_cluster": _cluster,
    "aws_eks_cluster_auth": _cluster_auth,
    "aws_eks_addon_version": _addon_version,
    "aws_ssm_parameter": _parameter,
    "aws_ami": _image,
    "aws_ec2_instance_type": _instance_type,
    "aws_ec2_instance_type_offerings": _offerings,
    "aws_subnets": _subnets,
    "aws_s3_objects": _objects,
    "aws_prefix_list": _prefix_list,
    "aws_ec2_managed_prefix_list": _prefix_list,
    "aws_vpc_endpoint_service": _endpoint_service,
    "aws_sagemaker_prebuilt_ecr_image": _ecr_image_account,
    "aws_servicequotas_service_quota": _service_quota,
}

# Data sources that find one object of the same type, and the arguments that name it.
_LOOKUPS: Mapping[str, tuple[str, ...]] = {
    "aws_vpc": ("id", "cidr_block"),
    "aws_subnet": ("id", "cidr_block", "vpc_id", "availability_zone"),
    "aws_security_group": ("id", "name", "vpc_id"),
    "aws_route_table": ("route_table_id", "vpc_id", "subnet_id"),
    "aws_iam_role": ("name",),
    "aws_iam_openid_connect_provider": ("arn", "url"),
    "aws_kms_key": ("key_id",),
    "aws_kms_alias": ("name",),
    "aws_s3_bucket": ("bucket",),
    "aws_secretsmanager_secret": ("name", "arn"),
    "aws_secretsmanager_secret_version": ("secret_id",),
    "aws_launch_template": ("id", "name"),
    "aws_ecr_repository": ("name",),
    "aws_lb": ("arn", "name"),
    "aws_lb_target_group": ("arn", "name"),
    "aws_cloudwatch_log_group": ("name",),
    "aws_lambda_function": ("function_name",),
    "aws_route53_zone": ("zone_id", "name"),
    "aws_vpc_endpoint": ("id", "vpc_id", "service_name"),
    "aws_acm_certificate": ("domain",),
    "aws_eks_node_group": ("cluster_name", "node_group_name"),
}
_RENAMED: Mapping[str, str] = {"route_table_id": "id", "domain": "domain_name"}


def _look_up(scene: Scene, subject: Subject) -> Answer:
    """The one object that fits; AWS data sources fail on none and on several."""
    found = [item for item in scene.world.all(subject.type_name) if _matches(item, subject)]
    if len(found) == 1:
        return _attributes(found[0]), []
    wanted = ", ".join(f"{name}={subject.text(name)}" for name in _LOOKUPS[subject.type_name] if subject.text(name))
    many = "multiple matches" if found else "no matching object"
    detail = f"{wanted or 'no argument given'}; objects that exist outside this platform belong into the existing world"
    return {}, [Problem(f"reading {subject.type_name}: {many} found", detail)]


def _matches(item: Stored, subject: Subject) -> bool:
    for name in _LOOKUPS.get(subject.type_name, ("vpc_id",)):
        wanted = subject.text(name)
        held = item.attributes.get(_RENAMED.get(name, name))
        if name == "key_id" and wanted:
            if wanted not in (item.key, item.attributes.get("arn"), item.attributes.get("key_id")):
                return False
        elif wanted and wanted not in (held, item.key if name == "id" else None):
            return False
    tags = subject.get("tags") or {}
    owned = item.attributes.get("tags_all") or item.attributes.get("tags") or {}
    if any(owned.get(key) != value for key, value in tags.items() if isinstance(value, str)):
        return False
    return all(_passes(item, condition) for condition in subject.items("filter") if isinstance(condition, dict))


def _passes(item: Stored, condition: Mapping[str, Any]) -> bool:
    """One EC2 filter: ``tag:Name``, ``vpc-id`` and the like."""
    name, values = str(condition.get("name")), condition.get("values") or []
    if name.startswith("tag:"):
        tags = item.attributes.get("tags_all") or item.attributes.get("tags") or {}
        return tags.get(name.removeprefix("tag:")) in values
    held = item.attributes.get(name.replace("-", "_"))
    return held in values or (name.endswith("-id") and item.key in values)


def _attributes(found: Stored) -> dict[str, Any]:
    return {**found.attributes, "id": found.attributes.get("id") or found.key}
