"""A Bedrock guardrail, and a version of it that callers name."""

from __future__ import annotations

from msgspec import Struct

from llminfra.bindings import aws, core
from llminfra.constructs.basis.kms import Key
from llminfra.constructs.basis.names import literal
from llminfra.constructs.basis.scope import Maker
from llminfra.spec.services.bedrock import Guardrail


class GuardrailOutputs(Struct, frozen=True):
    """Id, ARN and number of the published version."""

    id: str
    arn: str
    version: str


def bedrock_guardrail(make: Maker, spec: Guardrail, key: Key) -> GuardrailOutputs:
    """Create a guardrail and publish it; earlier versions stay for callers that still name them."""
    guardrail = make(
        aws.BedrockGuardrail,
        "guardrail",
        name=make.scope.name("guardrail"),
        description=f"What may go to the models of {make.scope.platform} and come back",
        blocked_input_messaging=literal(spec.blocked_input_message),
        blocked_outputs_messaging=literal(spec.blocked_output_message),
        kms_key_arn=key.arn,
        content_policy_config=[aws.BedrockGuardrailContentPolicyConfig(filters_config=_filters(spec))],
        sensitive_information_policy_config=_personal_data(spec),
        topic_policy_config=_topics(spec),
        word_policy_config=[
            aws.BedrockGuardrailWordPolicyConfig(
                managed_word_lists_config=[
                    aws.BedrockGuardrailWordPolicyConfigManagedWordListsConfig(type="PROFANITY")
                ],
                words_config=[
                    aws.BedrockGuardrailWordPolicyConfigWordsConfig(text=literal(word)) for word in spec.blocked_words
                ]
                or None,
            )
        ],
        depends_on=list(key.ready),
    )
    version = make(
        aws.BedrockGuardrailVersion,
        "guardrail",
        guardrail_arn=guardrail.guardrail_arn,
        description="Published by Terraform",
        skip_destroy=True,
        # A version is a copy: every change of the guardrail needs a new one. Terraform wants the address itself.
        lifecycle=core.TerraformResourceLifecycle(replace_triggered_by=["aws_bedrock_guardrail.guardrail"]),
    )
    return GuardrailOutputs(id=guardrail.guardrail_id, arn=guardrail.guardrail_arn, version=version.version)


def _filters(spec: Guardrail) -> list[aws.BedrockGuardrailContentPolicyConfigFiltersConfig]:
    strengths = {
        "HATE": spec.hate,
        "INSULTS": spec.insults,
        "SEXUAL": spec.sexual,
        "VIOLENCE": spec.violence,
        "MISCONDUCT": spec.misconduct,
        "PROMPT_ATTACK": spec.prompt_attack,
    }
    return [
        aws.BedrockGuardrailContentPolicyConfigFiltersConfig(
            # Attacks are in prompts: Bedrock takes no other strength for answers.
            type=kind,
            input_strength=strength,
            output_strength="NONE" if kind == "PROMPT_ATTACK" else strength,
        )
        for kind, strength in strengths.items()
    ]


def _personal_data(spec: Guardrail) -> list[aws.BedrockGuardrailSensitiveInformationPolicyConfig] | None:
    actions = {**dict.fromkeys(spec.anonymize, "ANONYMIZE"), **dict.fromkeys(spec.block, "BLOCK")}
    if not actions:
        return None
    entities = [
        aws.BedrockGuardrailSensitiveInformationPolicyConfigPiiEntitiesConfig(type=kind, action=action)
        for kind, action in sorted(actions.items())
    ]
    return [aws.BedrockGuardrailSensitiveInformationPolicyConfig(pii_entities_config=entities)]


def _topics(spec: Guardrail) -> list[aws.BedrockGuardrailTopicPolicyConfig] | None:
    topics = [
        aws.BedrockGuardrailTopicPolicyConfigTopicsConfig(
            name=item.name,
            type="DENY",
            definition=literal(item.definition),
            examples=[literal(text) for text in item.examples] or None,
        )
        for item in spec.blocked_topics
    ]
    return [aws.BedrockGuardrailTopicPolicyConfig(topics_config=topics)] if topics else None
