"""Pages of the findings that planning makes about declared keys."""

from __future__ import annotations

from llminfra.diagnostics import Severity
from llminfra.rules.rule import LooksAt, emitted

_PLAN = LooksAt.PLAN
_FOREIGN = 'AWS KMS Developer Guide: "Allowing users in other accounts to use a KMS key"'

RULES = (
    emitted(
        "LLM_KEY_1",
        "A declared key is of the platform's region",
        looks_at=_PLAN,
        why="KMS keys do not leave their region, and the services that encrypt ask KMS in theirs. The apply would fail "
        "at the first log group.",
        fix="name a key of the platform's region",
        source=('AWS KMS Developer Guide: "Multi-Region keys in AWS KMS"', "Amazon EKS User Guide: enable-kms.html"),
    ),
    emitted(
        "LLM_KEY_2",
        "A platform with a declared key says its account",
        looks_at=_PLAN,
        why="The owner of the key lets an account use it. Which one, and whether it is the owner's own, decides what "
        "must stand in the key's policy.",
        fix="set Platform(account_id=…)",
        source=(_FOREIGN,),
    ),
    emitted(
        "LLM_KEY_3",
        "A bucket behind a file system is under a key of the platform's account",
        looks_at=_PLAN,
        why="FSx reads the bucket by a service-linked role. Another account's key needs the consent of both accounts, "
        "and nobody can add to the policies of such a role: files would be listed, and could not be read.",
        fix="name a key of the platform's own account, or a bucket that is there under one",
        source=(_FOREIGN, 'AWS IAM User Guide: "Create a service-linked role": its permissions are the service\'s'),
    ),
    emitted(
        "LLM_KEY_4",
        "A state under the declared key is in the key's region",
        looks_at=_PLAN,
        why="S3 encrypts with keys of the bucket's region. `terraform init` would fail, or the first write of a state.",
        fix="set S3State(kms_key_arn=…) to a key of that region",
        source=('Amazon S3 User Guide: "Using server-side encryption with AWS KMS keys"',),
    ),
    emitted(
        "LLM_KEY_5",
        "The declared keys reach everything that is stored",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="What is there already, and what no argument gives a key, stays under keys that somebody else chose. "
        "Whoever says that everything is under one key must know of them.",
        fix="name the key where there is a field, choose what can have one, or waive this with the reason",
        source=(
            "Terraform AWS provider 6.25: aws_grafana_workspace has no argument for a key",
            'AWS KMS Developer Guide: "AWS KMS keys"',
        ),
    ),
)
