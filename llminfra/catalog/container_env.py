"""Names that containers' environments and arguments may not hold in plain text, and names that no shell accepts."""

from __future__ import annotations

import re

ENV_NAME_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]*$"
"""Environment variables that every shell accepts (POSIX.1-2017 Base Definitions 8.1, with lower case)."""

PROTECTED_ENV_PATTERN = (
    r"^(HF_TOKEN|HF_API_TOKEN|HUGGING_FACE_HUB_TOKEN|HUGGINGFACE_TOKEN|AWS_SECRET_ACCESS_KEY|AWS_SESSION_TOKEN|"
    r"WANDB_API_KEY|NGC_API_KEY|.*_API_KEY|.*_PASSWORD|.*_SECRET|.*_SECRET_KEY|.*_ACCESS_TOKEN|.*_AUTH_TOKEN)$"
)
"""Environment variables whose value is a secret: they come from a Secret, never from values."""

HUB_TOKEN = "HF_TOKEN"  # noqa: S105  # the name of a variable, not a token
"""Variable under which engines and huggingface_hub take the token of the Hugging Face Hub."""

SECRET_FLAGS = ("--api-key", "--api-keys", "--admin-api-key", "--hf-token", "--huggingface-token")
"""Engine flags that take a secret on the command line, where ``ps`` and every log show it."""

# Formats: a Hugging Face token starts with hf_, an AWS access key id with AKIA or ASIA (20 characters in all).
_SECRET_VALUE = re.compile(r"(\bhf_[A-Za-z0-9]{20,}|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|-----BEGIN [A-Z ]*PRIVATE KEY)")
_SECRET_ENV = re.compile(PROTECTED_ENV_PATTERN)
_ENV_NAME = re.compile(ENV_NAME_PATTERN)


def is_env_name(name: str) -> bool:
    """Whether every shell accepts the name of the variable."""
    return _ENV_NAME.fullmatch(name) is not None


def is_secret_env(name: str) -> bool:
    """Whether the value of a variable of that name is a secret."""
    return _SECRET_ENV.match(name) is not None


def is_secret_flag(argument: str) -> bool:
    """Whether an argument is, or starts with, a flag whose value is a secret; both spellings of the flag."""
    return argument.split("=", 1)[0].replace("_", "-") in SECRET_FLAGS


def is_secret_value(text: str) -> bool:
    """Whether the text holds a token or a key by the shape its issuer gives it."""
    return _SECRET_VALUE.search(text) is not None
