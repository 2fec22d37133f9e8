"""Rules of an application: Python files with functions under ``@rule``, found in a folder."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path

from llminfra.diagnostics import UsageError
from llminfra.rules.registry import by_code
from llminfra.rules.rule import Rule

_OURS = ("LLM_", "CKV_", "CKV2_")


def load_rules(directories: Iterable[Path]) -> tuple[Rule, ...]:
    """Every rule that the Python files of these folders declare, by code.

    A folder with ``__init__.py`` is left to checkov, which loads its own Python checks that way; files that start with
    an underscore are helpers of the others.

    Raises:
        UsageError: A folder is missing, a file cannot be run, or a code is taken.
    """
    found: dict[str, Rule] = {}
    for directory in directories:
        if not directory.is_dir():
            msg = f"there is no folder {directory} with rules"
            raise UsageError(msg)
        if (directory / "__init__.py").exists():
            continue
        for file in sorted(directory.glob("*.py")):
            if not file.name.startswith("_"):
                for item in _rules_in(file):
                    _claim(item, file, found)
    return tuple(found[code] for code in sorted(found))


def _rules_in(file: Path) -> list[Rule]:
    name = f"llminfra_application_rules_{hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        msg = f"{file} cannot be loaded as Python"
        raise UsageError(msg)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # noqa: BLE001  # whatever an application's file raises is told with its line
        lines = [item.lineno for item in traceback.extract_tb(error.__traceback__) if item.filename == str(file)]
        line = lines[-1] if lines else getattr(error, "lineno", None)
        msg = f"{file}{f':{line}' if line else ''}: {type(error).__name__}: {error}"
        raise UsageError(msg) from None
    finally:
        del sys.modules[name]
    return [item for item in vars(module).values() if isinstance(item, Rule)]


def _claim(item: Rule, file: Path, found: dict[str, Rule]) -> None:
    if item.code in by_code() or item.code.startswith(_OURS):
        msg = f"{file}: the code {item.code} is llminfra's or checkov's; use a prefix of your own, such as ACME_NET_1"
        raise UsageError(msg)
    if found.get(item.code, item) is not item:
        msg = f"{file}: the code {item.code} is used twice"
        raise UsageError(msg)
    found[item.code] = item
