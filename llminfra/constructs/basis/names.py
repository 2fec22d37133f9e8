"""Names and ARNs that are known before anything exists."""

from __future__ import annotations

from llminfra.diagnostics import Diagnostic, Severity

IAM_NAME_LIMIT = 64
"""Characters of an IAM role name (AWS IAM quotas)."""


def same_name(path: str, other: str, what: str) -> Diagnostic:
    """The finding that two objects of a spec would make one thing.

    Args:
        path: Spec path of the later one.
        other: Spec path of the earlier one.
        what: What both make.
    """
    return Diagnostic(
        code="LLM_SPEC_4",
        severity=Severity.ERROR,
        path=path,
        message=f"{other} needs something of the same name",
        found=what,
        expected="a name that is not the other one's with a word behind or before it",
        fix=f"rename one of {path} and {other}",
    )


def partition(region: str) -> str:
    """AWS partition of a region: ``aws``, ``aws-us-gov`` or ``aws-cn``.

    Example:
        >>> partition("us-gov-west-1")
        'aws-us-gov'
    """
    if region.startswith("us-gov-"):
        return "aws-us-gov"
    return "aws-cn" if region.startswith("cn-") else "aws"


def dns_suffix(region: str) -> str:
    """Domain of service principals in the region's partition."""
    return "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"


def identifier(text: str) -> str:
    """A Terraform identifier: an output of that name is read without quotes.

    Hyphens may stay, so that two names which differ only by punctuation keep apart.

    Example:
        >>> identifier("acme.llm-weights")
        'acme_llm-weights'
    """
    return "".join(c if c.isalnum() or c == "-" else "_" for c in text)


def literal(text: str) -> str:
    """The text with Terraform's template markers escaped, for values that users write freely.

    Example:
        >>> literal("cost-${centre}")
        'cost-$${centre}'
    """
    return text.replace("${", "$${").replace("%{", "%%{")
