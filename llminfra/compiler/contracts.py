"""What one stack tells the others: named outputs, written on one side and read on the other by the same type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from msgspec import Struct, field

from llminfra.constructs.basis.names import identifier
from llminfra.constructs.basis.state import Outputs
from llminfra.planning.controllers.needs import needs_of
from llminfra.planning.plan import Plan


def faces_internet(plan: Plan) -> bool:
    """Whether a load balancer stands in public subnets."""
    return any(item.spec.exposure == "public" for item in plan.gateways)


class NetworkContract(Struct, frozen=True, kw_only=True):
    """Outputs of the network stack; ``public_subnet_ids`` exist where a gateway faces the internet."""

    vpc_id: str
    private_subnet_ids: Mapping[str, str]
    public_subnet_ids: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, outputs: Outputs, plan: Plan) -> Self:
        """Expressions for the outputs, in another stack."""
        return cls(
            vpc_id=outputs["vpc_id"],
            private_subnet_ids={zone: outputs[f"private_subnet_{identifier(zone)}"] for zone in plan.network.zones},
            public_subnet_ids={
                subnet.zone: outputs[f"public_subnet_{identifier(subnet.zone)}"]
                for subnet in plan.network.subnets
                if subnet.kind == "public" and faces_internet(plan)
            },
        )

    def outputs(self) -> dict[str, str]:
        """Values by output name."""
        subnets = {f"private_subnet_{identifier(zone)}": id_ for zone, id_ in self.private_subnet_ids.items()}
        subnets |= {f"public_subnet_{identifier(zone)}": id_ for zone, id_ in self.public_subnet_ids.items()}
        return {"vpc_id": self.vpc_id, **subnets}


class ClusterContract(Struct, frozen=True, kw_only=True):
    """Outputs of the cluster stack. ``karpenter_*`` and ``efa_group_ids`` exist where the plan has such pools."""

    name: str
    endpoint: str
    ca_certificate: str
    oidc_provider_arn: str
    oidc_issuer: str
    node_group_id: str
    key_arn: str
    efa_group_ids: Mapping[str, str]
    placement_groups: Mapping[str, str]
    karpenter_node_profile: str | None = None
    karpenter_queue: str | None = None
    karpenter_role_arn: str | None = None

    @classmethod
    def read(cls, outputs: Outputs, plan: Plan) -> Self:
        """Expressions for the outputs, in another stack."""
        needs = needs_of(plan)
        starts = needs.karpenter or bool(needs.karpenter_pools)
        return cls(
            name=outputs["cluster_name"],
            endpoint=outputs["cluster_endpoint"],
            ca_certificate=outputs["cluster_ca_certificate"],
            oidc_provider_arn=outputs["oidc_provider_arn"],
            oidc_issuer=outputs["oidc_issuer"],
            node_group_id=outputs["node_security_group_id"],
            key_arn=outputs["cluster_key_arn"],
            efa_group_ids={
                pool.name: outputs[f"efa_security_group_{identifier(pool.name)}"] for pool in plan.pools if pool.nics
            },
            placement_groups={
                pool.name: outputs[f"placement_group_{identifier(pool.name)}"]
                for pool in plan.pools
                if pool.placement_group
            },
            karpenter_node_profile=outputs["karpenter_node_profile"] if starts else None,
            karpenter_queue=outputs["karpenter_queue"] if needs.karpenter else None,
            karpenter_role_arn=outputs["karpenter_role_arn"] if needs.karpenter else None,
        )

    def outputs(self) -> dict[str, str]:
        """Values by output name."""
        optional = {
            "karpenter_node_profile": self.karpenter_node_profile,
            "karpenter_queue": self.karpenter_queue,
            "karpenter_role_arn": self.karpenter_role_arn,
        }
        return {
            "cluster_name": self.name,
            "cluster_endpoint": self.endpoint,
            "cluster_ca_certificate": self.ca_certificate,
            "oidc_provider_arn": self.oidc_provider_arn,
            "oidc_issuer": self.oidc_issuer,
            "node_security_group_id": self.node_group_id,
            "cluster_key_arn": self.key_arn,
            **{f"efa_security_group_{identifier(pool)}": id_ for pool, id_ in self.efa_group_ids.items()},
            **{f"placement_group_{identifier(pool)}": name for pool, name in self.placement_groups.items()},
            **{name: value for name, value in optional.items() if value is not None},
        }


class BucketOutputs(Struct, frozen=True, kw_only=True):
    """A weights bucket; ``key_arn`` is that of the storage stack, or what the spec says of a bucket that was there."""

    name: str
    arn: str
    key_arn: str | None


class LustreOutputs(Struct, frozen=True, kw_only=True):
    """A Lustre file system, as a static persistent volume names it."""

    id: str
    dns_name: str
    mount_name: str


class StorageContract(Struct, frozen=True, kw_only=True):
    """Outputs of the storage stack, by the names in the spec."""

    buckets: Mapping[str, BucketOutputs]
    lustre: Mapping[str, LustreOutputs]

    @classmethod
    def read(cls, outputs: Outputs, plan: Plan) -> Self:
        """Expressions for the outputs, in another stack."""
        return cls(
            buckets={
                item.name: BucketOutputs(
                    name=outputs[f"bucket_{identifier(item.name)}"],
                    arn=outputs[f"bucket_{identifier(item.name)}_arn"],
                    key_arn=item.spec.kms_key_arn if item.existing else outputs["storage_key_arn"],
                )
                for item in plan.buckets
            },
            lustre={
                item.name: LustreOutputs(
                    id=outputs[f"lustre_{identifier(item.name)}_id"],
                    dns_name=outputs[f"lustre_{identifier(item.name)}_dns_name"],
                    mount_name=outputs[f"lustre_{identifier(item.name)}_mount_name"],
                )
                for item in plan.lustre
            },
        )

    def outputs(self) -> dict[str, str]:
        """Values by output name."""
        values: dict[str, str] = {}
        for name, bucket in self.buckets.items():
            values[f"bucket_{identifier(name)}"] = bucket.name
            values[f"bucket_{identifier(name)}_arn"] = bucket.arn
            if bucket.key_arn:
                values["storage_key_arn"] = bucket.key_arn
        for name, system in self.lustre.items():
            stem = f"lustre_{identifier(name)}"
            values |= {f"{stem}_id": system.id, f"{stem}_dns_name": system.dns_name}
            values[f"{stem}_mount_name"] = system.mount_name
        return values


def callers_group_output(endpoint: str) -> str:
    """Output of the stack ``ec2`` with the security group that calls of an endpoint come through."""
    return f"{identifier(endpoint)}_callers_security_group_id"
