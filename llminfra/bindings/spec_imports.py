"""Finds the provider submodules that a spec file imports itself, before the file is loaded."""

from __future__ import annotations

import ast

from llminfra.bindings.runtime import AWS_PACKAGE


def submodules_imported_by(source: str) -> set[str]:
    """AWS submodules that Python source imports directly: `from cdktf_cdktf_provider_aws.sqs_queue import SqsQueue`.

    Every form of the import statement counts, at any depth of the file. `import cdktf_cdktf_provider_aws as aws`
    followed by `aws.sqs_queue` counts too. What is put together at run time is not found.

    Args:
        source: the text of a Python file; `llminfra.bindings.aws` in it needs no mention here.

    Raises:
        SyntaxError: it is not Python.
    """
    tree = ast.parse(source)
    found: set[str] = set()
    aliases: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module is not None:
            package, _, rest = node.module.partition(".")
            if package == AWS_PACKAGE:
                found.update([rest.split(".")[0]] if rest else [alias.name for alias in node.names])
        elif isinstance(node, ast.Import):
            for alias in node.names:
                package, _, rest = alias.name.partition(".")
                if package == AWS_PACKAGE:
                    found.update([rest.split(".")[0]] if rest else [])
                    if alias.asname is None or not rest:
                        aliases.add(alias.asname or package)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in aliases:
            found.add(node.attr)
    return {name for name in found if name.isidentifier() and not name.startswith("_")}
