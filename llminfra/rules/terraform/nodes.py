"""Rules on GPU nodes in the synthesized Terraform: capacity, AMI, taints, disks, metadata service."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

from llminfra.diagnostics import Severity
from llminfra.planning.plan.labels import GPU_RESOURCE
from llminfra.rules.rule import Hit, rule
from llminfra.rules.views.node_groups import node_groups
from llminfra.rules.views.terraform_view import Stacks, walk_strings

_COMPUTE = "aws/aws-eks-best-practices latest/bpg/aiml/aiml_compute.adoc"
_SMALLEST_ROOT_GIB = 100


@rule(
    code="LLM_CAP_1",
    title="A pool on a capacity block is bought as one: market type, target and a single zone",
    severity=Severity.ERROR,
    looks_at="terraform",
    why="A node group that names the block only half launches on demand at the full price, or not at all, while the "
    "prepaid block stands empty.",
    fix="declare GpuPool(capacity=CapacityBlock(reservation_id=…), zones=[one]) and remove the override",
    source=(f"{_COMPUTE}: capacity blocks", "AWS EKS User Guide, capacity-blocks-mng.html"),
)
def capacity_block_whole(stacks: Stacks) -> Iterator[Hit]:
    """All marks of a capacity block, or none."""
    for item in node_groups(stacks):
        template = item.template
        market = {
            str(options.get("market_type"))
            for options in (template.blocks("instance_market_options") if template else ())
        }
        group_says = item.group.get("capacity_type") == "CAPACITY_BLOCK"
        template_says = "capacity-block" in market
        if not (group_says or template_says):
            continue
        missing = []
        if not group_says:
            missing.append('capacity_type = "CAPACITY_BLOCK" on the node group')
        if not template_says:
            missing.append('market_type = "capacity-block" in the launch template')
        targets = [
            target.get("capacity_reservation_id") or target.get("capacity_reservation_resource_group_arn")
            for spec in (template.blocks("capacity_reservation_specification") if template else ())
            for target in spec.blocks("capacity_reservation_target")
        ]
        if not any(targets):
            missing.append("the reservation as target in the launch template")
        if len(item.group.strings("subnet_ids")) != 1:
            missing.append("exactly one subnet")
        if missing:
            yield Hit(
                on=item.group,
                message="the capacity block is declared only in part: " + "; ".join(missing) + " is missing",
                found=f"capacity_type {item.group.get('capacity_type')}, market {', '.join(market) or 'none'}",
                expected="CAPACITY_BLOCK, capacity-block, the reservation id, one subnet",
            )


@rule(
    code="LLM_CAP_2",
    title="Instances from a reservation are not forced into a placement group",
    severity=Severity.ERROR,
    looks_at="terraform",
    why="A reservation that was not made in the placement group has no capacity inside it, so EC2 answers "
    "InsufficientInstanceCapacity although the reservation is empty.",
    fix="drop the placement group of the pool",
    source=("terraform-aws-modules/terraform-aws-eks pull request 3730",),
)
def no_placement_with_reservation(stacks: Stacks) -> Iterator[Hit]:
    """``placement.group_name`` beside a reservation."""
    for template in stacks.resources("aws_launch_template"):
        groups = [place.get("group_name") or place.get("group_id") for place in template.blocks("placement")]
        if template.blocks("capacity_reservation_specification") and any(groups):
            yield Hit(
                on=template,
                message="a capacity reservation and a placement group are both set",
                found=str(next(group for group in groups if group)),
                expected="no placement group",
                runtime_message="InsufficientInstanceCapacity",
            )


@rule(
    code="LLM_CAP_4",
    title="GPU node groups are tainted, so that only GPU pods land on them",
    severity=Severity.ERROR,
    looks_at="terraform",
    why="Without the taint, CPU pods fill the most expensive nodes, keep them from scaling down, and leave no room for "
    "the model server.",
    fix=f"keep the pool's taint {GPU_RESOURCE} with effect NO_SCHEDULE",
    source=(f"{_COMPUTE}: taints and tolerations",),
)
def gpu_groups_tainted(stacks: Stacks) -> Iterator[Hit]:
    """The taint ``nvidia.com/gpu`` on managed GPU node groups."""
    for item in node_groups(stacks):
        keys = {(taint.get("key"), taint.get("effect")) for taint in item.group.blocks("taint")}
        if item.has_gpus and (GPU_RESOURCE, "NO_SCHEDULE") not in keys:
            yield Hit(
                on=item.group,
                message="the GPU node group takes pods that do not ask for a GPU",
                found=", ".join(f"{key}:{effect}" for key, effect in keys) or "no taint",
                expected=f"{GPU_RESOURCE}:NO_SCHEDULE",
            )


@rule(
    code="LLM_CAP_5",
    title="GPU node groups use an AMI with the NVIDIA driver",
    severity=Severity.ERROR,
    looks_at="terraform",
    why="The default AMI type of a node group has no driver: the nodes join, and no pod ever gets a GPU.",
    fix="use an ami_type that ends in _NVIDIA, pinned by release_version",
    source=(f"{_COMPUTE}: AMIs", "terraform-aws-modules/terraform-aws-eks modules/eks-managed-node-group/main.tf"),
)
def accelerated_ami(stacks: Stacks) -> Iterator[Hit]:
    """``ami_type`` of GPU node groups."""
    for item in node_groups(stacks):
        kind = str(item.group.get("ami_type") or "")
        own_image = item.template is not None and item.template.get("image_id")
        if item.has_gpus and not kind.endswith("_NVIDIA") and not own_image:
            yield Hit(
                on=item.group,
                message="the AMI type has no NVIDIA driver",
                found=kind or "the default, without driver",
                expected="AL2023_x86_64_NVIDIA, AL2023_ARM_64_NVIDIA or a Bottlerocket NVIDIA type",
                runtime_message="0/1 nodes are available: 1 Insufficient nvidia.com/gpu",
            )


@rule(
    code="LLM_CAP_6",
    title="GPU node groups repair themselves, and the agent that sees GPU faults is installed",
    severity=Severity.WARNING,
    looks_at="terraform",
    why="A GPU that fell off the bus keeps its node Ready; without the monitoring agent and node repair the pool runs "
    "on with dead GPUs until someone looks.",
    fix="enable node_repair_config and the add-on eks-node-monitoring-agent",
    source=(f"{_COMPUTE}: node auto repair", "AWS EKS User Guide, node-health.html"),
)
def gpu_nodes_repaired(stacks: Stacks) -> Iterator[Hit]:
    """``node_repair_config`` and the monitoring agent."""
    groups = [item for item in node_groups(stacks) if item.has_gpus]
    agent = any(item.get("addon_name") == "eks-node-monitoring-agent" for item in stacks.resources("aws_eks_addon"))
    for item in groups:
        repaired = any(config.get("enabled") is True for config in item.group.blocks("node_repair_config"))
        if repaired and agent:
            continue
        missing = [] if repaired else ["node_repair_config"]
        missing += [] if agent else ["the add-on eks-node-monitoring-agent"]
        yield Hit(
            on=item.group,
            message=f"faulty GPU nodes are not replaced: {' and '.join(missing)} missing",
            found=f"node repair {'on' if repaired else 'off'}, agent {'installed' if agent else 'not installed'}",
            expected="both on",
        )


@rule(
    code="LLM_CAP_12",
    title="Nodes require IMDSv2 with a hop limit of 1",
    severity=Severity.ERROR,
    looks_at="terraform",
    why="With a larger hop limit any pod can take the node's role, which can pull every image and join the cluster.",
    fix='set metadata_options http_tokens = "required" and http_put_response_hop_limit = 1',
    source=("AWS EKS best practices, security/iam.html: restrict access to the instance profile",),
)
def imds_restricted(stacks: Stacks) -> Iterator[Hit]:
    """``metadata_options`` of launch templates."""
    for template in stacks.resources("aws_launch_template"):
        options = template.blocks("metadata_options")
        tokens = options[0].get("http_tokens") if options else None
        hops = options[0].get("http_put_response_hop_limit") if options else None
        if tokens != "required" or hops != 1:
            yield Hit(
                on=template,
                message="pods can reach the node's credentials through the metadata service",
                found=f"http_tokens {tokens or 'unset'}, hop limit {hops if hops is not None else 'unset'}",
                expected="required, 1",
            )


@rule(
    code="LLM_CAP_17",
    title="A reserved or block pool is updated one node at a time",
    severity=Severity.WARNING,
    looks_at="terraform",
    why="A rolling update first starts new nodes. A full reservation has none to spare, so a percentage makes the "
    "update hang on InsufficientInstanceCapacity.",
    fix="set update_config max_unavailable = 1",
    source=("aws_eks_node_group provider documentation: update_config", "terraform-aws-modules/terraform-aws-eks v21"),
)
def reserved_update_in_place(stacks: Stacks) -> Iterator[Hit]:
    """``update_config`` of reserved node groups."""
    for item in node_groups(stacks):
        if not item.reserved:
            continue
        config = item.group.blocks("update_config")
        if not config or config[0].get("max_unavailable") != 1:
            yield Hit(
                on=item.group,
                message="an update of the reserved pool may take more than one node away at once",
                found=str(dict(config[0].body)) if config else "no update_config",
                expected="max_unavailable = 1",
            )


@rule(
    code="LLM_STO_5",
    title="Every volume of a node is encrypted, gp3, and large enough for inference images",
    severity=Severity.ERROR,
    looks_at="terraform",
    why="checkov has no check for launch-template volumes. An engine image takes 15 to 20 GB; the default root volume "
    "of "
    "20 GiB fails the first pull, and an unencrypted one keeps prompts and weights readable.",
    fix=f"declare block_device_mappings with encrypted, volume_type gp3 and at least {_SMALLEST_ROOT_GIB} GiB",
    source=("aws/aws-eks-best-practices latest/bpg/aiml/aiml_performance.adoc", "aws/karpenter-provider-aws#2394"),
)
def volumes_encrypted(stacks: Stacks) -> Iterator[Hit]:
    """``block_device_mappings`` of launch templates."""
    gpu_templates = {item.template.address for item in node_groups(stacks) if item.template and item.has_gpus}
    for template in stacks.resources("aws_launch_template"):
        volumes = [ebs for mapping in template.blocks("block_device_mappings") for ebs in mapping.blocks("ebs")]
        if not volumes:
            yield Hit(
                on=template,
                message="no volume is declared, so nodes get the default of 20 GiB without a key of ours",
                found="no block_device_mappings",
                expected="an encrypted gp3 root volume",
                runtime_message="no space left on device",
            )
        for ebs in volumes:
            problems = []
            if str(ebs.get("encrypted")).lower() != "true":
                problems.append("not encrypted")
            if ebs.get("volume_type") not in ("gp3", "io2"):
                problems.append(f"of type {ebs.get('volume_type') or 'gp2 by default'}")
            size = ebs.get("volume_size")
            if template.address in gpu_templates and (not isinstance(size, int) or size < _SMALLEST_ROOT_GIB):
                problems.append(f"of {size or 'default'} GiB")
            if problems:
                yield Hit(
                    on=template,
                    message=f"a volume is {' and '.join(problems)}",
                    found=f"{ebs.get('volume_type')}, {size} GiB, encrypted {ebs.get('encrypted')}",
                    expected=f"gp3, encrypted, at least {_SMALLEST_ROOT_GIB} GiB on GPU nodes",
                )


@rule(
    code="LLM_STO_6",
    title="NVMe disks of GPU nodes are used for images and caches",
    severity=Severity.WARNING,
    looks_at="terraform",
    why="The local disks are paid for and read several GB/s; unless the node is told, containers unpack onto the root "
    "volume and cold starts take minutes longer.",
    fix="keep localStorage.strategy RAID0 in the NodeConfig of the user data",
    source=(
        "aws/aws-eks-best-practices latest/bpg/aiml/aiml_performance.adoc",
        "awslabs/amazon-eks-ami nodeadm/doc/api.md: LocalStorageOptions",
    ),
)
def nvme_used(stacks: Stacks) -> Iterator[Hit]:
    """``RAID0`` in the user data of types with NVMe."""
    for item in node_groups(stacks):
        with_nvme = [kind.name for kind in item.instance_types if kind.gpu and kind.nvme_gb]
        if not with_nvme or not str(item.group.get("ami_type") or "").startswith("AL2023"):
            continue
        user_data = decoded_user_data(item.template.get("user_data")) if item.template else ""
        if "RAID0" not in user_data and "Mount" not in user_data:
            yield Hit(
                on=item.template or item.group,
                message=f"the local NVMe of {with_nvme[0]} stays unused",
                found="no localStorage strategy in the user data",
                expected="spec.instance.localStorage.strategy: RAID0",
            )


@rule(
    code="LLM_CAP_59",
    title="Containers of EFA nodes may lock the memory that they register",
    severity=Severity.ERROR,
    looks_at="terraform",
    why="RDMA locks the memory that it registers with an EFA device. Containers get 8 MiB by Linux' default, the node "
    "image sets no other limit, and the capability IPC_LOCK lifts none for a process without root: libfabric ends "
    "before the first all-reduce, or NCCL falls back to TCP.",
    fix="keep RLIMIT_MEMLOCK in containerd.baseRuntimeSpec of the NodeConfig in the user data",
    source=(
        "awslabs/awsome-distributed-ai#647",
        "NVIDIA/nvcf#1354",
        "kubernetes/kubernetes#3595",
        "awslabs/amazon-eks-ami nodeadm/doc/examples.md: Modifying container RLIMITs",
    ),
)
def memory_lockable(stacks: Stacks) -> Iterator[Hit]:
    """``RLIMIT_MEMLOCK`` in the user data of node groups with EFA interfaces."""
    for item in node_groups(stacks):
        if item.template is None or not item.uses_efa:
            continue
        if "RLIMIT_MEMLOCK" not in decoded_user_data(item.template.get("user_data")):
            yield Hit(
                on=item.template,
                message="engines without root cannot lock the memory that they register with EFA",
                found="no RLIMIT_MEMLOCK in the user data",
                expected="spec.containerd.baseRuntimeSpec.process.rlimits with RLIMIT_MEMLOCK",
                runtime_message="Libfabric error: (-12) Cannot allocate memory",
            )


def decoded_user_data(value: object) -> str:
    """User data as text: literal base64 is decoded, ``${base64encode(…)}`` is read as it stands."""
    texts = [text for _, text in walk_strings(value)] if value else []
    found = []
    for text in texts:
        try:
            found.append(base64.b64decode(text, validate=True).decode("utf-8"))
        except (binascii.Error, UnicodeDecodeError, ValueError):
            found.append(text)
    return "\n".join(found)


RULES = (
    capacity_block_whole,
    no_placement_with_reservation,
    gpu_groups_tainted,
    accelerated_ami,
    gpu_nodes_repaired,
    imds_restricted,
    reserved_update_in_place,
    volumes_encrypted,
    nvme_used,
    memory_lockable,
)
