"""llminfra."""
