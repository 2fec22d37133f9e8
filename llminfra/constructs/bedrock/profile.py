"""Application inference profiles of Bedrock: the platform's own name for a model, with its tags on the bill."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from llminfra.bindings import aws
from llminfra.constructs.basis.iam import Condition, Statement
from llminfra.constructs.basis.scope import Maker, Scope

ANYWHERE = "global"
"""What stands for any commercial region among the regions of a model."""


class BedrockProfile(Struct, frozen=True):
    """A profile, and the ARNs that a caller must be allowed to use behind it.

    Attributes:
        arn: ARN of the application inference profile, which callers name as the model.
        source: ARN of what it copies: a system-defined profile or a model.
        models: ARNs of the model in every region that may answer.
    """

    arn: str
    source: str
    models: tuple[str, ...]


def model_arn(scope: Scope, model: str, region: str) -> str:
    """ARN of a foundation model, which belongs to no account; anywhere in the world it belongs to no region either.

    Amazon Bedrock User Guide, "Geographic cross-Region inference" and "Global cross-Region inference": IAM policies.
    """
    return f"arn:{scope.partition}:bedrock:{'' if region == ANYWHERE else region}::foundation-model/{model}"


def bedrock_profile(
    make: Maker, name: str, *, model: str, profile: str | None, regions: Sequence[str]
) -> BedrockProfile:
    """Create a profile of a model in its region, or of a system-defined profile over several."""
    scope = make.scope
    models = tuple(model_arn(scope, model, region) for region in regions)
    source = models[0] if profile is None else scope.arn("bedrock", f"inference-profile/{profile}")
    created = make(
        aws.BedrockInferenceProfile,
        f"bedrock-{name}",
        name=scope.name(name),
        description=f"{model} for {scope.platform}",
        model_source=[aws.BedrockInferenceProfileModelSource(copy_from=source)],
        tags={"llminfra:model": name},
    )
    return BedrockProfile(arn=created.arn, source=source, models=models)


def named_guardrail(arn: str | None) -> list[Condition]:
    """The condition that a call names a published version of the guardrail; none without a guardrail.

    Any version: with the newest alone, a change of the guardrail would refuse every caller until it names the next.
    """
    return [("StringLike", "bedrock:GuardrailIdentifier", [f"{arn}:*"])] if arn else []


def may_invoke(sid: str, profiles: Sequence[BedrockProfile], *, guardrail_arn: str | None) -> tuple[Statement, ...]:
    """A role may call these profiles, and the models behind them through a profile only.

    With a guardrail, a call that does not name it is refused (Amazon Bedrock User Guide, "Enforce the use of specific
    guardrails in model inference requests").
    """
    guarded = named_guardrail(guardrail_arn)
    actions = ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"]
    arns = [item.arn for item in profiles]
    sources = sorted({item.source for item in profiles if ":inference-profile/" in item.source})
    return (
        Statement(
            sid=f"{sid}Profiles",
            actions=actions,
            resources=arns,
            conditions=guarded,
        ),
        Statement(
            sid=f"{sid}Models",
            actions=actions,
            resources=sorted({arn for item in profiles for arn in item.models}),
            conditions=[("StringEquals", "bedrock:InferenceProfileArn", [*arns, *sources])],
        ),
    )
