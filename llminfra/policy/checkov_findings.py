"""checkov's records as findings of the spec: right address, spec path, severity, and each thing said once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from llminfra.policy.checkov_facts import fix_of, same_as, severity_of
from llminfra.policy.checkov_untrue import untrue
from llminfra.policy.report import PolicyFinding
from llminfra.rules.views.kubernetes_view import KubernetesObject
from llminfra.rules.views.terraform_view import Block, Stack, Stacks

if TYPE_CHECKING:
    from llminfra.policy.checkov_process import CheckovRecord


def checkov_findings(
    records: Iterable[CheckovRecord],
    stacks: Stacks,
    synth_dir: Path,
    objects: Mapping[str, KubernetesObject],
    own: Iterable[PolicyFinding],
) -> list[PolicyFinding]:
    """Findings for checkov's records.

    Args:
        records: What checkov failed.
        stacks: The stacks it looked at.
        synth_dir: Folder of the stacks.
        objects: Rendered objects by the file they were written to.
        own: llminfra's own findings; a record that repeats one of them is left out, and so is one that is not true.
    """
    by_file = {str((synth_dir / stack.file).resolve()): stack for stack in stacks}
    own = tuple(own)
    said = {(item.rule, item.stack, item.address) for item in own}
    on_plans = [item for item in own if not item.address]
    found: dict[tuple[str, str, str], PolicyFinding] = {}
    for record in records:
        item = objects.get(record.file)
        if item is not None:
            finding = _on_object(record, item)
        else:
            stack = by_file.get(str(Path(record.file).resolve()))
            block = _block(record, stack)
            if block is not None and untrue(record.check, block, stacks):
                continue
            finding = _on_stack(record, stack, block)
        same = same_as(finding.rule)
        if same and ((same, finding.stack, finding.address) in said or _told_by_plan(finding, same, on_plans)):
            continue
        found.setdefault((finding.rule, finding.stack, finding.address), finding)
    return list(found.values())


def _told_by_plan(finding: PolicyFinding, rule: str, on_plans: Iterable[PolicyFinding]) -> bool:
    """Whether a rule on the plan, which knows no addresses, said it of the same object or of a field of it."""
    return bool(finding.spec_path) and any(
        item.rule == rule
        and finding.stack.startswith(f"{item.platform}-")
        and f"{item.spec_path}.".startswith(f"{finding.spec_path}.")
        for item in on_plans
    )


def _on_object(record: CheckovRecord, item: KubernetesObject) -> PolicyFinding:
    return PolicyFinding(
        rule=record.check,
        title=record.name,
        severity=severity_of(record.check),
        message=_sentence(record.name),
        engine="checkov",
        spec_path=item.spec_path,
        stack=item.stack,
        address=item.address,
        found=f"release {item.release}" if item.release else "",
        fix=fix_of(record.check, item.spec_path or item.address),
        synth_file=item.file,
    )


def _on_stack(record: CheckovRecord, stack: Stack | None, block: Block | None) -> PolicyFinding:
    address = block.address if block else ("" if record.framework == "secrets" else record.resource)
    return PolicyFinding(
        rule=record.check,
        title=record.name,
        severity=severity_of(record.check),
        message=_sentence(record.name),
        engine="checkov",
        spec_path=block.spec_path if block else "",
        stack=stack.name if stack else "",
        address=address or (f"line {record.line}" if record.framework == "secrets" else ""),
        fix=fix_of(record.check, (block.spec_path if block else "") or address or "*"),
        synth_file=stack.file if stack else record.file,
        synth_line=record.line or None,
    )


def _block(record: CheckovRecord, stack: Stack | None) -> Block | None:
    if stack is None:
        return None
    known = stack.by_address
    return known.get(record.resource) or known.get(f"data.{record.resource}")


def _sentence(name: str) -> str:
    text = name.strip().rstrip(".")
    return f"checkov: {text[0].lower() + text[1:] if text[:2] != text[:2].upper() else text}" if text else "checkov"
