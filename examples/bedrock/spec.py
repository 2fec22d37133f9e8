"""Commercial models without hosting: two of Bedrock's behind a guardrail, for one service account and one function."""

import datetime as dt

from llminfra import (
    Bedrock,
    BedrockModel,
    Cluster,
    Guardrail,
    InvocationLogging,
    Platform,
    PodAccess,
    RoleAccess,
    Topic,
    Waiver,
)

# Findings that this platform lives with: why, and until when somebody answers for it.
ACCEPTED = {
    (
        "CKV_AWS_338",
        "bedrock.logging",
    ): "The log holds prompts and answers of people: it goes after a quarter.",
}

sonnet = BedrockModel(name="sonnet", id="anthropic.claude-sonnet-4-5-20250929-v1:0")
micro = BedrockModel(name="micro", id="amazon.nova-micro-v1:0", routing="region")

platform = Platform(
    name="bedrock",
    region="us-east-1",
    cluster=Cluster(),
    waivers=[
        Waiver(rule=rule, scope=scope, reason=reason, owner="ml-platform", expires=dt.date(2027, 6, 30))
        for (rule, scope), reason in ACCEPTED.items()
    ],
    bedrock=Bedrock(
        models=[sonnet, micro],
        guardrail=Guardrail(
            blocked_topics=[
                Topic(
                    name="Investment advice",
                    definition="Recommendations to buy, hold or sell securities or other assets.",
                    examples=["Which shares should I buy?"],
                )
            ]
        ),
        logging=InvocationLogging(days=90),
        access=[
            PodAccess(namespace="assistant", service_account="assistant"),
            RoleAccess(role_name="summaries-function", models=[micro]),
        ],
    ),
)
