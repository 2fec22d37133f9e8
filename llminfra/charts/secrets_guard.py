"""Literal secrets do not belong in Helm values: they would land in Terraform state and in the release Secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.catalog.container_env import is_secret_env, is_secret_flag, is_secret_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def literal_secrets(env: Mapping[str, str], args: Iterable[str]) -> list[str]:
    """One sentence for each secret that is written out in environment or arguments; the secret itself is not shown."""
    found = [
        f"environment variable {name} is a secret: refer to a Secret instead of writing its value"
        for name, value in env.items()
        if is_secret_env(name) or is_secret_value(value)
    ]
    for arg in args:
        flag, _, value = arg.partition("=")
        if is_secret_flag(arg) and not value.startswith("$("):
            found.append(f"argument {flag} takes a secret on the command line: use the environment, from a Secret")
        elif is_secret_value(arg):
            found.append("an argument holds a literal secret: use the environment, from a Secret")
    return found
