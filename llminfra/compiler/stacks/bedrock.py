"""The Bedrock stack: inference profiles, guardrail, invocation log, model units, and who may call."""

from __future__ import annotations

from llminfra.bindings import aws, core
from llminfra.compiler.contracts import ClusterContract
from llminfra.compiler.stacks.common import Built, open_stack, pod_identity, read
from llminfra.constructs.basis.iam import PodIdentity, Statement, pod_role, policy_document
from llminfra.constructs.basis.kms import Key, kms_key
from llminfra.constructs.basis.names import identifier
from llminfra.constructs.basis.scope import Scope
from llminfra.constructs.basis.state import write_outputs
from llminfra.constructs.bedrock.guardrail import GuardrailOutputs, bedrock_guardrail
from llminfra.constructs.bedrock.invocation_logging import invocation_log_group_name, invocation_logging
from llminfra.constructs.bedrock.profile import BedrockProfile, bedrock_profile, may_invoke, model_arn, named_guardrail
from llminfra.planning.encryption.statements import used_by_log_groups
from llminfra.planning.plan import Plan
from llminfra.planning.plan.targets import BedrockPlan, ModelUnitsPlan
from llminfra.spec.services.bedrock import PodAccess, RoleAccess

_COMMITMENTS = {"1-month": "OneMonth", "6-months": "SixMonths"}


def bedrock_stack(app: core.App, plan: Plan, item: BedrockPlan) -> Built:
    """Compile the models of a plan that Bedrock hosts."""
    scope = open_stack(app, plan, "bedrock")
    spec = item.spec
    outputs: dict[str, str] = {}
    profiles = {
        model.name: bedrock_profile(
            scope.under(f"bedrock.models.{model.name}"),
            model.name,
            model=model.spec.id,
            profile=model.profile,
            regions=model.regions,
        )
        for model in item.models
    }
    outputs |= {f"{identifier(name)}_profile_arn": profile.arn for name, profile in profiles.items()}
    key = _key(scope, item)
    guardrail = None
    if spec.guardrail is not None and key is not None:
        guardrail = bedrock_guardrail(scope.under("bedrock.guardrail"), spec.guardrail, key)
        outputs |= {"guardrail_id": guardrail.id, "guardrail_arn": guardrail.arn}
        outputs["guardrail_version"] = guardrail.version
    if spec.logging != "existing" and key is not None:
        make = scope.under("bedrock.logging")
        outputs["invocation_log_group"] = invocation_logging(make, days=spec.logging.days, key=key)
    units = {each.spec.model.name: _throughput(scope, each) for each in item.units}
    outputs |= {f"{identifier(name)}_provisioned_arn": arn for name, arn in units.items()}
    cluster = ClusterContract.read(read(scope, plan, "cluster"), plan) if item.pods else None
    identity = pod_identity(plan, cluster) if cluster else None
    for access in spec.access:
        statements = _statements(item, access, profiles, units, guardrail, key)
        outputs |= _access(scope, identity, access, statements)
    write_outputs(scope.stack, outputs)
    scope.finish()
    return Built("bedrock", scope.stack)


def _key(scope: Scope, item: BedrockPlan) -> Key | None:
    """A key for the guardrail and the log, where there is one of them."""
    logs = item.spec.logging != "existing"
    if item.spec.guardrail is None and not logs:
        return None
    statements = [used_by_log_groups(scope, invocation_log_group_name(scope))] if logs else []
    return kms_key(
        scope.under("bedrock"), "bedrock", purpose="Bedrock's guardrail and invocation log", statements=statements
    )


def _throughput(scope: Scope, bought: ModelUnitsPlan) -> str:
    """Model units; a commitment that Terraform destroyed would go on costing, so it does not."""
    item = bought.spec
    return scope.under("bedrock.throughput")(
        aws.BedrockProvisionedModelThroughput,
        f"bedrock-{item.model.name}",
        provisioned_model_name=scope.name(item.model.name),
        model_arn=model_arn(scope, bought.model_id, scope.region),
        model_units=item.units,
        commitment_duration=_COMMITMENTS.get(item.commitment),
        lifecycle=core.TerraformResourceLifecycle(prevent_destroy=True) if item.commitment in _COMMITMENTS else None,
    ).provisioned_model_arn


def _statements(
    item: BedrockPlan,
    access: PodAccess | RoleAccess,
    profiles: dict[str, BedrockProfile],
    units: dict[str, str],
    guardrail: GuardrailOutputs | None,
    key: Key | None,
) -> list[Statement]:
    """Each model by its own ARNs, in each region that may answer; never a wildcard."""
    models = item.of(access)
    arn = guardrail.arn if guardrail else None
    statements = list(may_invoke("Call", [profiles[model.name] for model in models], guardrail_arn=arn))
    bought = [units[model.name] for model in models if model.name in units]
    if bought:
        statements.append(
            Statement(
                sid="CallProvisioned",
                actions=["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"],
                resources=bought,
                conditions=named_guardrail(arn),
            )
        )
    if guardrail and key:
        statements.append(
            Statement(sid="ApplyGuardrail", actions=["bedrock:ApplyGuardrail"], resources=[guardrail.arn])
        )
        statements.append(Statement(sid="DecryptGuardrail", actions=["kms:Decrypt"], resources=[key.arn]))
    return statements


def _access(
    scope: Scope, identity: PodIdentity | None, access: PodAccess | RoleAccess, statements: list[Statement]
) -> dict[str, str]:
    """A role for a service account, or a policy on a role that is there."""
    make = scope.under("bedrock.access")
    if isinstance(access, RoleAccess):
        id_ = f"bedrock-{identifier(access.role_name)}"
        document = policy_document(make, id_, statements)
        # The look-up fails at plan time where the role is not there.
        existing = make(aws.DataAwsIamRole, id_, name=access.role_name)
        make(aws.IamRolePolicy, id_, name=scope.name("bedrock"), role=existing.name, policy=document)
        return {}
    if identity is None:
        return {}  # planning has refused it
    id_ = f"bedrock-{access.namespace}-{identifier(access.service_account)}"
    created = pod_role(
        make,
        id_,
        identity=identity,
        namespace=access.namespace,
        service_account=access.service_account,
        description=f"{scope.platform}: {access.namespace}/{access.service_account} calls Bedrock",
        inline={"bedrock": statements},
    )
    return {f"{identifier(access.namespace)}_{identifier(access.service_account)}_role_arn": created.arn}
