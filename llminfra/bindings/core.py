"""CDKTF itself and the construct tree, loaded when a class is first used."""

from llminfra.bindings.names import CoreNames

_NAMES = CoreNames(__name__)
__getattr__ = _NAMES.resolve
__dir__ = _NAMES.names
