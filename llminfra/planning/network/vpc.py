"""The VPC: zones, subnets cut from the address block, and the endpoints that private nodes need."""

from __future__ import annotations

from ipaddress import IPv4Network
from itertools import pairwise
from typing import TYPE_CHECKING

from llminfra.catalog import regions
from llminfra.diagnostics import entry_path
from llminfra.planning.network.target_services import target_services
from llminfra.planning.plan.infrastructure import NetworkPlan, SubnetPlan
from llminfra.spec.compute.cluster import Cluster
from llminfra.spec.compute.ec2 import Ec2
from llminfra.spec.compute.sagemaker import SageMaker, SageMakerAsync
from llminfra.spec.foundation.network import ExistingNetwork, Network
from llminfra.spec.foundation.state import S3State

if TYPE_CHECKING:
    from llminfra.planning.findings import Findings
    from llminfra.spec.base.spec import Spec
    from llminfra.spec.platform import Platform

# Public subnets hold only NAT gateways: a /26 is more than enough and leaves the rest to pods.
_PUBLIC_PREFIX = 26
_SMALLEST_VPC, _LARGEST_VPC = 24, 16
_SMALLEST_SUBNET = 28
# RFC 1918, and RFC 6598, which EKS takes for pods (Amazon VPC User Guide: VPC CIDR blocks).
_PRIVATE = tuple(IPv4Network(item) for item in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"))

# Services that nodes and controllers of a private cluster call (Amazon EKS User Guide, "Deploy private clusters with
# limited internet access"; the last group follows from what this platform uses).
_ALWAYS = (
    "autoscaling",
    "ec2",
    "ec2messages",
    "ecr.api",
    "ecr.dkr",
    "eks",
    "eks-auth",
    "elasticloadbalancing",
    "kms",
    "logs",
    "monitoring",
    "ssm",
    "ssmmessages",
    "sts",
)


def plan_network(platform: Platform, findings: Findings) -> NetworkPlan:
    """Decide zones, subnets and endpoints; a network without subnets is none.

    When the region or the blocks cannot work, the result is such a placeholder, which lets the other passes go on, so
    that all findings come in one run; the errors are in ``findings``.
    """
    return _plan_network(platform, findings) or _placeholder(platform)


def _placeholder(platform: Platform) -> NetworkPlan:
    known = regions.zones(platform.region)
    if not known:  # then no zone can be judged: take every one that is named
        known = tuple(zone for pool in platform.pools if not pool.broken for zone in pool.zones)
        known += tuple(
            item.zone for item in platform.storage if item.kind == "lustre" and not item.broken and item.zone
        )
    return NetworkPlan(
        cidr="",
        zones=tuple(dict.fromkeys(known)) or ("unknown",),
        subnets=(),
        nat="none",
        gateway_endpoints=(),
        interface_endpoints=(),
        flow_logs_days=0,
    )


_NO_VARIABLES = ": nothing is put in for variables here, but a spec in Python may read os.environ"
_A_CODE = "the code of a region"


def _other_region(name: str) -> str:
    """What to write in the place of a region that there is not."""
    if meant := regions.meant(name):
        return f"write {meant}"
    if "$" not in name and (near := regions.suggest(name)):
        return f"write {' or '.join(near)}"
    return f"name a region such as us-east-1{_NO_VARIABLES if '$' in name else ''}"


def _no_region(at: Platform | S3State, path: str, name: str, findings: Findings) -> None:
    findings.error(
        "LLM_NET_22",
        at,
        path,
        f"there is no AWS region {name!r} in the catalog",
        found=name,
        expected=", ".join(regions.suggest(name)) or regions.meant(name) or _A_CODE,
        fix=_other_region(name),
    )


def _plan_network(platform: Platform, findings: Findings) -> NetworkPlan | None:
    known = regions.zones(platform.region)
    state = platform.state
    if isinstance(state, S3State) and not state.broken and state.region and not regions.zones(state.region):
        _no_region(state, "state.region", state.region, findings)
    if not known and "region" in platform.doubtful:
        return None
    if not known:
        _no_region(platform, "region", platform.region, findings)
        return None
    if platform.network.broken or not platform.needs_network:
        if isinstance(platform.network, Network) and not {"zones"} & platform.network.doubtful:
            _check_zones(platform, platform.network, known, findings)
        return None
    if isinstance(platform.network, ExistingNetwork):
        return _existing(platform, platform.network, known, findings)
    return _new(platform, platform.network, known, findings)


def endpoint_services(platform: Platform) -> tuple[str, ...]:
    """Short names of the interface endpoints, sorted, for example ``ecr.api``."""
    services = set(_ALWAYS)
    if platform.cluster is None or not platform.needs_cluster:
        services -= {"eks", "eks-auth"}
    elif isinstance(platform.cluster, Cluster) and platform.cluster.autoscaler == "karpenter":
        services.add("sqs")
    if any(isinstance(item.on, SageMaker | SageMakerAsync) for item in platform.workloads if not item.broken):
        services |= {"sagemaker.api", "sagemaker.runtime"}
    if any(item.kind == "lustre" for item in platform.storage):
        services.add("fsx")
    observability = platform.own_observability
    if platform.needs_cluster and observability is not None and observability.prometheus == "managed":
        services.add("aps-workspaces")
    keyed = any(item.api_key for gateway in platform.gateways if not gateway.broken for item in gateway.tenants)
    if keyed or any(endpoint.model.token or endpoint.api_key for endpoint in platform.workloads if not endpoint.broken):
        services.add("secretsmanager")
    services |= target_services(platform)
    return tuple(sorted(services))


def check_zone(
    zone: str, path: str, platform: Platform, findings: Findings, *, among: tuple[str, ...], at: Spec | None = None
) -> bool:
    """Report a zone that is not among the given ones; true when it is fine."""
    if zone in among:
        return True
    there = zone in regions.zones(platform.region)
    fix = f"use one of {', '.join(among)}"
    if not zone.startswith(platform.region):
        fix += ", or change the region"
    elif there and isinstance(platform.network, Network):
        fix += f"; or give the network that zone, too, with Network(zones={[*(platform.network.zones or among), zone]})"
    findings.error(
        "LLM_NET_20",
        at or platform,
        path,
        f"{zone!r} is not one of the network's zones" if there else f"{zone!r} is not a zone of {platform.region}",
        found=zone,
        expected=", ".join(among),
        fix=fix,
    )
    return False


# What is in two zones or not at all, and what AWS says of fewer.
_TWO_ZONES = {
    "EKS": "Subnets specified must be in at least two different AZs",
    "an Application Load Balancer": "At least two subnets in two different Availability Zones must be specified",
}


def _needs_two_zones(platform: Platform) -> str:
    """What of the platform one zone is not enough for; empty: all of it may be in one."""
    if any(isinstance(item.__dict__.get("on"), Ec2) for item in platform.workloads):
        return "an Application Load Balancer"
    sure = platform.pools or "cluster" in platform.model_fields_set
    unclear = "endpoints" in platform.doubtful or any(item.broken for item in platform.workloads)
    if unclear and not sure:
        return ""  # an endpoint that is not read as a whole may be anywhere
    return "EKS" if platform.needs_cluster else ""


def _existing(
    platform: Platform, spec: ExistingNetwork, known: tuple[str, ...], findings: Findings
) -> NetworkPlan | None:
    good = [
        check_zone(zone, f"network.private_subnet_ids.{zone}", platform, findings, among=known)
        for zone in spec.private_subnet_ids
    ]
    if not all(good):
        return None
    if len(spec.private_subnet_ids) < 2 and (needy := _needs_two_zones(platform)):
        findings.error(
            "LLM_NET_23",
            spec,
            "network.private_subnet_ids",
            f"{needy} needs subnets in at least two zones",
            found=", ".join(spec.private_subnet_ids),
            expected="two or more zones",
            fix="add a private subnet in another zone",
            runtime_message=_TWO_ZONES[needy],
        )
        return None
    ids = list(spec.private_subnet_ids.values())
    if twice := sorted({item for item in ids if ids.count(item) > 1}):
        findings.error(
            "LLM_NET_23",
            spec,
            "network.private_subnet_ids",
            "a subnet lies in one zone, and one is named for two",
            found=", ".join(twice),
            expected="a subnet of its own for each zone",
            fix="name the subnet of each zone, as `aws ec2 describe-subnets` shows them",
            runtime_message="Subnets specified must be in at least two different AZs",
        )
        return None
    subnets = tuple(
        SubnetPlan(zone=zone, kind="private", cidr="", existing_id=subnet_id)
        for zone, subnet_id in sorted(spec.private_subnet_ids.items())
    )
    return NetworkPlan(
        cidr=spec.cidr,
        zones=tuple(item.zone for item in subnets),
        subnets=subnets,
        nat="none",
        gateway_endpoints=(),
        interface_endpoints=(),
        flow_logs_days=0,
        existing_vpc_id=spec.vpc_id,
    )


def _check_zones(platform: Platform, spec: Network, known: tuple[str, ...], findings: Findings) -> bool:
    good = [
        check_zone(zone, entry_path("network.zones", index), platform, findings, among=known)
        for index, zone in enumerate(spec.zones)
    ]
    if spec.zones and len(set(spec.zones)) < 2 and (needy := _needs_two_zones(platform)):
        findings.error(
            "LLM_NET_23",
            spec,
            "network.zones",
            f"{needy} needs subnets in at least two zones",
            found=", ".join(spec.zones),
            expected=f"two or more of {', '.join(known)}",
            fix="add a zone",
            runtime_message=_TWO_ZONES[needy],
        )
        return False
    return all(good)


def _check_size(spec: Network, block: IPv4Network, findings: Findings) -> bool:
    if _LARGEST_VPC <= block.prefixlen <= _SMALLEST_VPC:
        return True
    findings.error(
        "LLM_NET_24",
        spec,
        "network.cidr",
        "the VPC's block is too small for a cluster or larger than AWS allows",
        found=spec.cidr,
        expected="a prefix from /16 to /24",
        fix="use a /16, for example 10.20.0.0/16",
        runtime_message="The CIDR is invalid (InvalidVpc.Range)" if block.prefixlen < _LARGEST_VPC else None,
    )
    return False


def _new(platform: Platform, spec: Network, known: tuple[str, ...], findings: Findings) -> NetworkPlan | None:
    zones = tuple(spec.zones) or known[:3]
    block = IPv4Network(spec.cidr)
    good = _check_zones(platform, spec, known, findings), _check_size(spec, block, findings)
    if not all(good):
        return None
    if not any(block.subnet_of(each) for each in _PRIVATE):
        findings.warning(
            "LLM_NET_27",
            spec,
            "network.cidr",
            "the VPC's block belongs to others on the internet, who cannot be reached from it",
            found=spec.cidr,
            expected=", ".join(str(each) for each in _PRIVATE),
            fix="use a private block, for example 10.20.0.0/16",
        )
    private, public = _cut(spec, block, len(zones))
    subnets = tuple(
        SubnetPlan(zone=zone, kind=kind, cidr=str(cidr))  # type: ignore[arg-type]  # the pairs below are literals
        for kind, cidrs in (("private", private), ("public", public))
        for zone, cidr in zip(zones, cidrs, strict=False)
        if kind == "private" or spec.nat != "none"
    )
    if not _blocks_fit(spec, block, private, public, len(zones), findings):
        return None
    return NetworkPlan(
        cidr=spec.cidr,
        zones=zones,
        subnets=subnets,
        nat=spec.nat,
        gateway_endpoints=("s3",),
        interface_endpoints=endpoint_services(platform),
        flow_logs_days=spec.flow_logs_days,
    )


def _cut(spec: Network, block: IPv4Network, zones: int) -> tuple[list[IPv4Network], list[IPv4Network]]:
    """Give each zone an equal power-of-two share for pods, from below; small public subnets are cut from above.

    Both grow towards each other, so that another zone at the end of the list moves no subnet of those that are there:
    with another block AWS makes a subnet anew, and deletes none with something in it. Only where the shares get
    smaller, with the fourth and the eighth zone, all of them move.
    """
    shares = list(block.subnets(prefixlen_diff=max(2, zones.bit_length())))
    private = [IPv4Network(item) for item in spec.private_subnets] or shares[:zones]
    most = len(shares) - 1
    last = shares[-1]
    fits = (prefix for prefix in range(_PUBLIC_PREFIX, _SMALLEST_SUBNET) if 2 ** (prefix - last.prefixlen) >= most)
    prefix = next(fits, _SMALLEST_SUBNET)
    spare = [share for share in reversed(shares[zones:]) if share.prefixlen <= prefix]
    cut = [public for share in spare for public in share.subnets(new_prefix=prefix)]
    public = [IPv4Network(item) for item in spec.public_subnets] or cut[:zones]
    return private, public


def _blocks_fit(
    spec: Network,
    block: IPv4Network,
    private: list[IPv4Network],
    public: list[IPv4Network],
    zones: int,
    findings: Findings,
) -> bool:
    fine = True
    if len(public) < zones and not spec.public_subnets and spec.nat != "none":
        fine = False
        findings.error(
            "LLM_NET_24",
            spec,
            "network.cidr",
            f"the VPC's block is too small for {zones} zones with public subnets",
            found=spec.cidr,
            expected="a /23 or larger, or fewer zones",
            fix="use a larger block, or nat='none'",
        )
    for field, given, cut in (
        ("private_subnets", spec.private_subnets, private),
        ("public_subnets", spec.public_subnets, public),
    ):
        if given and len(given) != zones:
            fine = False
            findings.error(
                "LLM_NET_25",
                spec,
                f"network.{field}",
                "there must be one block per zone",
                found=f"{len(given)} blocks",
                expected=f"{zones} blocks",
                fix="give one block per zone, or none to have them cut from the VPC's block",
            )
        for index, item in enumerate(cut):
            if not item.subnet_of(block):
                fine = False
                findings.error(
                    "LLM_NET_21",
                    spec,
                    entry_path(f"network.{field}", index),
                    "the subnet lies outside the VPC's block",
                    found=str(item),
                    expected=f"a block inside {block}",
                    fix="move the subnet into the VPC's block",
                    runtime_message="The CIDR is invalid (InvalidSubnet.Range)",
                )
    everything = sorted([*private, *public])
    for one, other in pairwise(everything):
        if one.overlaps(other):
            fine = False
            findings.error(
                "LLM_NET_21",
                spec,
                "network",
                "two subnets overlap",
                found=f"{one} and {other}",
                expected="disjoint blocks",
                fix="move one of them",
                runtime_message="The CIDR conflicts with another subnet (InvalidSubnet.Conflict)",
            )
    return fine
