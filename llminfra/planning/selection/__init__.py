"""Choosing an instance type for a model: every type of the catalog with what it holds, does and costs."""

from llminfra.planning.selection.options import Option, SortBy, list_options

__all__ = ["Option", "SortBy", "list_options"]
