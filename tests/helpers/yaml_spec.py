"""Declared platforms as YAML."""

from __future__ import annotations

import yaml

from llminfra.loading.dump import plain_platform
from llminfra.spec.platform import Platform


def to_yaml(platform: Platform) -> str:
    """The platform as YAML; reading it gives an equal platform."""
    return yaml.safe_dump(plain_platform(platform), sort_keys=False, allow_unicode=True, width=100)
