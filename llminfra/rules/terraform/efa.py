"""EFA rules on launch templates, security groups and node groups: what EC2 refuses, or silently slows down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from llminfra.diagnostics import Severity
from llminfra.planning.hardware.nics import Nic, check_layout
from llminfra.rules.rule import Hit, rule
from llminfra.rules.views.node_groups import instance_type_of, is_efa, node_groups, position
from llminfra.rules.views.terraform_view import Block, Nested, Stacks, references

_EFA_GUIDE = "AWS EC2 User Guide, efa-acc-inst-types.html: maximum bandwidth and interface layout of accelerated types"


def _templates(stacks: Stacks) -> Iterator[tuple[Block, tuple[Nested, ...]]]:
    for template in stacks.resources("aws_launch_template"):
        nics = template.blocks("network_interfaces")
        if nics:
            yield template, nics


@rule(
    code="LLM_NET_1",
    title="A launch template's network interfaces are ones that EC2 accepts for the instance type",
    severity=Severity.ERROR,
    looks_at="terraform",
    why="Exactly one primary interface sits at network card 0, device 0, and it carries IP. A second interface in the "
    "same slot, an efa-only primary, or an EFA on a card without EFA makes every launch fail.",
    fix="let llminfra lay out the interfaces: remove the override, or set GpuPool(efa_layout=…)",
    source=(_EFA_GUIDE, "aws/karpenter-provider-aws designs/efa-for-static-capacity.md"),
)
def interfaces_fit(stacks: Stacks) -> Iterator[Hit]:
    """Primary interface, unique slots, and the card limits of the type."""
    for template, nics in _templates(stacks):
        instance = instance_type_of(stacks, template)
        layout = tuple(Nic(*position(nic), nic.get("interface_type") or "interface") for nic in nics)
        if instance is not None:
            problems = list(check_layout(layout, instance))
        else:
            slots = Counter(position(nic) for nic in nics)
            problems = [f"network card {c}, device {d} is used {n} times" for (c, d), n in slots.items() if n > 1]
            problems += [] if (0, 0) in slots else ["no interface at network card 0, device 0"]
        for problem in problems:
            yield Hit(
                on=template,
                message=problem,
                found=f"{len(nics)} interfaces" + (f" on {instance.name}" if instance else ""),
                expected="one IP interface at card 0, device 0; every (card, device) once; EFA where the card has it",
                runtime_message="InvalidParameterCombination or AttachmentLimitExceeded from ec2:RunInstances",
            )


@rule(
    code="LLM_NET_2",
    title="An EFA pool uses every EFA interface that its instance type has",
    severity=Severity.ERROR,
    looks_at="terraform",
    why="One interface of 32 works, reports no error, and runs collective operations at 3 % of the bandwidth.",
    fix="remove the override of network_interfaces, so that all EFA interfaces are declared",
    source=(_EFA_GUIDE, "dstackai/dstack pull request 2271"),
)
def all_efa_interfaces(stacks: Stacks) -> Iterator[Hit]:
    """Count of EFA interfaces against the catalog."""
    for template, nics in _templates(stacks):
        instance = instance_type_of(stacks, template)
        used = sum(is_efa(nic) for nic in nics)
        if instance is not None and 0 < used < instance.efa_interfaces:
            yield Hit(
                on=template,
                message=f"{used} of {instance.efa_interfaces} EFA interfaces of {instance.name} are declared",
                found=str(used),
                expected=str(instance.efa_interfaces),
            )


@rule(
    code="LLM_NET_3",
    title="Nodes with several network interfaces have no public address",
    severity=Severity.ERROR,
    looks_at="terraform",
    why="EC2 cannot give a public address to an instance that starts with several interfaces, and a GPU node has no "
    "business on the internet.",
    fix="drop associate_public_ip_address and keep the pool in private subnets",
    source=("dstackai/dstack pull request 2271", "terraform-aws-modules/terraform-aws-eks issue 3533"),
)
def no_public_address(stacks: Stacks) -> Iterator[Hit]:
    """``associate_public_ip_address`` on any of several interfaces."""
    for template, nics in _templates(stacks):
        public = [position(nic) for nic in nics if str(nic.get("associate_public_ip_address")).lower() == "true"]
        if public and len(nics) > 1:
            yield Hit(
                on=template,
                message=f"{len(public)} of {len(nics)} interfaces ask for a public address",
                found=f"associate_public_ip_address at {public[0]}",
                expected="false, in private subnets",
                runtime_message="The associatePublicIPAddress parameter cannot be specified when launching with "
                "multiple network interfaces",
            )


@rule(
    code="LLM_NET_4",
    title="With network interfaces, security groups stand on every interface and not on the template",
    severity=Severity.ERROR,
    looks_at="terraform",
    why="EC2 refuses a template that has both, and an interface without groups gets the VPC's default group, in which "
    "EFA traffic and the control plane are not allowed.",
    fix="move vpc_security_group_ids into security_groups of each network interface",
    source=("AWS Parallel Computing Service User Guide, working-with_networking_efa_create-lt.html",),
)
def groups_on_interfaces(stacks: Stacks) -> Iterator[Hit]:
    """Template-level groups, or interfaces without groups."""
    for template, nics in _templates(stacks):
        if template.get("vpc_security_group_ids"):
            yield Hit(
                on=template,
                message="security groups are set on the template although it has network interfaces",
                found="vpc_security_group_ids",
                expected="security_groups on each interface",
                runtime_message="Network interfaces and an instance-level security groups may not be specified on the "
                "same request",
            )
        bare = [position(nic) for nic in nics if not nic.get("security_groups")]
        if bare:
            yield Hit(
                on=template,
                message=f"{len(bare)} of {len(nics)} interfaces have no security group",
                found=f"no security_groups at card {bare[0][0]}, device {bare[0][1]}",
                expected="the same groups on every interface",
            )


@rule(
    code="LLM_NET_5",
    title="The security group of EFA interfaces allows all traffic from and to itself",
    severity=Severity.ERROR,
    looks_at="terraform",
    why="EFA is not TCP or UDP: without an all-traffic rule that references the group itself in both directions, NCCL "
    "falls back to TCP or hangs at start-up.",
    fix="add an ingress and an egress rule with ip_protocol -1 that reference the group itself",
    source=(
        "AWS EC2 User Guide, efa-start.html: prepare an EFA-enabled security group",
        "ComputeCanada/magic_castle#133",
    ),
)
def efa_group_self_reference(stacks: Stacks) -> Iterator[Hit]:
    """Self-reference in and out for at least one group of the EFA interfaces."""
    for template, nics in _templates(stacks):
        groups = {
            address: stacks.stack_of(template).by_address[address]
            for nic in nics
            if is_efa(nic)
            for address in references(nic.get("security_groups"))
            if address.startswith("aws_security_group.") and address in stacks.stack_of(template).by_address
        }
        if not groups:
            continue
        open_ways = {way for group in groups.values() for way in _ways_to_itself(stacks, group)}
        for way in ("ingress", "egress"):
            if way not in open_ways:
                yield Hit(
                    on=template,
                    message=f"no security group of the EFA interfaces allows all {way} traffic "
                    f"{'from' if way == 'ingress' else 'to'} itself",
                    found=", ".join(sorted(groups)),
                    expected=f"an {way} rule with protocol -1 that references the group itself",
                    runtime_message="NCCL INFO NET/Plugin: ... falling back; or a hang in ncclCommInitRank",
                )


def _ways_to_itself(stacks: Stacks, group: Block) -> set[str]:
    ways = set()
    for way in ("ingress", "egress"):
        for inline in group.blocks(way):
            if str(inline.get("protocol")) in ("-1", "all") and inline.get("self") is True:
                ways.add(way)
        for item in stacks.resources(f"aws_vpc_security_group_{way}_rule"):
            if (
                item.stack == group.stack
                and group.address in references(item.get("security_group_id"))
                and group.address in references(item.get("referenced_security_group_id"))
                and str(item.get("ip_protocol")) == "-1"
            ):
                ways.add(way)
    for item in stacks.resources("aws_security_group_rule"):
        if (
            item.stack == group.stack
            and group.address in references(item.get("security_group_id"))
            and str(item.get("protocol")) == "-1"
            and (item.get("self") is True or group.address in references(item.get("source_security_group_id")))
        ):
            ways.add(str(item.get("type")))
    return ways


@rule(
    code="LLM_NET_6",
    title="An EFA node group is in exactly one subnet",
    severity=Severity.ERROR,
    looks_at="terraform",
    why="EFA traffic does not cross availability zones: nodes of one gang in two zones cannot reach each other.",
    fix="give GpuPool(zones=[…]) one zone",
    source=("pulumi/pulumi-eks#1593", "AWS EC2 User Guide, efa.html: limitations"),
)
def efa_in_one_subnet(stacks: Stacks) -> Iterator[Hit]:
    """Number of subnets of EFA node groups."""
    for item in node_groups(stacks):
        subnets = item.group.strings("subnet_ids")
        if item.uses_efa and len(subnets) != 1:
            yield Hit(
                on=item.group,
                message=f"the EFA node group spans {len(subnets)} subnets",
                found=", ".join(subnets)[:120] or "none",
                expected="one subnet, in the zone of the capacity",
            )


@rule(
    code="LLM_NET_9",
    title="The launch template of a managed node group names no subnet",
    severity=Severity.ERROR,
    looks_at="terraform",
    why="EKS takes subnets from the node group and refuses a template that has its own.",
    fix="drop subnet_id from the network interfaces",
    source=("aws-samples/aws-efa-eks#19", "AWS EKS User Guide, launch-templates.html"),
)
def no_subnet_in_template(stacks: Stacks) -> Iterator[Hit]:
    """``subnet_id`` on interfaces of a template that a node group uses."""
    for item in node_groups(stacks):
        named = [position(nic) for nic in item.interfaces if nic.get("subnet_id")]
        if named and item.template is not None:
            yield Hit(
                on=item.template,
                message=f"{len(named)} interfaces name a subnet",
                found=f"subnet_id at card {named[0][0]}, device {named[0][1]}",
                expected="subnet_ids of the node group only",
                runtime_message="Launch template ... should not specify a subnet. The noted subnet must be specified "
                "on the node group",
            )


@rule(
    code="LLM_CAP_9",
    title="EFA devices are handed out by one component only",
    severity=Severity.ERROR,
    looks_at="terraform",
    why="The EFA device plugin and the DRA network driver both claim the same devices; pods then start without them.",
    fix="install either aws-efa-k8s-device-plugin or aws-dranet",
    source=("aws/eks-charts stable/aws-dranet/README.md", "AWS EKS User Guide, device-management-efa.html"),
)
def one_efa_owner(stacks: Stacks) -> Iterator[Hit]:
    """Both charts in one set of stacks."""
    charts = {str(item.get("chart")).rpartition("/")[2]: item for item in stacks.resources("helm_release")}
    if "aws-dranet" in charts and "aws-efa-k8s-device-plugin" in charts:
        yield Hit(
            on=charts["aws-dranet"],
            message="both the EFA device plugin and aws-dranet are installed",
            found="aws-efa-k8s-device-plugin and aws-dranet",
            expected="one of them",
        )


RULES = (
    interfaces_fit,
    all_efa_interfaces,
    no_public_address,
    groups_on_interfaces,
    efa_group_self_reference,
    efa_in_one_subnet,
    no_subnet_in_template,
    one_efa_owner,
)
