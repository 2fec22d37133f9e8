"""Digests of container images, as their registries tell them."""

from llminfra.registries.ask import RegistryError, ask_digests

__all__ = ["RegistryError", "ask_digests"]
