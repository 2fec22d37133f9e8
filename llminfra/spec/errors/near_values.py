"""What a user nearly wrote: the value with one slip mended, where a field's pattern then takes it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from itertools import chain

# Fields of a crontab line: minute, hour, day of month, month, day of week.
_CRONTAB_FIELDS = 5


def plain_letters(value: str) -> str:
    """Lower case without accents: ``Größe`` is ``grosse``."""
    split = unicodedata.normalize("NFKD", value.casefold())
    return "".join(mark for mark in split if not unicodedata.combining(mark))


_ALIKE = 0.65
"""Above it ``max_len`` is ``max_model_len``, below it are words with some letters in common."""


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that was meant, upper case or lower; empty: none is near."""
    folded = {each.casefold(): each for each in known}
    close = get_close_matches(word.casefold(), folded, n=1, cutoff=_ALIKE)
    return folded[close[0]] if close else ""


def other_server(kind: str, known: Iterable[str]) -> str:
    """What to write for a server that is no engine here and runs all the same; empty: it is none of them."""
    if "custom" not in known or kind.casefold() not in _OTHER_SERVERS:
        return ""
    return "write 'custom', with image, port and probes: llminfra knows no arguments of this server"


_OTHER_SERVERS = frozenset(
    {
        "tei",
        "text-embeddings-inference",
        "infinity",
        "ollama",
        "llama.cpp",
        "llamacpp",
        "llama-cpp",
        "lmdeploy",
        "triton",
    }
)
"""Some are nearly called like one that is an engine."""


def near_value(value: str, pattern: str) -> str:
    """The value as the pattern takes it, after the smallest of the usual slips is mended; empty: none was made.

    Args:
        value: What the user wrote, which does not match.
        pattern: Regular expression of the field.
    """
    value = value.strip()
    if arn := _ARN.fullmatch(value):
        return next((part for part in _arn_parts(arn) if re.search(pattern, part)), "")
    mended = chain([_address_part(value, pattern)], (mend(value) for mend in _SLIPS))
    hosted = "ml" in pattern  # a bucket may be called ml.x, and nobody meant that
    return next((text for text in mended if text and (hosted or text[:3] != "ml.") and re.search(pattern, text)), "")


_ARN = re.compile(r"arn:(aws[a-z-]*):([a-z0-9-]+):[a-z0-9-]*:([0-9]*):(.+)")
# Secrets Manager adds a hyphen and six characters to a secret's name (GetSecretValue, API reference).
_SECRET = re.compile(r"secret:(.+)-[A-Za-z0-9]{6}")


def _arn_parts(arn: re.Match[str]) -> Iterator[str]:
    """What a field may mean of an ARN: a session's role, a bucket or the keys in it, a secret's name, the last part.

    Its letters are never made a name: an ARN with hyphens for colons names nothing.
    """
    partition, service, account, resource = arn.groups()
    if service == "sts" and (session := resource.split("/"))[0] == "assumed-role":
        yield f"arn:{partition}:iam::{account}:role/{session[1]}"
    if service == "secretsmanager" and (secret := _SECRET.fullmatch(resource)):
        yield secret[1]
    elif service == "s3":
        bucket, _, keys = resource.partition("/")
        yield from (part for part in (f"s3://{resource}", keys.strip("/*"), bucket) if part)
    else:
        yield re.split(r"[/:]", resource)[-1]


_ADDRESS = re.compile(r"(s3|https?)://([^/]+)/*(.*?)/*")
_BUCKET_HOST = re.compile(r"([a-z0-9.-]+)\.s3[.-][a-z0-9.-]*amazonaws\.com")


def _address_part(value: str, pattern: str) -> str:
    """What the pattern is of in an address: a bucket or the keys in it, a host; empty: it is no address, or whole."""
    found = _ADDRESS.fullmatch(value)
    if found is None or re.search(pattern, value):
        return ""
    scheme, host, path = found.groups()
    takes_paths = re.search(pattern, "a/b") is not None
    if bucket := host if scheme == "s3" else (_BUCKET_HOST.fullmatch(host) or ["", ""])[1]:
        return path if takes_paths else bucket
    return f"{host}/{path}" if takes_paths else host


def _event_schedule(value: str) -> str:
    """A crontab line as EventBridge writes it: six fields, ``?`` for one kind of day.

    Days of the week count from 0 in a crontab and from 1 in EventBridge, so only names of days are taken over.
    """
    fields = value.split()
    if len(fields) != _CRONTAB_FIELDS:
        return ""
    minute, hour, day, month, weekday = fields
    if weekday == "*":
        return f"cron({minute} {hour} {day} {month} ? *)"
    if day == "*" and not re.search(r"[0-9]", weekday):
        return f"cron({minute} {hour} ? {month} {weekday.upper()} *)"
    return ""


_SLIPS: tuple[Callable[[str], str], ...] = (
    lambda value: value,
    str.lower,
    lambda value: value.rstrip("/"),
    lambda value: value.strip("/"),
    lambda value: value.removeprefix("/hostedzone/"),
    lambda value: f"/{value}",
    lambda value: f"ml.{value}",
    lambda value: f"s3://{value}",
    lambda value: f"s3://{value.rstrip('/')}",
    lambda value: re.sub(r"[^a-z0-9.-]+", "-", plain_letters(value)).strip("-."),
    _event_schedule,
)
