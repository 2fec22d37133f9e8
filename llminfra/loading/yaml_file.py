"""Reading a YAML spec: the same nouns as in Python, references by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from llminfra.diagnostics import Diagnostic, Severity
from llminfra.loading.wording.in_yaml import finding_in_yaml
from llminfra.loading.yaml.inheritance import inherit
from llminfra.loading.yaml.platform import NOTES, build_platform
from llminfra.loading.yaml.report import Report
from llminfra.loading.yaml.tree import Map, Seq, Tree, TreeError, parse

if TYPE_CHECKING:
    from llminfra.spec.platform import Platform


def load_yaml(path: Path) -> tuple[list[Platform], list[Diagnostic]]:
    """Read a YAML spec: one platform, or ``platforms:`` as a list or a mapping by name.

    Top-level keys that start with ``x-`` are a place for anchors and are not read.

    Returns:
        The platforms in order, and every syntax, shape and reference error, each with its line.
    """
    try:
        documents = parse(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        line, byte = error.object.count(b"\n", 0, error.start) + 1, f"byte 0x{error.object[error.start]:02x}"
        message, fix = "the spec is not UTF-8 text", "save the file as UTF-8"
        return [], [_unreadable(path, TreeError("LLM_SPEC_5", message, line, byte, fix, expected="UTF-8"))]
    except TreeError as error:
        return [], [_unreadable(path, error)]
    report = Report(str(path))
    platforms = [platform for document in documents for platform in _document(document, report)]
    return platforms, [finding_in_yaml(item) for item in report.found]


def _document(document: Tree, report: Report) -> list[Platform]:
    if not isinstance(document, Map):
        report.shape("", document, "a spec is a mapping", expected="a platform, or `platforms:`")
        return []
    report.repeated(document, "")
    content = document.without(*(key for key in document.items if key.startswith(NOTES)))
    if "platforms" not in content.items:
        platform = build_platform(content, "", report) if content.items else None
        return [platform] if platform else []
    for key in content.without("platforms").items:
        report.unknown_key(key, content, "", ["platforms"])
    section = content.items["platforms"]
    several = isinstance(section, Seq) or len(section.items if isinstance(section, Map) else ()) > 1
    built = [
        build_platform(item, f"platforms.{name}" if several else "", report)
        for name, item in inherit("platforms", section, report, "platforms").items()
    ]
    return [platform for platform in built if platform]


def _unreadable(path: Path, error: TreeError) -> Diagnostic:
    return Diagnostic(
        code=error.code,
        severity=Severity.ERROR,
        path=error.path,
        message=error.message,
        found=error.found,
        expected=error.expected,
        fix=error.fix,
        file=str(path),
        line=error.line,
    )
