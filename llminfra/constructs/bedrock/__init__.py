"""Amazon Bedrock: guardrails, inference profiles, invocation logging."""
