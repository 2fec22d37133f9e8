"""Choosing an instance type for a model: every type of the catalog with what it holds, does and costs."""

from llminfra.planning.selection.options import REGION_OF_ORDER, Option, SortBy, list_options
from llminfra.planning.selection.placing import SPAN_NODES

__all__ = ["REGION_OF_ORDER", "SPAN_NODES", "Option", "SortBy", "list_options"]
