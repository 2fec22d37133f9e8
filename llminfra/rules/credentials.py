"""Recognizing credentials in text: by the shape their issuers give them, by the name they stand under, by entropy."""

from __future__ import annotations

import math
import re
from collections import Counter
from functools import lru_cache
from itertools import pairwise

# Shapes by issuer. Prefixes: GitHub docs "token formats"; AWS IAM "unique identifiers" (AKIA, ASIA); Hugging Face
# user access tokens (hf_); Slack token types (xox.-); RFC 7519 (JWT: two base64url JSON objects); RFC 7468 (PEM).
_SHAPES = {
    "a Hugging Face token": r"(?<![A-Za-z0-9])hf_[A-Za-z0-9]{20,}",
    "an AWS access key id": r"(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z2-7]{16}(?![A-Z0-9])",
    "a GitHub token": r"(?<![A-Za-z0-9])(?:gh[oprsu]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{50,})",
    "an OpenAI or Anthropic style key": r"(?<![A-Za-z0-9_-])sk-(?:proj-|ant-)?[A-Za-z0-9_-]*\d[A-Za-z0-9_-]{19,}",
    "an NVIDIA NGC key": r"(?<![A-Za-z0-9])nvapi-[A-Za-z0-9_-]{40,}",
    "a Slack token": r"(?<![A-Za-z0-9])xox[abeprs]-[A-Za-z0-9-]{10,}",
    "a JSON web token": r"(?<![A-Za-z0-9])eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+",
    "a private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----",
}
# One of these stands in every text that has a shape; to look for them first is much faster than the expression.
_MARKS = ("hf_", "AKIA", "ASIA", "gho_", "ghp_", "ghr_", "ghs_", "ghu_", "github_pat_", "sk-", "nvapi-", "xox", "eyJ",
          "-----BEGIN ")  # fmt: skip
_SHAPE = re.compile("|".join(f"(?P<s{index}>{shape})" for index, shape in enumerate(_SHAPES.values())))
_KINDS = tuple(_SHAPES)

_SECRET_WORDS = re.compile(
    r"(^|[_\-.])(token|password|passwd|secret|api_?key|access_?key|private_?key|credentials?)($|[_\-.])", re.IGNORECASE
)
# Names that hold a reference to a secret, or a setting about one, and not the secret itself.
_REFERENCE_WORDS = re.compile(
    r"(name|ref|arn|id|path|file|key_?ref|store|role|type|url|host|issuer|ttl|expir\w*|http_tokens)$", re.IGNORECASE
)
# Keys of Kubernetes manifests and values that name an entry of a Secret.
_KUBERNETES_REFERENCES = frozenset(
    {"apiKeySecret", "secretKey", "secretKeyRef", "secretRef", "existingSecret", "passwordKey", "tokenKey"}
)
_CANDIDATE = re.compile(r"(?<![A-Za-z0-9+/_=-])[A-Za-z0-9+/_-]{32,}={0,2}(?![A-Za-z0-9+/_=-])")
_LEAST_LENGTH = 32
_SEGMENT = re.compile(r"[A-Za-z0-9+]{20,}")
_LEAST_BITS = 3.6
"""Bits per character of 20 random letters and digits are 4.0 on average; words repeat their letters."""

_LEAST_CHANGES = 0.42
"""Share of neighbours of different class: 0.62 in random letters and digits, below 0.4 in CamelCase names."""


def credential_kind(text: str) -> str | None:
    """What kind of credential the text contains by its shape, for example ``a Hugging Face token``."""
    if not any(mark in text for mark in _MARKS):
        return None
    match = _SHAPE.search(text)
    return None if match is None or match.lastgroup is None else _KINDS[int(match.lastgroup[1:])]


@lru_cache(4096)
def names_a_secret(name: str) -> bool:
    """Whether a key or variable of that name holds a secret (``HF_TOKEN``), not a reference to one (``token_arn``)."""
    last = name.rpartition(".")[2]
    if last in _KUBERNETES_REFERENCES:
        return False
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", last)
    return _SECRET_WORDS.search(spaced) is not None and _REFERENCE_WORDS.search(spaced) is None


def looks_random(text: str) -> bool:
    """Whether the text holds a run that only a generator makes: 32 characters or more, mixed at random.

    Separators split names (``Llama-3.3-70B-Instruct-FP8``) into short pieces, and keys into long ones.
    """
    if len(text) < _LEAST_LENGTH:
        return False
    return any(_is_random(piece) for run in _CANDIDATE.findall(text) for piece in _SEGMENT.findall(run))


def _is_random(piece: str) -> bool:
    classes = (any(c.islower() for c in piece), any(c.isupper() for c in piece), any(c.isdigit() for c in piece))
    return all(classes) and entropy_bits(piece) >= _LEAST_BITS and _changes(piece) >= _LEAST_CHANGES


def _changes(run: str) -> float:
    """Share of neighbours of different class: upper case, lower case, digit, other."""
    classes = [(c.isupper(), c.islower(), c.isdigit()) for c in run]
    return sum(a != b for a, b in pairwise(classes)) / (len(run) - 1)


def entropy_bits(text: str) -> float:
    """Shannon entropy in bits per character."""
    if not text:
        return 0.0
    size = len(text)
    return -sum(count / size * math.log2(count / size) for count in Counter(text).values())


def is_reference(text: str) -> bool:
    """Whether a value is filled in by Terraform or Kubernetes at run time, or empty."""
    return not text or text.startswith(("${", "$(", "arn:"))
