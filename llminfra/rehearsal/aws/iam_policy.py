"""IAM policies: grammar and size.

Source: IAM User Guide, "Grammar of the IAM JSON policy language" and "IAM and AWS STS quotas".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from llminfra.rehearsal.aws.scene import Subject
from llminfra.rehearsal.provider.contract import Problem

# Attribute -> whether it grants access to others (a trust or resource policy, which needs a principal) and the most
# characters it may have, white space not counted.
_POLICIES: Mapping[str, tuple[bool, int]] = {
    "aws_iam_role.assume_role_policy": (True, 2048),
    "aws_iam_policy.policy": (False, 6144),
    "aws_iam_role_policy.policy": (False, 10240),
    "aws_s3_bucket_policy.policy": (True, 20480),
    "aws_kms_key.policy": (True, 32768),
    "aws_kms_key_policy.policy": (True, 32768),
    "aws_sqs_queue.policy": (True, 8192),
    "aws_sqs_queue_policy.policy": (True, 8192),
    "aws_sns_topic.policy": (True, 30720),
    "aws_sns_topic_policy.policy": (True, 30720),
    "aws_ecr_repository_policy.policy": (True, 20480),
    "aws_secretsmanager_secret_policy.policy": (True, 20480),
    "aws_vpc_endpoint.policy": (True, 20480),
    "aws_efs_file_system_policy.policy": (True, 20000),
}
_ACTION = re.compile(r"^(\*|[a-zA-Z0-9-]+:[a-zA-Z0-9*?]+)$")
_STATEMENT_KEYS = frozenset(
    {"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"}
)
_SID = re.compile(r"^[0-9A-Za-z]*$")
_VERSIONS = ("2012-10-17", "2008-10-17")
_WHITE = re.compile(r"\s")
# Resource policies that work without a Resource element: it is the thing itself.
_OWN_RESOURCE = frozenset({"aws_iam_role", "aws_ecr_repository_policy"})
_OPERATORS = re.compile(
    r"^((ForAllValues|ForAnyValue):)?(String(Not)?(Equals|Like)(IgnoreCase)?|Numeric(Not)?Equals|"
    r"Numeric(Less|Greater)Than(Equals)?|Date(Not)?Equals|Date(Less|Greater)Than(Equals)?|Bool|BinaryEquals|"
    r"(Not)?IpAddress|Arn(Not)?(Equals|Like)|Null)(IfExists)?$"
)


def check_policies(subject: Subject) -> Iterator[Problem]:
    """Policies of a resource that IAM would refuse."""
    for name in ("policy", "assume_role_policy"):
        known = _POLICIES.get(f"{subject.type_name}.{name}")
        text = subject.text(name)
        if known is None or not text:
            continue
        needs_principal, limit = known
        size = len(_WHITE.sub("", text))
        if size > limit:
            yield Problem(
                f"LimitExceeded: Maximum policy size of {limit} bytes exceeded",
                f"{name} has {size} characters",
                (name,),
            )
        for message in policy_problems(text, needs_principal, subject.type_name in _OWN_RESOURCE):
            yield Problem(f"MalformedPolicyDocument: {message}", "", (name,))


def policy_problems(text: str, needs_principal: bool, own_resource: bool = False) -> Iterator[str]:
    """What is wrong with a policy document, one sentence each."""
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        yield f"This policy contains invalid Json: {error}"
        return
    if not isinstance(document, dict):
        yield "the policy is not a JSON object"
        return
    unknown = set(document) - {"Version", "Id", "Statement"}
    if unknown:
        yield f"Syntax errors in policy: unknown element {', '.join(sorted(unknown))}"
    if "Version" in document and document["Version"] not in _VERSIONS:
        yield f"Syntax errors in policy: Version {document['Version']!r} is not one of {', '.join(_VERSIONS)}"
    statements = document.get("Statement")
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list) or not statements:
        yield "Syntax errors in policy: a policy needs at least one Statement"
        return
    for index, statement in enumerate(statements):
        if isinstance(statement, dict):
            for message in _statement_problems(statement, needs_principal, own_resource):
                yield f"statement {statement.get('Sid') or index}: {message}"
        else:
            yield f"statement {index}: not an object"
    sids = [item.get("Sid") for item in statements if isinstance(item, dict) and item.get("Sid")]
    if len(set(sids)) < len(sids):
        yield f"Statement IDs (SID) in a single policy must be unique: {', '.join(sorted(map(str, sids)))}"


def _statement_problems(statement: Mapping[str, Any], needs_principal: bool, own_resource: bool) -> Iterator[str]:
    unknown = set(statement) - _STATEMENT_KEYS
    if unknown:
        yield f"unknown element {', '.join(sorted(unknown))}"
    if statement.get("Effect") not in ("Allow", "Deny"):
        yield f"Effect must be Allow or Deny, got {statement.get('Effect')!r}"
    if not needs_principal and not _SID.match(str(statement.get("Sid") or "")):
        yield f"Statement IDs (SID) must be alpha-numeric: {statement['Sid']!r}"
    for one, other in (("Action", "NotAction"), ("Resource", "NotResource"), ("Principal", "NotPrincipal")):
        if one in statement and other in statement:
            yield f"{one} and {other} exclude each other"
    if "Action" not in statement and "NotAction" not in statement:
        yield "Policy statement must contain actions."
    for action in _many(statement.get("Action", statement.get("NotAction"))):
        if not _ACTION.match(action):
            yield f"Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.: {action!r}"
    has_principal = "Principal" in statement or "NotPrincipal" in statement
    if needs_principal and not has_principal:
        yield "Missing required field Principal"
    if not needs_principal and has_principal:
        yield "Policy document should not specify a principal."
    resources = statement.get("Resource", statement.get("NotResource"))
    if resources is None and not own_resource:
        yield "Policy statement must contain resources."
    if resources is not None and own_resource and has_principal and statement.get("Action") == "sts:AssumeRole":
        yield "Has prohibited field Resource"
    for resource in _many(resources):
        if resource != "*" and not re.match(r"^(arn:|\*|\$\{)", resource):
            yield f'Resource {resource} must be in ARN format or "*".'
    yield from _condition_problems(statement.get("Condition"))


def _condition_problems(condition: Any) -> Iterator[str]:
    if condition is None:
        return
    if not isinstance(condition, dict):
        yield "Condition is not an object"
        return
    for operator, keys in condition.items():
        if not _OPERATORS.match(operator):
            yield f"Invalid Condition type : {operator}."
        if not isinstance(keys, dict) or not keys:
            yield f"condition {operator} names no key"


def _many(value: Any) -> list[str]:
    if value is None:
        return []
    return [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str)]
