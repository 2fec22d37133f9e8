"""Choosing an instance type for a model: every type of the catalog with what it holds, does and costs."""

from llminfra.planning.memory.inputs.case import SPAN_NODES
from llminfra.planning.selection.options import REGION_OF_ORDER, Option, SortBy, list_options

__all__ = ["REGION_OF_ORDER", "SPAN_NODES", "Option", "SortBy", "list_options"]
