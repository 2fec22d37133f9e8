"""EKS clusters and node groups."""

from __future__ import annotations

from collections.abc import Iterator

from llminfra.rehearsal.aws.network_interfaces import check_node_layout
from llminfra.rehearsal.aws.scene import Scene, Subject
from llminfra.rehearsal.provider.contract import Problem
from llminfra.rehearsal.provider.values import UNKNOWN

# AWS's name prefixes that EKS reserves for its own node labels (EKS API reference, CreateNodegroup).
_GPU_AMIS = ("NVIDIA", "GPU")


def check_cluster(subject: Subject) -> Iterator[Problem]:
    """A Kubernetes version that EKS does not have, or a service range that it refuses."""
    if subject.type_name != "aws_eks_cluster":
        return
    version = subject.text("version")
    if version:
        from llminfra.catalog.datafile import read_data  # pydantic, only where needed

        known = sorted(read_data("eks.json")["versions"], key=lambda text: [int(part) for part in text.split(".")])
        if version not in known:
            yield Problem(
                f"InvalidParameterException: unsupported Kubernetes version {version}",
                f"known versions: {', '.join(known)}",
                ("version",),
            )
    for index, vpc in enumerate(subject.items("vpc_config")):
        if not isinstance(vpc, dict):
            continue
        private, public = vpc.get("endpoint_private_access"), vpc.get("endpoint_public_access")
        if private is False and public is False:
            yield Problem(
                "InvalidParameterException: Private and public endpoint access cannot be false",
                "",
                ("vpc_config", index),
            )
        subnets = vpc.get("subnet_ids")
        if isinstance(subnets, list) and UNKNOWN not in subnets and len(subnets) < 2:
            yield Problem(
                "InvalidParameterException: Subnets specified must be in at least two different AZs",
                f"{len(subnets)} subnet given",
                ("vpc_config", index, "subnet_ids"),
            )


def know_network(scene: Scene, made: Subject) -> None:
    """Write the VPC of its subnets into a cluster that is made."""
    if made.type_name != "aws_eks_cluster":
        return
    for block in made.items("vpc_config"):
        if isinstance(block, dict) and block.get("subnet_ids"):
            block["vpc_id"] = scene.vpc_of_subnet(str(block["subnet_ids"][0]))


def check_upgrade(before: Subject, after: Subject) -> Iterator[Problem]:
    """A control plane goes up by one minor version at a time, and never back."""
    old, new = before.text("version"), after.text("version")
    if after.type_name != "aws_eks_cluster" or not old or not new or old == new:
        return
    if _minor(new) != _minor(old) + 1:
        yield Problem(
            f"InvalidParameterException: Unsupported Kubernetes minor version update from {old} to {new}",
            f"the next version is 1.{_minor(old) + 1}",
            ("version",),
        )


def _minor(version: str) -> int:
    tail = version.partition(".")[2]
    return int(tail) if tail.isdigit() else 0


def check_node_group(subject: Subject) -> Iterator[Problem]:
    """Sizes, and settings that a launch template excludes.

    The words about sizes are those of eksctl and Terraform logs in public repositories.
    """
    if subject.type_name != "aws_eks_node_group":
        return
    for index, scaling in enumerate(subject.items("scaling_config")):
        if not isinstance(scaling, dict):
            continue
        low, want, high = (scaling.get(name) for name in ("min_size", "desired_size", "max_size"))
        path = ("scaling_config", index)
        for least, least_name, most, most_name in (
            (low, "Minimum capacity", high, "max size"),
            (want, "desired capacity", high, "max size"),
            (low, "Minimum capacity", want, "desired size"),
        ):
            if isinstance(least, int | float) and isinstance(most, int | float) and least > most:
                yield Problem(
                    f"InvalidParameterException: {least_name} {least:g} can't be greater than {most_name} {most:g}",
                    "",
                    path,
                )
                break
        if isinstance(high, int | float) and high < 1:
            yield Problem("InvalidParameterException: maximum size must be at least 1", "", path)
    if subject.items("launch_template"):
        for name in ("disk_size", "remote_access"):
            value = subject.state.get(name)
            if value not in (None, UNKNOWN, 0, []):
                yield Problem(
                    f"InvalidParameterException: {name} cannot be specified along with a launch template",
                    "set it in the launch template",
                    (name,),
                )
    yield from _check_ami_type(subject)


def _check_ami_type(subject: Subject) -> Iterator[Problem]:
    ami, types = subject.text("ami_type"), [item for item in subject.items("instance_types") if isinstance(item, str)]
    if not ami or ami == "CUSTOM" or not types:
        return
    from llminfra.catalog import instances

    for name in types:
        facts = instances.get(name)
        if facts is None:
            continue
        arm = "ARM_64" in ami
        if arm != (facts.arch == "arm64"):
            yield Problem(
                f"InvalidParameterException: {name} is {facts.arch}, which {ami} does not support", "", ("ami_type",)
            )
        if facts.gpu and not any(mark in ami for mark in _GPU_AMIS):
            yield Problem(
                f"{ami} has no NVIDIA driver, but {name} has GPUs",
                "EKS starts the node; its GPUs stay invisible to pods",
                ("ami_type",),
                "warning",
            )


def check_subnets(scene: Scene, subject: Subject) -> Iterator[Problem]:
    """The control plane needs subnets in two zones."""
    if subject.type_name != "aws_eks_cluster":
        return
    for index, vpc in enumerate(subject.items("vpc_config")):
        subnets = [scene.find(("aws_subnet",), "id", item) for item in (vpc.get("subnet_ids") or [])]
        zones = {item.attributes.get("availability_zone") for item in subnets if item is not None}
        networks = {item.attributes.get("vpc_id") for item in subnets if item is not None}
        if len(subnets) > 1 and len(zones - {None}) == 1:
            yield Problem(
                "InvalidParameterException: Subnets specified must be in at least two different AZs",
                f"all are in {next(iter(zones))}",
                ("vpc_config", index, "subnet_ids"),
            )
        if len(networks - {None}) > 1:
            yield Problem(
                "InvalidParameterException: Subnets must be in the same VPC",
                f"they are in {', '.join(sorted(map(str, networks)))}",
                ("vpc_config", index, "subnet_ids"),
            )


def check_launch_template(scene: Scene, subject: Subject) -> Iterator[Problem]:
    """A node group's launch template: its version exists, and its interfaces fit the instance types."""
    if subject.type_name != "aws_eks_node_group":
        return
    for index, item in enumerate(subject.items("launch_template")):
        found = scene.find(("aws_launch_template",), "id", str(item.get("id") or ""))
        if found is None:
            continue
        version = str(item.get("version") or "")
        latest = int(found.attributes.get("latest_version") or 1)
        if version.isdigit() and not 1 <= int(version) <= latest:
            yield Problem(
                "InvalidLaunchTemplateId.VersionNotFound: Could not find the specified version "
                f"{version} for the launch template with ID {found.key}.",
                f"latest version is {latest}",
                ("launch_template", index, "version"),
            )
        yield from check_node_layout(scene, subject, found.attributes)
        own_type = found.attributes.get("instance_type")
        if own_type and subject.items("instance_types"):
            yield Problem(
                "InvalidParameterException: instance types are given in the node group and in its launch template",
                f"the launch template has {own_type}",
                ("instance_types",),
            )
