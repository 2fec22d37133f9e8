"""Commercial models without hosting: two of Bedrock's behind a guardrail, for one service account and one function."""

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
)

sonnet = BedrockModel(name="sonnet", id="anthropic.claude-sonnet-4-5-20250929-v1:0")
micro = BedrockModel(name="micro", id="amazon.nova-micro-v1:0", routing="region")

platform = Platform(
    name="bedrock",
    region="us-east-1",
    cluster=Cluster(),
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
