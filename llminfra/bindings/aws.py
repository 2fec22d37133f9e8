"""The AWS provider, loaded class by class. `aws.pyi` is the table of its submodules: to add one, add its line there."""

from llminfra.bindings.names import provider_names

_NAMES = provider_names(__name__, "cdktf_cdktf_provider_aws")
__getattr__ = _NAMES.resolve
__dir__ = _NAMES.names
