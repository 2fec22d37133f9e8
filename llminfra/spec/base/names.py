"""Names and texts that AWS and Kubernetes have rules for: labels, tags, buckets, schedules, keys.

Sources: Kubernetes documentation, "Labels and Selectors: syntax and character set"; AWS General Reference, "Tagging
your AWS resources: tag naming limits and requirements"; Amazon S3 User Guide, "General purpose bucket naming rules";
Amazon EventBridge User Guide, "Cron expressions reference" and "Rate expressions reference"; AWS KMS Developer Guide,
"Specifying KMS keys in IAM policy statements" and "Multi-Region keys in AWS KMS".
"""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from llminfra.spec.errors.expectations import refused
from llminfra.spec.errors.shape_errors import looks_like_credential

BUCKET_PATTERN = r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"
_BUCKET_STARTS = ("xn--", "sthree-", "amzn-s3-demo-")
_BUCKET_ENDS = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")

_KEY_ARN = re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/(mrk-[0-9a-f]{32}|[0-9a-f-]+)")

_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_LABEL_PREFIX = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
_MOST_PREFIX = 253

_TAG_MARKS = frozenset(" +-=._:/@")
_MOST_TAG_KEY, _MOST_TAG_VALUE = 128, 256

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
# Name, least, most, names for numbers, marks besides , - * and /.
_CRON = (
    ("minutes", 0, 59, (), ""),
    ("hours", 0, 23, (), ""),
    ("day of month", 1, 31, (), "?LW"),
    ("month", 1, 12, _MONTHS, ""),
    ("day of week", 1, 7, _DAYS, "?L#"),
    ("year", 1970, 2199, (), ""),
)


def _label_key(value: str) -> str:
    prefix, slash, name = value.rpartition("/")
    good = not slash or (_LABEL_PREFIX.fullmatch(prefix) is not None and len(prefix) <= _MOST_PREFIX)
    if not good or not _LABEL.fullmatch(name):
        raise refused(
            "this is no key of a Kubernetes label",
            expected="at most 63 letters, digits and -_. that start and end with a letter or digit, after "
            "a DNS name and a slash at will, for example acme.com/team",
            fix=f"write {re.sub(r'[^A-Za-z0-9_.-]+', '-', name).strip('-_.')[:63] or 'team'!r}",
        )
    return value


# Kubelets refuse to be given labels of these domains, but for the two below them; the others are written by llminfra,
# the provisioner or device plugins (Kubernetes documentation: "NodeRestriction", "Well-Known Labels").
_KEPT_DOMAINS = ("kubernetes.io", "k8s.io", "karpenter.sh", "karpenter.k8s.aws", "llminfra.io", "eks.amazonaws.com")
_FREE_DOMAINS = ("kubelet.kubernetes.io", "node.kubernetes.io")
_KEPT_KEYS = frozenset({"nvidia.com/gpu.present", "vpc.amazonaws.com/efa.present"})


def _node_label_key(value: str) -> str:
    domain = value.rpartition("/")[0]
    kept = any(domain == item or domain.endswith(f".{item}") for item in _KEPT_DOMAINS)
    free = any(domain == item or domain.endswith(f".{item}") for item in _FREE_DOMAINS)
    if (kept and not free) or value in _KEPT_KEYS:
        raise refused(
            "labels with this key are written by Kubernetes, the provisioner or llminfra",
            expected="a key of your own, for example acme.com/team",
            fix=f"write {'acme.com/' + value.rpartition('/')[2]!r}, with your own domain",
        )
    return value


def _label_value(value: str) -> str:
    if value and not _LABEL.fullmatch(value):
        raise refused(
            "this is no value of a Kubernetes label",
            expected="at most 63 letters, digits and -_. that start and end with a letter or digit, or nothing",
            fix=f"write {re.sub(r'[^A-Za-z0-9_.-]+', '-', value).strip('-_.')[:63]!r}",
        )
    return value


def _tag_key(value: str) -> str:
    if value.lower().startswith("aws:"):
        raise refused(
            "tags that start with aws: are AWS's own", expected="another key", fix=f"write {value[4:] or 'team'!r}"
        )
    return _tag_text(value, "key", 1, _MOST_TAG_KEY)


def _tag_value(value: str) -> str:
    if looks_like_credential(value):
        raise refused("this looks like a credential", expected="a text that everyone may read", fix="take it out")
    return _tag_text(value, "value", 0, _MOST_TAG_VALUE)


def _tag_text(value: str, what: str, least: int, most: int) -> str:
    if not least <= len(value) <= most:
        raise refused(
            f"the {what} of a tag has {len(value)} characters",
            expected=f"{least} to {most} characters",
            fix=f"shorten it to {most} characters" if value else "give it a name",
        )
    if odd := sorted({mark for mark in value if not (mark.isalnum() or mark in _TAG_MARKS)}):
        raise refused(
            f"the {what} of a tag has characters that not every service takes: {' '.join(odd)}",
            expected="letters, digits, spaces and + - = . _ : / @",
            fix=f"write {''.join('-' if mark in odd else mark for mark in value)!r}",
        )
    return value


