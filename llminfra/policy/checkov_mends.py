"""What checkov 3.3 gets wrong on CDKTF's JSON, mended in its own process.

Imports nothing of llminfra: the worker loads this file under any Python that has checkov. ``checkov_checks`` applies it
too, so that plain ``checkov --external-checks-dir`` gets the same addresses.
"""

from __future__ import annotations

import importlib
from contextvars import ContextVar
from typing import Any

_MARK = "_llminfra_mended"

current_file: ContextVar[str] = ContextVar("llminfra_checkov_file", default="")
"""The stack that the Terraform JSON runner is at: checks are told a relative name only."""


def mend() -> None:
    """Apply every mend, once."""
    runner: Any = importlib.import_module("checkov.terraform_json.runner").TerraformJsonRunner
    if getattr(runner, _MARK, False):
        return
    _name_by_address(runner)
    _tolerate_scalars()
    _see_referenced_groups()
    setattr(runner, _MARK, True)


def _name_by_address(runner: Any) -> None:
    """Name findings by their Terraform address.

    checkov builds ``resource.<label>``, so that ``aws_sqs_queue.a`` and ``aws_sns_topic.a`` are one.
    """
    original = runner.run_block

    def run_block(self: Any, entities: list[dict[str, Any]], *args: Any, **kwargs: Any) -> None:
        report, block_type = kwargs["report"], kwargs["block_type"]
        token = current_file.set(kwargs.get("full_file_path") or "")
        try:
            for entity in entities:
                before = [len(report.failed_checks), len(report.passed_checks)]
                original(self, [entity], *args, **kwargs)
                address = _address(block_type, entity)
                for record in (*report.failed_checks[before[0] :], *report.passed_checks[before[1] :]):
                    record.resource = address
        finally:
            current_file.reset(token)

    runner.run_block = run_block


def _address(block_type: str, entity: dict[str, Any]) -> str:
    kind = next(iter(entity))
    if block_type == "resource":
        return f"{kind}.{next(iter(entity[kind]))}"
    if block_type == "data":
        return f"data.{kind}.{next(iter(entity[kind]))}"
    return f"{block_type}.{kind}"


def _tolerate_scalars() -> None:
    """Let checkov 3.3 read stacks with ``terraform.required_version``.

    Its parser takes every entry of a block for a mapping, and gives the whole file up at the first string.
    """
    parser: Any = importlib.import_module("checkov.terraform_json.parser")
    original = parser.handle_block_type

    def handle_block_type(block_type: str, blocks: Any) -> Any:
        if block_type == "terraform" and isinstance(blocks, dict):
            blocks = {name: value for name, value in blocks.items() if isinstance(value, dict)}
        return original(block_type=block_type, blocks=blocks)

    parser.handle_block_type = handle_block_type


def _see_referenced_groups() -> None:
    """Let checkov 3.3 see that an ingress rule is bound to a security group.

    For ``aws_vpc_security_group_ingress_rule`` it looks for the attribute of the older resource, takes a rule with a
    ``referenced_security_group_id`` for one without any source, and reports it as open to the internet.
    """
    module: Any = importlib.import_module("checkov.terraform.checks.resource.aws.AbsSecurityGroupUnrestrictedIngress")
    check = module.AbsSecurityGroupUnrestrictedIngress
    original = check.contains_violation

    def contains_violation(self: Any, conf: dict[str, Any]) -> Any:
        source = conf.get("source_security_group_id") or conf.get("referenced_security_group_id")
        return original(self, {**conf, "source_security_group_id": source} if source else conf)

    check.contains_violation = contains_violation
