"""The AWS provider, loaded name by name. The names are in `aws.pyi`, one line per submodule: add yours there."""

from llminfra.bindings._names import table_of

_TABLE = table_of("cdktf_cdktf_provider_aws", __name__)
__getattr__ = _TABLE.resolve
__dir__ = _TABLE.names
