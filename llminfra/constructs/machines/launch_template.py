"""Launch templates of managed node groups: disks, metadata service, network cards, and how capacity is bought."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from llminfra.bindings import aws
from llminfra.constructs.basis.kms import Key
from llminfra.constructs.basis.scope import Maker
from llminfra.planning.hardware.nics import Nic
from llminfra.spec.compute.capacity import Capacity, CapacityBlock, Reservation

_TAGGED_WITH_INSTANCES = ("instance", "volume", "network-interface")


class ImageVolume(Struct, frozen=True, kw_only=True):
    """A gp3 volume made of a snapshot with container images; ``initialization_mib_per_s`` fills it from S3."""

    device: str
    snapshot_id: str
    size_gib: int
    throughput_mib_per_s: int
    iops: int
    initialization_mib_per_s: int | None


class NodeTemplate(Struct, frozen=True, kw_only=True):
    """What a launch template says.

    Attributes:
        id: Name without the platform.
        root_volume_gib: Size of the gp3 root volume in GiB.
        security_group_ids: Groups of every interface.
        nics: Interfaces by card; none means one ordinary interface.
        user_data: Base64 user data.
        instance_type: Only where EKS wants it here (capacity blocks).
        capacity: How instances are bought, where that concerns the template.
        placement_group: Name of a placement group.
        image_id: Machine image, where no node group chooses it.
        instance_profile_arn: Profile of the instances, where no node group makes it.
        image_volume: Volume with container images, beside the root volume.
        key: Key of the volumes; ``None``: the one that the account has for EBS.
        tags: Tags of instances, their volumes and interfaces: EC2 does not hand down those of the template.
    """

    id: str
    root_volume_gib: int
    security_group_ids: Sequence[str]
    nics: Sequence[Nic] = ()
    user_data: str | None = None
    instance_type: str | None = None
    capacity: Capacity | None = None
    placement_group: str | None = None
    image_id: str | None = None
    instance_profile_arn: str | None = None
    image_volume: ImageVolume | None = None
    key: Key | None = None
    tags: Mapping[str, str]


def launch_template(make: Maker, template: NodeTemplate) -> aws.LaunchTemplate:
    """Create a launch template.

    Volumes are encrypted, with the account's EBS key unless another is given. Interfaces name no subnet (EKS refuses
    that) and get no public address.
    """
    name = make.scope.name(template.id)
    key_arn = template.key.arn if template.key else None
    return make(
        aws.LaunchTemplate,
        template.id,
        name=name,
        update_default_version=True,
        instance_type=template.instance_type,
        image_id=template.image_id,
        iam_instance_profile=aws.LaunchTemplateIamInstanceProfile(arn=template.instance_profile_arn)
        if template.instance_profile_arn
        else None,
        ebs_optimized="true",
        user_data=template.user_data,
        block_device_mappings=[
            _root_volume(template.root_volume_gib, key_arn),
            *([_image_volume(template.image_volume, key_arn)] if template.image_volume else []),
        ],
        metadata_options=aws.LaunchTemplateMetadataOptions(
            http_endpoint="enabled",
            http_tokens="required",
            http_put_response_hop_limit=1,
            instance_metadata_tags="disabled",
        ),
        monitoring=aws.LaunchTemplateMonitoring(enabled=True),
        network_interfaces=[_interface(nic, template.security_group_ids) for nic in template.nics] or None,
        vpc_security_group_ids=None if template.nics else list(template.security_group_ids),
        placement=aws.LaunchTemplatePlacement(group_name=template.placement_group)
        if template.placement_group
        else None,
        instance_market_options=aws.LaunchTemplateInstanceMarketOptions(market_type="capacity-block")
        if isinstance(template.capacity, CapacityBlock)
        else None,
        capacity_reservation_specification=_reservation(template.capacity),
        tag_specifications=[
            aws.LaunchTemplateTagSpecifications(resource_type=kind, tags={"Name": name, **template.tags})
            for kind in _TAGGED_WITH_INSTANCES
        ],
        tags={"Name": name},
        depends_on=list(template.key.ready) if template.key else None,
    )


def _root_volume(size_gib: int, key_arn: str | None) -> aws.LaunchTemplateBlockDeviceMappings:
    return aws.LaunchTemplateBlockDeviceMappings(
        device_name="/dev/xvda",
        ebs=aws.LaunchTemplateBlockDeviceMappingsEbs(
            volume_type="gp3",
            volume_size=size_gib,
            encrypted="true",
            kms_key_id=key_arn,
            delete_on_termination="true",
        ),
    )


def _image_volume(volume: ImageVolume, key_arn: str | None) -> aws.LaunchTemplateBlockDeviceMappings:
    return aws.LaunchTemplateBlockDeviceMappings(
        device_name=volume.device,
        ebs=aws.LaunchTemplateBlockDeviceMappingsEbs(
            snapshot_id=volume.snapshot_id,
            volume_type="gp3",
            volume_size=volume.size_gib,
            throughput=volume.throughput_mib_per_s,
            iops=volume.iops,
            volume_initialization_rate=volume.initialization_mib_per_s,
            encrypted="true",
            kms_key_id=key_arn,
            delete_on_termination="true",
        ),
    )


def _interface(nic: Nic, security_group_ids: Sequence[str]) -> aws.LaunchTemplateNetworkInterfaces:
    return aws.LaunchTemplateNetworkInterfaces(
        network_card_index=nic.network_card_index,
        device_index=nic.device_index,
        interface_type=nic.interface_type,
        security_groups=list(security_group_ids),
        associate_public_ip_address="false" if nic.has_ip else None,
        delete_on_termination="true",
    )


def _reservation(capacity: Capacity | None) -> aws.LaunchTemplateCapacityReservationSpecification | None:
    if isinstance(capacity, CapacityBlock):
        target = aws.LaunchTemplateCapacityReservationSpecificationCapacityReservationTarget(
            capacity_reservation_id=capacity.reservation_id
        )
    elif isinstance(capacity, Reservation):
        target = aws.LaunchTemplateCapacityReservationSpecificationCapacityReservationTarget(
            capacity_reservation_id=capacity.reservation_id,
            capacity_reservation_resource_group_arn=capacity.resource_group_arn,
        )
    else:
        return None
    return aws.LaunchTemplateCapacityReservationSpecification(capacity_reservation_target=target)
