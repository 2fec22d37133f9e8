"""Rules on Terraform itself: providers, backends, pins, and what CDKTF may have left unresolved."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from llminfra.diagnostics import Severity
from llminfra.rules.rule import Hit, rule
from llminfra.rules.views.terraform_view import Block, Stack, Stacks, references, walk_strings

_EXACT = re.compile(r"^=?\s*\d+\.\d+\.\d+$")
# CDKTF's unresolved tokens: strings such as ${TfToken[TOKEN.7]}, and numbers near -1.8881545897087626e+289.
_TOKEN = re.compile(r"TfToken\[|-1\.888\d*e\+(?:289|298)")


@rule(
    code="LLM_TF_1",
    title="Helm and Kubernetes providers are not configured from a cluster of the same stack",
    severity=Severity.ERROR,
    looks_at="terraform",
    why="The endpoint is unknown while the cluster is being made or replaced: plans fail with an unreachable cluster, "
    "or worse, talk to localhost.",
    fix="keep Helm releases in the platform and serving stacks",
    source=("terraform-aws-modules/terraform-aws-eks#1234", "Smana/cloud-native-ref#1495"),
)
def providers_from_other_stack(stacks: Stacks) -> Iterator[Hit]:
    """References of the helm and kubernetes providers."""
    for stack in stacks:
        for name in ("helm", "kubernetes"):
            texts = [text for config in stack.providers(name) for _, text in walk_strings(config.body)]
            for address in references(texts):
                if address.startswith("aws_eks_cluster.") and address in stack.by_address:
                    yield Hit(
                        on=stack.by_address[address],
                        message=f"the {name} provider of stack {stack.name} is configured from a cluster it creates",
                        found=address,
                        expected="a cluster of another stack, read through an output or a data source",
                        runtime_message="Kubernetes cluster unreachable: invalid configuration",
                    )


@rule(
    code="LLM_TF_2",
    title="State in S3 is encrypted, locked, and separate for each stack",
    severity=Severity.ERROR,
    looks_at="terraform",
    why="Two applies at once destroy each other's state, and a shared key makes one stack delete the other's "
    "resources.",
    fix="declare S3State(bucket=…) and remove the override of the backend",
    source=(
        "HashiCorp Terraform documentation: backend s3, use_lockfile",
        "CDKTF default: local state at an absolute path",
    ),
)
def state_is_safe(stacks: Stacks) -> Iterator[Hit]:
    """``encrypt``, ``use_lockfile`` and unique keys; a local backend needs a relative path."""
    seen: dict[tuple[str, str], str] = {}
    for stack in stacks:
        backend = stack.terraform.get("backend")
        if not isinstance(backend, Mapping) or not backend:
            yield Hit(message=f"stack {stack.name} has no backend", found="none", expected="s3, or local by choice")
            continue
        kind, config = next(iter(backend.items()))
        if kind == "local":
            path = str(config.get("path") or "")
            if path.startswith(("/", "\\")) or ":" in path[:3]:
                yield Hit(
                    message=f"the state of stack {stack.name} lies at an absolute path of one machine",
                    found=path,
                    expected="a relative path",
                )
        elif kind == "s3":
            missing = [key for key in ("encrypt", "use_lockfile") if config.get(key) is not True]
            if missing:
                yield Hit(
                    message=f"the state of stack {stack.name} lacks {' and '.join(missing)}",
                    found=", ".join(f"{key} = {config.get(key)}" for key in missing),
                    expected="true",
                )
            place = (str(config.get("bucket")), str(config.get("key")))
            if place in seen:
                yield Hit(
                    message=f"stacks {seen[place]} and {stack.name} share one state",
                    found=f"s3://{place[0]}/{place[1]}",
                    expected="one key for each stack",
                )
            seen.setdefault(place, stack.name)


@rule(
    code="LLM_TF_3",
    title="Providers and Terraform are pinned, with full sources",
    severity=Severity.ERROR,
    looks_at="terraform",
    why="An unpinned provider changes the plan overnight, and OpenTofu does not find a source written without its "
    "namespace.",
    fix="let llminfra write required_providers",
    source=("HashiCorp Terraform documentation: provider requirements", "OpenTofu registry: source addresses"),
)
def providers_pinned(stacks: Stacks) -> Iterator[Hit]:
    """Exact versions and namespaced sources of every provider that a stack uses."""
    for stack in stacks:
        required = stack.terraform.get("required_providers")
        required = required if isinstance(required, Mapping) else {}
        used = {block.type.split("_", 1)[0] for block in stack.blocks} - {"terraform"}
        for name in sorted(used | set(required)):
            entry: Any = required.get(name)
            entry = entry if isinstance(entry, Mapping) else {}
            version, source = str(entry.get("version") or ""), str(entry.get("source") or "")
            if not _EXACT.match(version) or "/" not in source:
                yield Hit(
                    message=f"provider {name} of stack {stack.name} is not pinned",
                    found=f"{source or 'no source'} {version or 'no version'}",
                    expected="namespace/name and an exact version",
                )


@rule(
    code="LLM_TF_4",
    title="Nothing that CDKTF could not resolve is left in the JSON",
    severity=Severity.ERROR,
    looks_at="terraform",
    why="A list of snake_case dictionaries becomes an empty block, and a token in a string or number stays a "
    "placeholder; Terraform then builds something else than was declared.",
    fix="pass struct classes, and use Token and Fn instead of Python arithmetic and string methods",
    source=("hashicorp/terraform-cdk: Python tokens and nested blocks (measured on cdktf 0.21)",),
)
def nothing_unresolved(stacks: Stacks) -> Iterator[Hit]:
    """Unresolved tokens and empty nested blocks."""
    for stack in stacks:
        for block in stack.blocks:
            problem = _unresolved(block)
            if problem:
                yield Hit(on=block, message=problem[0], found=problem[1], expected="a resolved value")


def _unresolved(block: Block) -> tuple[str, str] | None:
    token = _TOKEN.search(json.dumps(block.body))
    if token:
        return "an unresolved token is left", token.group(0)
    for key, value in block.body.items():
        if isinstance(value, list) and any(isinstance(item, Mapping) and not item for item in value):
            return f"the block {key} is empty", f"{key} = [{{}}]"
    return None


@rule(
    code="LLM_TF_5",
    title="Every Helm release is pinned: by version, or by a chart in the folder",
    severity=Severity.ERROR,
    looks_at="terraform",
    why="Without a version, Helm installs whatever is newest on the day of the apply.",
    fix="set version to the exact chart version",
    source=("hashicorp/helm provider documentation: helm_release version: if not specified, the latest is installed",),
)
def releases_pinned(stacks: Stacks) -> Iterator[Hit]:
    """``version`` of releases from a repository."""
    for release in stacks.resources("helm_release"):
        chart = str(release.get("chart") or "")
        local = not release.get("repository") and not chart.startswith(("oci://", "http")) and "/" in chart
        version = str(release.get("version") or "")
        if not local and not re.match(r"^v?\d+\.\d+\.\d+([-+].+)?$", version):
            yield Hit(
                on=release,
                message=f"chart {chart} has no exact version",
                found=version or "none",
                expected="an exact version such as 1.2.3",
            )


@rule(
    code="LLM_TF_6",
    title="Every resource is tagged with the platform",
    severity=Severity.WARNING,
    looks_at="terraform",
    why="A GPU bill that nobody can attribute is a bill that nobody cuts, and cost rules need the tag.",
    fix="keep default_tags of the aws provider",
    source=("AWS whitepaper: best practices for tagging AWS resources",),
)
def default_tags(stacks: Stacks) -> Iterator[Hit]:
    """``default_tags`` of the aws provider in stacks with AWS resources."""
    for stack in stacks:
        if not any(block.type.startswith("aws_") and block.mode == "resource" for block in stack.blocks):
            continue
        if not any(_has_tags(stack)):
            yield Hit(
                message=f"the aws provider of stack {stack.name} sets no default tags",
                found="no default_tags",
                expected="default_tags with the platform's name",
            )


def _has_tags(stack: Stack) -> Iterator[bool]:
    for provider in stack.providers("aws"):
        for tags in provider.blocks("default_tags"):
            yield bool(tags.get("tags"))


RULES = (
    providers_from_other_stack,
    state_is_safe,
    providers_pinned,
    nothing_unresolved,
    releases_pinned,
    default_tags,
)
