"""The Helm provider, loaded class by class. `helm.pyi` is the table of its submodules."""

from llminfra.bindings.names import provider_names

_NAMES = provider_names(__name__, "cdktf_cdktf_provider_helm")
__getattr__ = _NAMES.resolve
__dir__ = _NAMES.names
