"""A control plane that somebody else made, read at plan time."""

from __future__ import annotations

from msgspec import Struct

from llminfra.bindings import aws, core
from llminfra.constructs.basis.scope import Maker


class ExistingEks(Struct, frozen=True):
    """Expressions of what others need to know of the cluster."""

    name: str
    endpoint: str
    ca_certificate: str
    security_group_id: str
    oidc_issuer: str


def existing_eks(make: Maker, *, name: str, version: str, vpc_id: str, entries: bool) -> ExistingEks:
    """Look the cluster up; the plan of the stack fails where it is not what the spec says.

    Args:
        make: Maker of the data source.
        name: Name of the cluster.
        version: Kubernetes version, by which images of nodes are chosen.
        vpc_id: VPC that the nodes will be in.
        entries: Whether an access entry is made for nodes, which takes the cluster's API mode of authentication.
    """
    conditions = [
        core.Postcondition(
            condition=f'${{self.version == "{version}"}}',
            error_message=f"The cluster {name} runs Kubernetes ${{self.version}}: name that as the version of the "
            "ExistingCluster, because images of nodes are chosen by it.",
        ),
        core.Postcondition(
            condition=f"${{self.vpc_config[0].vpc_id == {vpc_id.removeprefix('${').removesuffix('}')}}}",
            error_message=f"The cluster {name} is in ${{self.vpc_config[0].vpc_id}}: name that VPC and its subnets as "
            "the network, because nodes elsewhere do not reach it.",
        ),
    ]
    if entries:
        conditions.append(
            core.Postcondition(
                condition='${self.access_config[0].authentication_mode != "CONFIG_MAP"}',
                error_message=f"The cluster {name} knows no access entries, by which Karpenter's nodes join: aws eks "
                f"update-cluster-config --name {name} --access-config authenticationMode=API_AND_CONFIG_MAP",
            )
        )
    found = make(
        aws.DataAwsEksCluster,
        "cluster",
        name=name,
        lifecycle=core.TerraformResourceLifecycle(postcondition=conditions),
    )
    return ExistingEks(
        name=found.name,
        endpoint=found.endpoint,
        ca_certificate=found.certificate_authority.get(0).data,
        security_group_id=found.vpc_config.get(0).cluster_security_group_id,
        oidc_issuer=found.identity.get(0).oidc.get(0).issuer,
    )
