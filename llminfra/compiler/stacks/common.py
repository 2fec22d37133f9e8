"""What every stack starts and ends with."""

from __future__ import annotations

from msgspec import Struct, field

from llminfra.bindings import aws, core
from llminfra.compiler.contracts import ClusterContract
from llminfra.constructs.basis.iam import PodIdentity
from llminfra.constructs.basis.names import literal
from llminfra.constructs.basis.providers import aws_provider, require_versions
from llminfra.constructs.basis.scope import Scope
from llminfra.constructs.basis.state import Outputs, StateLocation, read_outputs, set_backend
from llminfra.planning.network.mirror import image_names
from llminfra.planning.plan import Plan
from llminfra.planning.plan.stacks import StackKind


class Built(Struct, frozen=True):
    """A finished stack.

    ``charts`` are the in-repo charts that its releases install from its own folder, ``workloads`` the code that its
    functions and jobs run from there.
    """

    kind: StackKind
    stack: core.TerraformStack
    charts: frozenset[str] = field(default=frozenset())
    workloads: frozenset[str] = field(default=frozenset())


def stack_name(plan: Plan, kind: StackKind) -> str:
    """Name of a stack: unique over all platforms of an app."""
    return f"{plan.platform.name}-{kind}"


def location(plan: Plan, kind: StackKind) -> StateLocation:
    """Where a stack of the plan keeps its state."""
    platform = plan.platform
    return StateLocation(
        state=platform.state,
        platform=platform.name,
        region=platform.region,
        stack=kind,
        customer_key=platform.customer_key.arn if platform.customer_key else None,
    )


def open_stack(app: core.App, plan: Plan, kind: StackKind, *, with_helm: bool = False) -> Scope:
    """A stack with backend, pinned providers, tags, and the account it runs in."""
    platform = plan.platform
    stack = core.TerraformStack(app, stack_name(plan, kind))
    set_backend(stack, location(plan, kind))
    require_versions(stack, with_helm=with_helm)
    tags = {**plan.tags, "llminfra:stack": kind}
    tags = {literal(key): literal(value) for key, value in tags.items()}
    aws_provider(stack, region=platform.region, account_id=platform.account_id, tags=tags)
    account_id = platform.account_id
    if account_id is None:
        # Read once per stack: ARNs and conditions name the account even where the spec does not.
        account_id = aws.DataAwsCallerIdentity(stack, "account").account_id
    return Scope(
        stack=stack,
        platform=platform.name,
        region=platform.region,
        account_id=account_id,
        tags=tags,
        images=image_names(plan),
        encryption=platform.encryption,
    )


def read(scope: Scope, plan: Plan, kind: StackKind) -> Outputs:
    """Outputs of another stack of the plan."""
    return read_outputs(scope.stack, location(plan, kind))


def pod_identity(plan: Plan, cluster: ClusterContract) -> PodIdentity:
    """How pods get roles, from outside the cluster stack."""
    return PodIdentity(
        kind=plan.eks.identity,
        cluster_name=plan.eks.name,
        oidc_provider_arn=cluster.oidc_provider_arn,
        oidc_issuer=cluster.oidc_issuer,
    )
