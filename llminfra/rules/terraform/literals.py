"""Rules against literal credentials in the synthesized Terraform: by value shape, by name, by entropy."""

from __future__ import annotations

import base64
import binascii
import gzip
import zlib
from collections.abc import Iterator
from typing import Any

from llminfra.diagnostics import Severity
from llminfra.rules.credentials import credential_kind, is_reference, looks_random, names_a_secret
from llminfra.rules.rule import Hit, rule
from llminfra.rules.views.helm_values import parse_values
from llminfra.rules.views.terraform_view import Block, Stacks, walk_strings

_OWASP = "OWASP Top 10 for LLM applications 2025, LLM02 sensitive information disclosure"
_GZIP = b"\x1f\x8b"


def _texts(block: Block) -> Iterator[tuple[str, str]]:
    """Every string of a block, base64 opened."""
    for path, text in walk_strings(block.body):
        yield path, text
        if path.endswith(("user_data", "user_data_base64")) and (opened := _opened(text)) is not None:
            yield path, opened


@rule(
    code="LLM_SEC_2",
    title="No credential stands in the synthesized Terraform",
    severity=Severity.ERROR,
    looks_at="terraform",
    why="Whatever is in the JSON is in the state, in the plan that the pipeline prints, and in git. checkov's secrets "
    "runner does not find a Hugging Face token there.",
    fix="store the value in AWS Secrets Manager, rotate it, and name it with Secret(name=…)",
    source=(_OWASP, "checkov 3.3.30 secrets runner on a literal HUGGING_FACE_HUB_TOKEN (measured)"),
)
def no_credential_shapes(stacks: Stacks) -> Iterator[Hit]:
    """Credentials by the shape of their issuer, in resources, data sources, providers and outputs."""
    for stack in stacks:
        for block in stack.blocks:
            for path, text in _texts(block):
                if kind := credential_kind(text):
                    yield Hit(
                        on=block,
                        message=f"{kind} stands in {path}",
                        found="a literal (not shown)",
                        expected="a reference to a secret",
                    )
        for section in ("provider", "output", "terraform", "locals", "variable"):
            for path, text in walk_strings(stack.document.get(section, {}), section):
                if kind := credential_kind(text):
                    yield Hit(
                        message=f"{kind} stands in {path} of stack {stack.name}",
                        found="a literal (not shown)",
                        expected="a reference to a secret",
                    )


@rule(
    code="LLM_SEC_3",
    title="Nothing random stands where a secret would, and nothing named like a secret holds a literal",
    severity=Severity.ERROR,
    looks_at="terraform",
    why="Passwords and keys of unknown issuers have no shape, but they have a name or the entropy of a generator.",
    fix="store the value in AWS Secrets Manager, rotate it, and name it with Secret(name=…)",
    source=(_OWASP,),
)
def no_literal_secrets(stacks: Stacks) -> Iterator[Hit]:
    """Literals under secret names, and random strings anywhere."""
    for stack in stacks:
        for block in stack.blocks:
            if block.type == "helm_release":
                continue
            for path, text in walk_strings(block.body):
                if path.startswith("depends_on") or is_reference(text) or credential_kind(text):
                    continue
                if names_a_secret(path) or (looks_random(text) and not _is_text_in_base64(text)):
                    yield Hit(
                        on=block,
                        message=f"{path} holds what looks like a secret",
                        found="a literal (not shown)",
                        expected="a reference to a secret",
                    )


@rule(
    code="LLM_SRV_7",
    title="Helm values carry no secrets",
    severity=Severity.ERROR,
    looks_at="terraform",
    why="Values are stored in the Terraform state and again in the release's Secret in the cluster; every reader of "
    "either has the token.",
    fix="refer to a Secret that External Secrets fills: Secret(name=…) in the spec, secretKeyRef in values",
    source=("vllm-project/production-stack#14", "kserve/kserve#4674", _OWASP),
)
def no_secrets_in_values(stacks: Stacks) -> Iterator[Hit]:
    """Literals under secret names in values and ``set`` of Helm releases."""
    for release in stacks.resources("helm_release"):
        entries: list[tuple[str, str]] = []
        for index, text in enumerate(release.strings("values")):
            entries += [(f"values.{index}.{path}", value) for path, value in _values(text)]
        for block in (*release.blocks("set"), *release.blocks("set_sensitive")):
            entries.append((str(block.get("name") or ""), str(block.get("value") or "")))
        for path, text in entries:
            if is_reference(text) or credential_kind(text):
                continue
            if names_a_secret(path) or looks_random(text):
                yield Hit(
                    on=release,
                    message=f"the value {path} is a literal secret",
                    found="a literal (not shown)",
                    expected="a reference to a Kubernetes Secret",
                )


def _values(text: str) -> Iterator[tuple[str, str]]:
    """Entries of values in YAML or JSON; an environment entry reads as its name."""
    yield from _entries(parse_values(text), "")


def _entries(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        if isinstance(value.get("name"), str) and isinstance(value.get("value"), str):
            yield f"{path}.{value['name']}", value["value"]
            return
        for key, item in value.items():
            yield from _entries(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _entries(item, f"{path}.{index}")
    elif isinstance(value, str):
        yield path, value


def _is_text_in_base64(text: str) -> bool:
    decoded = _opened(text)
    return decoded is not None and all(character.isprintable() or character.isspace() for character in decoded)


def _opened(text: str) -> str | None:
    """The text in a base64 string, which may be packed as cloud-init unpacks it; ``None``: there is none."""
    try:
        data = base64.b64decode(text, validate=True)
        return (gzip.decompress(data) if data.startswith(_GZIP) else data).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError, ValueError, OSError, EOFError, zlib.error):
        return None


RULES = (no_credential_shapes, no_literal_secrets, no_secrets_in_values)
