"""``Bedrock``: models that Amazon Bedrock hosts, with cost tags, guardrail, logs and narrow access."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from llminfra.spec.base.names import Namespace
from llminfra.spec.base.spec import Distinct, Many, Name, Spec
from llminfra.spec.errors.expectations import refused

Strength = Literal["NONE", "LOW", "MEDIUM", "HIGH"]
PersonalData = Literal[
    "ADDRESS", "AGE", "AWS_ACCESS_KEY", "AWS_SECRET_KEY", "CA_HEALTH_NUMBER", "CA_SOCIAL_INSURANCE_NUMBER",
    "CREDIT_DEBIT_CARD_CVV", "CREDIT_DEBIT_CARD_EXPIRY", "CREDIT_DEBIT_CARD_NUMBER", "DRIVER_ID", "EMAIL",
    "INTERNATIONAL_BANK_ACCOUNT_NUMBER", "IP_ADDRESS", "LICENSE_PLATE", "MAC_ADDRESS", "NAME", "PASSWORD", "PHONE",
    "PIN", "SWIFT_CODE", "UK_NATIONAL_HEALTH_SERVICE_NUMBER", "UK_NATIONAL_INSURANCE_NUMBER",
    "UK_UNIQUE_TAXPAYER_REFERENCE_NUMBER", "URL", "USERNAME", "US_BANK_ACCOUNT_NUMBER", "US_BANK_ROUTING_NUMBER",
    "US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER", "US_PASSPORT_NUMBER", "US_SOCIAL_SECURITY_NUMBER",
    "VEHICLE_IDENTIFICATION_NUMBER",
]  # fmt: skip
"""Kinds of personal data that a guardrail knows (PyPI botocore 1.35.99, bedrock: GuardrailPiiEntityType)."""
BEDROCK_MODEL = r"^[a-z0-9-]+\.[a-z0-9.-]+(:[0-9]+)?$"


class BedrockModel(Spec):
    """One foundation model, called through an application inference profile that carries the platform's tags."""

    spec_section: ClassVar[str] = "bedrock.models"

    name: Name
    """Short name that applications use."""
    id: Annotated[str, Field(pattern=BEDROCK_MODEL)]
    """Model id without a geography, for example ``anthropic.claude-sonnet-4-5-20250929-v1:0``."""
    routing: Literal["region", "geography", "global"] = "geography"
    """Whether Bedrock may answer from the platform's region alone, from its geography, or from anywhere."""


class Topic(Spec):
    """A subject that the guardrail refuses."""

    name: Annotated[str, Field(pattern=r"^[0-9a-zA-Z][0-9a-zA-Z _!?.-]{0,99}$")]
    """Name of the subject."""
    definition: Annotated[str, Field(min_length=1, max_length=200)]
    """What belongs to the subject, in one sentence."""
    examples: Annotated[Many[Annotated[str, Field(max_length=100)]], Field(max_length=5)] = ()
    """Up to five requests that belong to it."""


class Guardrail(Spec):
    """What may go to a model and what may come back; a version of it is published with every change."""

    hate: Strength = "HIGH"
    """Filter of hate speech, in requests and answers."""
    insults: Strength = "HIGH"
    """Filter of insults."""
    sexual: Strength = "HIGH"
    """Filter of sexual content."""
    violence: Strength = "HIGH"
    """Filter of violence."""
    misconduct: Strength = "HIGH"
    """Filter of criminal and harmful activities."""
    prompt_attack: Strength = "HIGH"
    """How strictly attempts to override instructions are filtered (input only)."""
    blocked_topics: Annotated[Distinct[Topic], Field(max_length=30)] = ()
    """Subjects that are refused."""
    blocked_words: Annotated[Distinct[Annotated[str, Field(max_length=100)]], Field(max_length=10_000)] = ()
    """Words and phrases that are refused, besides profanity."""
    anonymize: Distinct[PersonalData] = ("EMAIL", "PHONE")
    """Kinds of personal data that are masked, by Bedrock's names."""
    block: Distinct[PersonalData] = ("AWS_SECRET_KEY", "CREDIT_DEBIT_CARD_NUMBER", "PASSWORD")
    """Kinds of personal data that stop a request or an answer."""
    blocked_input_message: Annotated[str, Field(min_length=1, max_length=500)] = "This request cannot be processed."
    """What a caller gets instead of an answer to a refused request."""
    blocked_output_message: Annotated[str, Field(min_length=1, max_length=500)] = "This answer cannot be shown."
    """What a caller gets instead of a refused answer."""

    @model_validator(mode="after")
    def _masked_or_stopped(self) -> Self:
        if both := [kind for kind in self.anonymize if kind in self.block]:
            raise refused(
                f"{', '.join(both)} cannot be masked and stop the request as well",
                "anonymize",
                "block",
                expected="each kind in one of the two",
                fix=f"take {', '.join(both)} out of anonymize or out of block",
            )
        return self


