"""EKS managed add-ons, each with a role of its own where it calls AWS."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from msgspec import Struct, field

from llminfra.bindings import aws, core
from llminfra.constructs.basis.iam import PodIdentity, Statement, pod_role
from llminfra.constructs.basis.scope import Maker
from llminfra.planning.plan.infrastructure import AddonPlan

_NAMESPACE = "kube-system"


class AddonSettings(Struct, frozen=True, kw_only=True):
    """What an add-on is told besides its version.

    Attributes:
        configuration: Configuration values by the add-on's own schema.
        inline: Statements of its role, by policy name, where no AWS managed policy is narrow enough.
    """

    configuration: Mapping[str, object] = field(default_factory=dict)
    inline: Mapping[str, Sequence[Statement]] = field(default_factory=dict)


def eks_addon(
    make: Maker,
    plan: AddonPlan,
    settings: AddonSettings,
    *,
    cluster_name: str,
    identity: PodIdentity,
    after: Sequence[core.TerraformElement] = (),
) -> aws.EksAddon:
    """Install an add-on at its pinned version; EKS overwrites what others changed in its objects."""
    association: list[aws.EksAddonPodIdentityAssociation] | None = None
    irsa_role: str | None = None
    ready: tuple[core.TerraformElement, ...] = ()
    if plan.service_account and (plan.role_policies or settings.inline):
        role = pod_role(
            make,
            f"addon-{plan.name}",
            identity=identity,
            namespace=_NAMESPACE,
            service_account=plan.service_account,
            description=f"{make.scope.platform}: add-on {plan.name}",
            managed=[make.scope.managed_policy(name) for name in plan.role_policies],
            inline=settings.inline,
            associate=False,
        )
        ready = role.ready
        if identity.kind == "irsa":
            irsa_role = role.arn
        else:
            association = [aws.EksAddonPodIdentityAssociation(role_arn=role.arn, service_account=plan.service_account)]
    return make(
        aws.EksAddon,
        plan.name,
        cluster_name=cluster_name,
        addon_name=plan.name,
        addon_version=plan.version,
        configuration_values=json.dumps(settings.configuration, sort_keys=True) if settings.configuration else None,
        pod_identity_association=association,
        service_account_role_arn=irsa_role,
        resolve_conflicts_on_create="OVERWRITE",
        resolve_conflicts_on_update="OVERWRITE",
        depends_on=[*ready, *after] or None,
    )
