"""Registers every rule on synthesized Terraform and rendered Kubernetes as a checkov check.

checkov asks check by check and block by block, and a rule may look at several stacks at once: the first question runs
all rules on the whole folder, and every answer is looked up. What a rule finds in the objects of a Helm release belongs
to the release, and what it finds in a stack as a whole to the stack's AWS provider. Rules on the plan are not here: the
plan is not in the folder; `llminfra check` runs them.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from checkov.common.models.enums import CheckCategories, CheckResult
from checkov.terraform.checks.data.base_check import BaseDataCheck
from checkov.terraform.checks.provider.base_check import BaseProviderCheck
from checkov.terraform.checks.resource.base_resource_check import BaseResourceCheck

from llminfra.policy.checkov_mends import current_file, mend
from llminfra.policy.rendered import render_releases
from llminfra.rules import LooksAt, Rule, rules, run_kubernetes, run_terraform
from llminfra.rules.views.terraform_view import Stacks, read_stack, read_synth_dir

_CATEGORIES = [CheckCategories.GENERAL_SECURITY]
_STACK = "provider.aws"


@lru_cache(maxsize=8)
def _breaches(folder: Path, stamp: int) -> dict[tuple[str, str], dict[str, str]]:  # noqa: ARG001  # the key of the cache
    """Messages of all breaches in a folder: by stack file and address, then by rule."""
    if (folder / "manifest.json").is_file():
        stacks = read_synth_dir(folder)
    else:
        file = folder / "cdk.tf.json"
        stacks = Stacks((read_stack(folder.name, file.name, json.loads(file.read_text(encoding="utf-8"))),))
    rendered = render_releases(stacks, folder)
    releases = {
        (block.stack, str(block.get("name") or block.name)): block for block in stacks.resources("helm_release")
    }
    of_object = {item.address + item.stack: (item.stack, item.release) for item in rendered.objects}
    files = {stack.name: str((folder / stack.file).resolve()) for stack in stacks}
    found: dict[tuple[str, str], dict[str, str]] = {}
    for item in run_terraform(stacks):
        if item.stack:
            found.setdefault((files[item.stack], item.address), {})[item.diagnostic.code] = item.diagnostic.message
        else:
            for stack in stacks:
                if stack.name in item.diagnostic.message:
                    found.setdefault((files[stack.name], _STACK), {})[item.diagnostic.code] = item.diagnostic.message
    for item in run_kubernetes(rendered.objects):
        release = releases.get(of_object.get(item.address + item.stack, ("", "")))
        if release is not None:
            message = f"{item.address}: {item.diagnostic.message}"
            found.setdefault((files[release.stack], release.address), {})[item.diagnostic.code] = message
    return found


def _answer(check: Any, code: str, address: str) -> CheckResult:
    file = current_file.get()
    if not file:
        return CheckResult.UNKNOWN
    path = Path(file).resolve()
    folder = path.parents[2] if (path.parents[2] / "manifest.json").is_file() else path.parent
    message = _breaches(folder, path.stat().st_mtime_ns).get((str(path), address), {}).get(code)
    if message is None:
        return CheckResult.PASSED
    check.details.append(message)
    return CheckResult.FAILED


def _address_of(check: Any) -> str:
    _, kind, name = check.entity_path.rsplit(":", 2)
    return f"{kind}.{name}"


class ResourceRule(BaseResourceCheck):  # type: ignore[misc,unused-ignore]  # checkov is an extra and may be missing
    """A rule, asked about a resource."""

    def __init__(self, rule: Rule) -> None:
        """Register the rule under its own code."""
        self.rule = rule
        super().__init__(name=rule.title, id=rule.code, categories=_CATEGORIES, supported_resources=["*"])

    def scan_resource_conf(self, _conf: dict[str, Any]) -> CheckResult:
        """Whether the rule found anything at the resource."""
        return _answer(self, self.rule.code, _address_of(self))


class DataRule(BaseDataCheck):  # type: ignore[misc,unused-ignore]  # as above
    """A rule, asked about a data source."""

    def __init__(self, rule: Rule) -> None:
        """Register the rule under its own code."""
        self.rule = rule
        super().__init__(name=rule.title, id=rule.code, categories=_CATEGORIES, supported_data=["*"])

    def scan_data_conf(self, _conf: dict[str, Any]) -> CheckResult:
        """Whether the rule found anything at the data source."""
        return _answer(self, self.rule.code, f"data.{_address_of(self)}")


class StackRule(BaseProviderCheck):  # type: ignore[misc,unused-ignore]  # as above
    """A rule, asked about a stack by way of its AWS provider."""

    def __init__(self, rule: Rule) -> None:
        """Register the rule under its own code."""
        self.rule = rule
        super().__init__(name=rule.title, id=rule.code, categories=_CATEGORIES, supported_provider=["aws"])

    def scan_provider_conf(self, _conf: dict[str, Any]) -> CheckResult:
        """Whether the rule found anything in the stack as a whole."""
        return _answer(self, self.rule.code, _STACK)


mend()
for _rule in rules():
    if _rule.looks_at in (LooksAt.TERRAFORM, LooksAt.KUBERNETES) and _rule.check is not None:
        ResourceRule(_rule)
        DataRule(_rule)
        StackRule(_rule)
