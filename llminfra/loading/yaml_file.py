"""Reading a YAML spec: the same nouns as in Python, references by name."""

from __future__ import annotations

from pathlib import Path

from llminfra.diagnostics import Diagnostic, Severity
from llminfra.loading.wording.in_yaml import finding_in_yaml
from llminfra.loading.yaml.inheritance import inherit
from llminfra.loading.yaml.platform import NOTES, build_platform
from llminfra.loading.yaml.report import Report, join
from llminfra.loading.yaml.tree import Map, Seq, Tree, TreeError, parse
from llminfra.spec.errors.near_values import nearest
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
        several = isinstance(document, Seq) and all(isinstance(item, Map) for item in document.items)
        fix = "write platforms: above the list" if several else "write name: and region: of a platform, or platforms:"
        report.shape("", document, "a spec is a mapping", expected="a platform, or `platforms:`", fix=fix)
        return []
    report.repeated(document, "")
    content = document.without(*(key for key in document.items if key.startswith(NOTES)))
    if (wrong := _meant_platforms(content)) is not None:
        return _misnamed(wrong, content, report)
    if (wrapped := _wrapped(content)) is not None:
        _told_misnamed(wrapped, content, report, single=True)
        content = _unwrapped(wrapped, content)
    if "platforms" not in content.items:
        platform = build_platform(content, "", report) if content.items else None
        return [platform] if platform else []
    if beside := content.without("platforms").items:
        _beside(list(beside), content, report)
    section = content.items["platforms"]
    several = isinstance(section, Seq) or len(section.items if isinstance(section, Map) else ()) > 1
    built = [
        build_platform(item, join("platforms", name) if several else "", report)
        for name, item in inherit("platforms", section, report, "platforms").items()
    ]
    return [platform for platform in built if platform]


def _meant_platforms(content: Map) -> str | None:
    """The only key of a file that is nearly `platforms`."""
    keys = list(content.items)
    return keys[0] if len(keys) == 1 and keys[0] != "platforms" and nearest(keys[0], ["platforms"]) else None


def _wrapped(content: Map) -> str | None:
    """A key that is nearly `platforms`, beside sections of a platform whose other fields stand under it."""
    if "platforms" in content.items:
        return None
    for key, value in content.items.items():
        if key in Platform.model_fields or nearest(key, ["platforms"]) is None or not isinstance(value, Map):
            continue
        if value.items.keys() & {"name", "region"} and not value.items.keys() & content.items.keys():
            return key
    return None


def _unwrapped(key: str, content: Map) -> Map:
    """The mapping with what stands under a key in the key's place."""
    inner, rest = content.items[key], content.without(key)
    if not isinstance(inner, Map):
        return content
    return Map(content.line, {**inner.items, **rest.items}, {**inner.key_lines, **content.key_lines}, rest.repeated)


def _misnamed(key: str, content: Map, report: Report) -> list[Platform]:
    """What stands under a wrong name is read all the same, so that its own errors are told in the same run."""
    section = content.items[key]
    single = isinstance(section, Map) and bool(section.items.keys() & Platform.model_fields.keys())
    _told_misnamed(key, content, report, single=single)
    if single and isinstance(section, Map):
        return _document(section, report)
    return _document(Map(content.line, {"platforms": section}, {"platforms": content.key_lines.get(key, 1)}), report)


def _told_misnamed(key: str, content: Map, report: Report, *, single: bool) -> None:
    report.add(
        "LLM_SPEC_2",
        key,
        content.key_lines.get(key, content.line),
        f"there is no field {key!r} here",
        found=key,
        expected="the fields of one platform, or platforms",
        fix=f"remove {key}: and move what is in it to the left" if single else "did you mean 'platforms'?",
    )


def _beside(keys: list[str], content: Map, report: Report) -> None:
    """Keys of a platform beside `platforms`: all of them at once, for they are one mistake."""
    section = content.items["platforms"]
    names = list(section.items) if isinstance(section, Map) else []
    line = content.key_lines.get(keys[0], content.line)
    here = f"platforms.{names[0]}" if len(names) == 1 else "each platform that is to have them"
    if "name" in keys and "region" in keys:
        fix = f"move platforms into a file of its own, or {', '.join(keys)} into an item of `platforms`"
    else:
        fix = f"move {'it' if len(keys) == 1 else 'them'} into {here}"
    report.add(
        "LLM_SPEC_2",
        keys[0] if len(keys) == 1 else "",
        line,
        "beside `platforms` nothing else is read",
        found=", ".join(keys),
        expected="platforms, and keys that start with x- for anchors",
        fix=fix,
    )


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
