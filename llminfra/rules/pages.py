"""A rule's page (what, why, fix, what is seen, source) and the table of all, in Markdown, for ``docs/rules``."""

from __future__ import annotations

from collections.abc import Mapping

from llminfra.rules.registry import rules
from llminfra.rules.rule import LooksAt, Rule

_AREAS: Mapping[str, str] = {
    "ASY": "Delayed inference",
    "BAT": "AWS Batch",
    "BED": "Bedrock",
    "CAP": "Capacity and nodes",
    "COST": "Cost",
    "DIST": "Several nodes",
    "FIT": "Models on GPUs",
    "GUARD": "Changes to what is there",
    "GW": "Gateways",
    "IMG": "Container images",
    "INPUT": "What is given",
    "KEY": "Keys of what is stored",
    "MEM": "GPU memory",
    "NET": "Network and EFA",
    "OBS": "Observability",
    "OVF": "Overflow",
    "REF": "References",
    "RULE": "Rules themselves",
    "SEC": "Identity and secrets",
    "SHAPE": "Parallelism and shapes",
    "SPEC": "The spec",
    "SRV": "Serving",
    "STO": "Storage",
    "TASK": "Embedders, rerankers, speech",
    "TF": "Terraform",
    "WAIVER": "Waivers",
}
_READS = {
    LooksAt.SPEC: "the spec",
    LooksAt.PLAN: "the plan",
    LooksAt.TERRAFORM: "the synthesized Terraform",
    LooksAt.KUBERNETES: "rendered Kubernetes objects",
    LooksAt.CHANGE: "a saved Terraform plan (`llminfra check --plan FILE`)",
}


def area(rule: Rule) -> str:
    """The area of a code: ``Network and EFA`` of ``LLM_NET_1``."""
    word = rule.code.split("_")[1] if rule.code.count("_") > 1 else rule.code
    return _AREAS.get(word, word)


def fix_in_yaml(rule: Rule) -> str:
    """What to change as the author of a YAML spec writes it; empty where that is the same."""
    from llminfra.loading.wording.in_yaml import in_yaml  # noqa: PLC0415  # lists of rules need none of it

    told = in_yaml(rule.fix)
    return "" if told == rule.fix else told


def page(rule: Rule) -> str:
    """A rule's page, in Markdown."""
    foreseen = "; what the plan makes sure of, `llminfra plan` tells, too" if rule.foreseen is not None else ""
    lines = [
        f"# {rule.code}: {rule.title}",
        "",
        f"Severity **{rule.severity.value}**. Looks at {_READS[rule.looks_at]}{foreseen}. Since {rule.since}.",
        "",
        "## Why",
        "",
        rule.why,
        "",
        "## Fix",
        "",
        rule.fix[0].upper() + rule.fix[1:] + ("" if rule.fix.endswith(".") else "."),
    ]
    if yaml := fix_in_yaml(rule):
        lines += ["", f"In YAML: {yaml}{'' if yaml.endswith('.') else '.'}"]
    if rule.seen:
        lines += ["", "## What you would see", "", *(f"- {_code(item)}" for item in rule.seen)]
    if rule.source:
        lines += ["", "## Source", "", *(f"- {item}" for item in rule.source)]
    return "\n".join([*lines, ""])


def _code(text: str) -> str:
    """Words of a program as code, whatever quotes they have; what is not said by anything as it is."""
    if text.startswith("no message"):
        return text
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def index() -> str:
    """The table of contents of ``docs/rules``, in Markdown."""
    lines = ["# Rules", "", f"{len(rules())} rules. `llminfra explain CODE` prints a page.", ""]
    current = ""
    for rule in rules():
        if area(rule) != current:
            current = area(rule)
            lines += ["", f"## {current}", "", "| rule | severity | what must hold | looks at |", "|---|---|---|---|"]
        lines.append(
            f"| [{rule.code}]({rule.code}.md) | {rule.severity.value} | {rule.title} | {rule.looks_at.value} |"
        )
    return "\n".join([*lines, ""])
