"""Literal secrets do not belong in Helm values: they would land in Terraform state and in the release Secret."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

PROTECTED_ENV_PATTERN = (
    r"^(HF_TOKEN|HF_API_TOKEN|HUGGING_FACE_HUB_TOKEN|HUGGINGFACE_TOKEN|AWS_SECRET_ACCESS_KEY|AWS_SESSION_TOKEN|"
    r"WANDB_API_KEY|NGC_API_KEY|.*_API_KEY|.*_PASSWORD|.*_SECRET|.*_SECRET_KEY|.*_ACCESS_TOKEN|.*_AUTH_TOKEN)$"
)
"""Environment variables whose value is a secret: they come from a Secret, never from values."""

SECRET_FLAGS = ("--api-key", "--admin-api-key", "--hf-token", "--huggingface-token")
"""Engine flags that take a secret on the command line, where ``ps`` and every log show it."""

# Formats: a Hugging Face token starts with hf_, an AWS access key id with AKIA or ASIA (20 characters in all).
_SECRET_VALUE = re.compile(r"(\bhf_[A-Za-z0-9]{20,}|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|-----BEGIN [A-Z ]*PRIVATE KEY)")
_SECRET_ENV = re.compile(PROTECTED_ENV_PATTERN)


def literal_secrets(env: Mapping[str, str], args: Iterable[str]) -> list[str]:
    """One sentence for each secret that is written out in environment or arguments; the secret itself is not shown."""
    found = [
        f"environment variable {name} is a secret: refer to a Secret instead of writing its value"
        for name, value in env.items()
        if _SECRET_ENV.match(name) or _SECRET_VALUE.search(value)
    ]
    for arg in args:
        flag = arg.split("=", 1)[0]
        if flag in SECRET_FLAGS:
            found.append(f"argument {flag} takes a secret on the command line: use the environment, from a Secret")
        elif _SECRET_VALUE.search(arg):
            found.append("an argument holds a literal secret: use the environment, from a Secret")
    return found
