"""IAM as policy documents only, so that every statement can be read and checked before anything is applied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct, field
from msgspec.structs import replace

from llminfra.bindings import aws, core
from llminfra.constructs.basis.scope import Maker

Test = Literal["StringEquals", "StringLike", "ArnLike", "ArnEquals", "Bool", "ForAllValues:StringEquals",
               "StringEqualsIfExists", "NumericLessThan"]  # fmt: skip
Condition = tuple[Test, str, Sequence[str]]
"""A test, a variable, and values of which one must hold."""

SETTLE_VARIABLE = "LLMINFRA_SETTLE_S"
"""Variable of the environment with the seconds to wait for an association; a rehearsal waits for none."""
_SETTLES_S = 20


class Statement(Struct, frozen=True, kw_only=True):
    """One statement of a policy.

    Attributes:
        sid: Name of the statement, letters and digits.
        actions: Actions such as ``s3:GetObject``.
        resources: ARNs; none in a trust policy.
        principals: Identifiers by kind (``Service``, ``AWS``, ``Federated``).
        conditions: Values by test and variable.
        effect: ``Allow`` or ``Deny``.
    """

    sid: str
    actions: Sequence[str]
    resources: Sequence[str] = ()
    principals: Mapping[str, Sequence[str]] = field(default_factory=dict)
    conditions: Sequence[Condition] = ()
    effect: Literal["Allow", "Deny"] = "Allow"


def denied_without_tls(*actions: str, resource: str, below: str = "") -> Statement:
    """Nobody may do this over plain HTTP; ``below`` names what lies under the resource, too, such as ``/*``."""
    return Statement(
        sid="DenyWithoutTls",
        effect="Deny",
        actions=actions,
        resources=[resource, f"{resource}{below}"] if below else [resource],
        principals={"AWS": ["*"]},
        conditions=[("Bool", "aws:SecureTransport", ["false"])],
    )


def policy_document(make: Maker, id_: str, statements: Sequence[Statement]) -> str:
    """A policy document; returns the expression of its JSON."""
    return make(aws.DataAwsIamPolicyDocument, id_, statement=[_statement(item) for item in statements]).json


def _statement(item: Statement) -> aws.DataAwsIamPolicyDocumentStatement:
    return aws.DataAwsIamPolicyDocumentStatement(
        sid=item.sid,
        effect=item.effect,
        actions=list(item.actions),
        resources=list(item.resources) or None,
        principals=[
            aws.DataAwsIamPolicyDocumentStatementPrincipals(type=kind, identifiers=list(identifiers))
            for kind, identifiers in item.principals.items()
        ]
        or None,
        condition=[
            aws.DataAwsIamPolicyDocumentStatementCondition(test=test, variable=variable, values=list(values))
            for test, variable, values in item.conditions
        ]
        or None,
    )


class Role(Struct, frozen=True):
    """A role, and what must exist before its permissions hold."""

    arn: str
    name: str
    ready: tuple[core.TerraformElement, ...]


def role(
    make: Maker,
    id_: str,
    *,
    trust: Statement,
    description: str,
    managed: Sequence[str] = (),
    inline: Mapping[str, Sequence[Statement]] | None = None,
) -> Role:
    """A role with AWS managed policies (by ARN) and inline policies (by name)."""
    scope = make.scope
    created = make(
        aws.IamRole,
        id_,
        name=scope.iam_name(id_),
        description=description,
        assume_role_policy=policy_document(make, f"{id_}-trust", [trust]),
        max_session_duration=3600,
    )
    ready: list[core.TerraformElement] = [created]
    name = created.name
    ready += [
        make(aws.IamRolePolicyAttachment, f"{id_}-{arn.rpartition('/')[2]}", role=name, policy_arn=arn)
        for arn in managed
    ]
    for policy, statements in (inline or {}).items():
        document = policy_document(make, f"{id_}-{policy}", statements)
        ready.append(make(aws.IamRolePolicy, f"{id_}-{policy}", name=policy, role=name, policy=document))
    return Role(arn=created.arn, name=name, ready=tuple(ready))


def trusts_service(service: str, *conditions: tuple[Test, str, Sequence[str]]) -> Statement:
    """Trust of an AWS service."""
    return Statement(
        sid="AssumedByService", actions=["sts:AssumeRole"], principals={"Service": [service]}, conditions=conditions
    )


class PodIdentity(Struct, frozen=True, kw_only=True):
    """How pods of one cluster get roles.

    Attributes:
        kind: EKS Pod Identity, or IAM roles for service accounts (OIDC federation).
        cluster_name: Name of the cluster.
        oidc_provider_arn: ARN of the cluster's OIDC provider.
        oidc_issuer: Issuer without ``https://``.
    """

    kind: Literal["pod-identity", "irsa"]
    cluster_name: str
    oidc_provider_arn: str
    oidc_issuer: str


def trusts_pod(make: Maker, identity: PodIdentity, namespace: str, service_account: str) -> Statement:
    """Trust of one Kubernetes service account of one cluster.

    Pod Identity sets the request tags itself (Amazon EKS User Guide, "Create IAM role with trust policy required by
    EKS Pod Identity"), so that another account of the cluster cannot borrow the role by an association of its own.
    """
    if identity.kind == "irsa":
        return Statement(
            sid="AssumedByServiceAccount",
            actions=["sts:AssumeRoleWithWebIdentity"],
            principals={"Federated": [identity.oidc_provider_arn]},
            conditions=[
                ("StringEquals", f"{identity.oidc_issuer}:aud", ["sts.amazonaws.com"]),
                (
                    "StringEquals",
                    f"{identity.oidc_issuer}:sub",
                    [f"system:serviceaccount:{namespace}:{service_account}"],
                ),
            ],
        )
    return Statement(
        sid="AssumedByServiceAccount",
        actions=["sts:AssumeRole", "sts:TagSession"],
        principals={"Service": ["pods.eks.amazonaws.com"]},
        conditions=[
            ("StringEquals", "aws:SourceAccount", [make.scope.account_id]),
            ("StringEquals", "aws:RequestTag/eks-cluster-name", [identity.cluster_name]),
            ("StringEquals", "aws:RequestTag/kubernetes-namespace", [namespace]),
            ("StringEquals", "aws:RequestTag/kubernetes-service-account", [service_account]),
        ],
    )


def pod_role(
    make: Maker,
    id_: str,
    *,
    identity: PodIdentity,
    namespace: str,
    service_account: str,
    description: str,
    managed: Sequence[str] = (),
    inline: Mapping[str, Sequence[Statement]] | None = None,
    associate: bool = True,
    pods_follow: bool = False,
) -> Role:
    """A role for the pods of one service account.

    With Pod Identity the association is created too, unless ``associate`` is false because an EKS add-on makes its own;
    with IRSA the caller annotates the service account with the role's ARN. Where ``pods_follow`` in the same stack,
    what depends on the role waits until EKS knows the association everywhere.
    """
    created = role(
        make,
        id_,
        trust=trusts_pod(make, identity, namespace, service_account),
        description=description,
        managed=managed,
        inline=inline,
    )
    if not associate or identity.kind == "irsa":
        return created
    association = make(
        aws.EksPodIdentityAssociation,
        id_,
        cluster_name=identity.cluster_name,
        namespace=namespace,
        service_account=service_account,
        role_arn=created.arn,
    )
    if not pods_follow:
        return replace(created, ready=(*created.ready, association))
    return replace(created, ready=(*created.ready, _known_everywhere(make, id_, association)))


def _known_everywhere(make: Maker, id_: str, association: aws.EksPodIdentityAssociation) -> core.TerraformElement:
    """Time for an association to reach the webhook that gives pods their credentials.

    Associations are eventually consistent (Amazon EKS User Guide, "Learn how EKS Pod Identity grants Pods access"), and
    the webhook looks at a pod when it is created: one that Helm creates a second after the association never gets
    credentials, however often its containers restart (terraform-aws-modules/terraform-aws-eks-pod-identity#8;
    aws/eks-pod-identity-agent#52 needed 5 to 10 s). Nothing tells when that time is over
    (aws/containers-roadmap#2507). ``terraform_data`` needs no provider beside Terraform's own.
    """
    return make(
        core.DataResource,
        id_,
        triggers_replace={"association": association.association_id},
        provisioners=[
            core.LocalExecProvisioner(type="local-exec", command=f"sleep $${{{SETTLE_VARIABLE}:-{_SETTLES_S}}}")
        ],
    )


def without_scheme(issuer: str) -> str:
    """An OIDC issuer as IAM names it in ARNs and conditions."""
    return core.Fn.replace(issuer, "https://", "")
