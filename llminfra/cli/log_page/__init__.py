"""What ``llminfra log`` prints."""
