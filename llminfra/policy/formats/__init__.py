"""A report as text for machines and people: JSON, SARIF, JUnit, GitHub annotations, and rows of a table."""

from __future__ import annotations

from llminfra.policy.formats.github import to_github
from llminfra.policy.formats.json import to_json
from llminfra.policy.formats.junit import to_junit
from llminfra.policy.formats.sarif import to_sarif
from llminfra.policy.formats.table import Group, to_table

__all__ = ["Group", "to_github", "to_json", "to_junit", "to_sarif", "to_table"]