def bucket_name(value: str) -> str:
    """A bucket name that S3 takes, beyond its characters and length."""
    problem = ""
    if ".." in value:
        problem = "two dots stand side by side"
    elif re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,3}){3}", value):
        problem = "it looks like an IP address"
    elif start := next((item for item in _BUCKET_STARTS if value.startswith(item)), None):
        problem = f"names that start with {start} are S3's own"
    elif end := next((item for item in _BUCKET_ENDS if value.endswith(item)), None):
        problem = f"names that end with {end} are S3's own"
    if problem:
        raise refused(
            f"S3 refuses the bucket name {value!r}: {problem}",
            expected="3 to 63 lower-case letters, digits, dots and hyphens, for example acme-llm-weights",
            fix="choose another name, best without dots",
        )
    return value


def _bucket_of_uri(value: str) -> str:
    bucket_name(value.removeprefix("s3://").partition("/")[0])
    return value


def _key_arn(value: str) -> str:
    if not _KEY_ARN.fullmatch(value):
        alias = ":alias/" in value
        raise refused(
            "policies of IAM let nobody use a key that they name by its alias" if alias else "this is no ARN of a key",
            expected="for example arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            fix=f"write what `aws kms describe-key --key-id {value if alias else '<key>'}` names as Arn",
        )
    return value


def _schedule(value: str) -> str:
    kind, _, rest = value.removesuffix(")").partition("(")
    if kind == "rate":
        _rate(rest)
        return value
    fields = rest.split()
    if len(fields) != len(_CRON):
        raise refused(
            f"a cron expression has six fields, and this has {len(fields)}",
            expected="cron(minutes hours day-of-month month day-of-week year), for example cron(0 2 * * ? *)",
            fix="write all six; one of day-of-month and day-of-week is ?",
        )
    for text, (name, least, most, words, marks) in zip(fields, _CRON, strict=True):
        if not _cron_field(text, least, most, words, marks):
            spelled = f", or {words[0]} to {words[-1]}" if words else ""
            also = "".join(f" {mark}" for mark in marks)
            raise refused(
                f"the field {name} of the schedule is {text}",
                expected=f"{least} to {most}{spelled}, and , - * /{also}",
                fix=f"correct {name}",
            )
    if (fields[2] == "?") == (fields[4] == "?"):
        raise refused(
            "day of month and day of week exclude one another",
            expected="? in exactly one of the two",
            fix=f"write cron({' '.join([*fields[:4], '?', fields[5]])})",
        )
    return value


def _rate(text: str) -> None:
    number, _, unit = text.partition(" ")
    good = number.isascii() and number.isdecimal() and int(number) > 0 and unit.removesuffix("s") in _UNITS
    if not good or (int(number) == 1) == unit.endswith("s"):
        raise refused(
            f"rate({text}) is no rate",
            expected="a whole number and minutes, hours or days; 1 with minute, hour or day",
            fix="write for example rate(12 hours)",
        )


_UNITS = ("minute", "hour", "day")


def _cron_field(text: str, least: int, most: int, words: tuple[str, ...], marks: str) -> bool:
    if text in {"*", *marks.replace("#", "").replace("W", "")}:
        return True
    return all(_cron_part(part, least, most, words, marks) for part in text.split(","))


def _cron_part(text: str, least: int, most: int, words: tuple[str, ...], marks: str) -> bool:
    base, slash, step = text.partition("/")
    if slash and not (step.isascii() and step.isdecimal() and 0 < int(step) <= most):
        return False
    if "#" in marks and "#" in base:
        base, _, nth = base.partition("#")
        if nth not in {"1", "2", "3", "4", "5"}:
            return False
    for mark in ("L", "W"):
        if mark in marks and len(base) > 1 and base not in words:
            base = base.removesuffix(mark)
    if base in {"*", "L"} and (base == "*" or "L" in marks):
        return True
    first, dash, last = base.partition("-")
    numbers = [_number(item, words, least) for item in ((first, last) if dash else (first,))]
    return all(number is not None and least <= number <= most for number in numbers)


def _number(text: str, words: tuple[str, ...], least: int) -> int | None:
    if text.upper() in words:
        return words.index(text.upper()) + least
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 4 else None  # a year


LabelKey = Annotated[str, AfterValidator(_label_key)]
NodeLabelKey = Annotated[str, AfterValidator(_label_key), AfterValidator(_node_label_key)]
"""Key of a label that nodes get: one of the user's own."""
LabelValue = Annotated[str, AfterValidator(_label_value)]
Namespace = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
"""Name of a Kubernetes namespace: a DNS label."""
TagKey = Annotated[str, AfterValidator(_tag_key)]
TagValue = Annotated[str, AfterValidator(_tag_value)]
BucketName = Annotated[str, Field(pattern=BUCKET_PATTERN), AfterValidator(bucket_name)]
"""Name of a general purpose bucket."""
InBucket = AfterValidator(_bucket_of_uri)
"""For URIs of objects and prefixes: the bucket's name is one."""
Schedule = Annotated[str, Field(pattern=r"^(cron|rate)\(.+\)$"), AfterValidator(_schedule)]
"""A schedule of an EventBridge rule."""
KmsKeyArn = Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:kms:"), AfterValidator(_key_arn)]
"""A key that roles get to use: by its own ARN, because policies know no aliases."""
