"""``data.aws_iam_policy_document``: the same JSON that the real provider renders.

Element order and the rule that one value is a string and more are a list follow the provider's documentation and its
visible output: keys in the order Version, Id, Statement; in a statement Sid, Effect, Action, NotAction, Resource,
NotResource, Principal, NotPrincipal, Condition; lists sorted in reverse, as the provider does.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from llminfra.rehearsal.aws.scene import Subject
from llminfra.rehearsal.provider.contract import Problem


def render(subject: Subject) -> tuple[dict[str, Any], list[Problem]]:
    """``json`` and ``minified_json`` of the data source."""
    problems: list[Problem] = []
    sources = [text for text in [subject.text("source_json"), *subject.items("source_policy_documents")] if text]
    overrides = [text for text in [subject.text("override_json"), *subject.items("override_policy_documents")] if text]
    merged: list[dict[str, Any]] = []
    seen: set[str] = set()
    for text in sources:
        for statement in _statements(text, "source_policy_documents", problems):
            sid = statement.get("Sid", "")
            if sid and sid in seen:
                problems.append(
                    Problem(f"duplicate Sid ({sid}) in source_policy_documents", "", ("source_policy_documents",))
                )
            seen.add(sid)
            merged.append(statement)
    own = [_statement(item) for item in subject.items("statement") if isinstance(item, dict)]
    own_ids = [item["Sid"] for item in own if item.get("Sid")]
    problems.extend(
        Problem(f"duplicate Sid ({sid})", "Remove the Sid or ensure the Sid is unique.", ("statement",))
        for sid in sorted({item for item in own_ids if own_ids.count(item) > 1})
    )
    merged = _replace(merged, own)
    for text in overrides:
        merged = _replace(merged, _statements(text, "override_policy_documents", problems))
    document: dict[str, Any] = {"Version": subject.text("version") or "2012-10-17"}
    if subject.text("policy_id"):
        document["Id"] = subject.text("policy_id")
    document["Statement"] = merged
    answer = {
        "json": json.dumps(document, indent=2, ensure_ascii=False),
        "minified_json": json.dumps(document, separators=(",", ":"), ensure_ascii=False),
        "version": document["Version"],
    }
    return answer, problems


def _statements(text: str, attribute: str, problems: list[Problem]) -> list[dict[str, Any]]:
    try:
        document = json.loads(text)
        statements = document.get("Statement", [])
        found = statements if isinstance(statements, list) else [statements]
    except (json.JSONDecodeError, AttributeError) as error:
        problems.append(Problem(f"merging {attribute}: not a policy document: {error}", "", (attribute,)))
        return []
    return [item for item in found if isinstance(item, dict)]


def _replace(base: list[dict[str, Any]], new: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """New statements replace those with the same Sid, the others are added."""
    result = list(base)
    for statement in new:
        sid = statement.get("Sid")
        place = next((index for index, item in enumerate(result) if sid and item.get("Sid") == sid), None)
        if place is None:
            result.append(statement)
        else:
            result[place] = statement
    return result


def _statement(item: Mapping[str, Any]) -> dict[str, Any]:
    statement: dict[str, Any] = {}
    if item.get("sid"):
        statement["Sid"] = item["sid"]
    statement["Effect"] = item.get("effect") or "Allow"
    for key, name in (
        ("Action", "actions"),
        ("NotAction", "not_actions"),
        ("Resource", "resources"),
        ("NotResource", "not_resources"),
    ):
        values = _values(item.get(name))
        if values:
            statement[key] = _one_or_many(values)
    for key, name in (("Principal", "principals"), ("NotPrincipal", "not_principals")):
        principals = _principals(item.get(name) or [])
        if principals:
            statement[key] = principals
    condition: dict[str, dict[str, Any]] = {}
    for block in item.get("condition") or []:
        values = list(block.get("values") or [])
        keys = condition.setdefault(block["test"], {})
        before = keys.get(block["variable"], [])
        keys[block["variable"]] = _one_or_many([*(before if isinstance(before, list) else [before]), *values])
    if condition:
        statement["Condition"] = {test: dict(sorted(keys.items())) for test, keys in sorted(condition.items())}
    return statement


def _principals(blocks: list[Mapping[str, Any]]) -> Any:
    found: dict[str, list[str]] = {}
    for block in blocks:
        identifiers = _values(block.get("identifiers"))
        if block.get("type") == "*" and identifiers == ["*"]:
            return "*"
        found.setdefault(str(block.get("type")), []).extend(identifiers)
    return {kind: _one_or_many(sorted(values, reverse=True)) for kind, values in sorted(found.items())}


def _values(raw: Any) -> list[str]:
    """Members of a set, with ``&{...}`` read as an IAM variable, which Terraform's syntax cannot hold."""
    return sorted((str(item).replace("&{", "${") for item in raw or []), reverse=True)


def _one_or_many(values: list[str]) -> Any:
    return values[0] if len(values) == 1 else values