class ProvisionedThroughput(Spec):
    """Model units that are bought by the hour, used or not."""

    model: BedrockModel
    """Model that the units serve; ``routing='region'``."""
    units: Annotated[int, Field(ge=1)] = 1
    """Model units."""
    context: Annotated[str, Field(pattern=r"^[0-9]+k$")] | None = None
    """Context length that the units serve, for example ``24k``: AWS sells each apart; ``None``: the longest."""
    commitment: Literal["none", "1-month", "6-months"] = "none"
    """How long they are bought for; a commitment cannot be ended early, whatever Terraform says."""


class InvocationLogging(Spec):
    """Every request and answer in CloudWatch Logs: one setting for the whole account and region."""

    kind: Literal["create"] = "create"
    days: Annotated[int, Field(ge=1)] = 365
    """Days that they are kept; they hold prompts and answers."""


class PodAccess(Spec):
    """A Kubernetes service account of the platform's cluster whose pods may call the models."""

    kind: Literal["pod"] = "pod"
    namespace: Namespace
    """Kubernetes namespace."""
    service_account: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")]
    """Name of the service account."""
    models: Distinct[BedrockModel] = ()
    """Models it may call; empty: all of them."""


class RoleAccess(Spec):
    """An existing IAM role, for example of a Lambda function, that may call the models."""

    kind: Literal["role"] = "role"
    role_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_+=,.@-]{1,64}$")]
    """Name of the role, without its path."""
    models: Distinct[BedrockModel] = ()
    """Models it may call; empty: all of them."""


Access = Annotated[PodAccess | RoleAccess, Field(discriminator="kind")]


def _caller(access: PodAccess | RoleAccess) -> str:
    if isinstance(access, PodAccess):
        return f"service account {access.namespace}/{access.service_account}"
    return f"role {access.role_name}"


class Bedrock(Spec):
    """Commercial and open models without hosting.

    It becomes application inference profiles with cost tags, a guardrail with a version, invocation logging, the
    ``bedrock-runtime`` VPC endpoint, and roles that name each model in each region a request may reach.
    """

    spec_section: ClassVar[str] = "bedrock"

    models: Annotated[Many[BedrockModel], Field(min_length=1)]
    """Models that may be called."""
    guardrail: Guardrail | None = Guardrail()
    """``None``: no guardrail; otherwise callers must name it in every request."""
    logging: InvocationLogging | Literal["existing"] = "existing"
    """Turn invocation logging on, or leave the account's own setting alone: there is one in a region, and the last
    platform that writes it wins."""
    throughput: Distinct[ProvisionedThroughput] = ()
    """Model units to buy."""
    access: Distinct[Access] = ()
    """Who may call the models."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        sound = [item for item in self.models if not item.unchecked]
        names = [item.name for item in sound]
        if len(set(names)) < len(names):
            twice = sorted({name for name in names if names.count(name) > 1})
            raise refused(
                f"two models have the same name: {', '.join(twice)}",
                "models",
                expected="a name of its own for each model",
                fix=f"rename one of the two {twice[0]!r}",
            )
        callers = [_caller(item) for item in self.access if not item.unchecked]
        if twice := sorted({caller for caller in callers if callers.count(caller) > 1}):
            raise refused(
                f"the {twice[0]} has access twice",
                "access",
                expected="one access for each pod or role, with all of its models",
                fix=f"put the models of both into one access of the {twice[0]}",
                code="LLM_SPEC_4",
            )
        used = [item.model for item in self.throughput if not item.unchecked]
        used += [model for item in self.access if not item.unchecked for model in item.models]
        for model in used:
            if not model.unchecked and model not in self.models:
                raise refused(
                    f"{model.name!r} is used but not among models",
                    "models",
                    expected="every model of throughput and access among models",
                    fix=f"add {model.name!r} to models",
                )
        return self
