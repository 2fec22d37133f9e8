"""CDKTF itself and the construct tree, loaded when a name is first used."""

from llminfra.bindings._names import core_names

_NAMES = core_names(__name__)
__getattr__ = _NAMES.resolve
__dir__ = _NAMES.names
