"""The Helm provider, loaded name by name. The names are in `helm.pyi`, one line per submodule."""

from llminfra.bindings._names import table_of

_TABLE = table_of("cdktf_cdktf_provider_helm", __name__)
__getattr__ = _TABLE.resolve
__dir__ = _TABLE.names
