"""The message contract (``message.schema.json``), checked without a library: the Lambda runtime has none."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

VERSION = 1
_FIELDS = frozenset({"version", "idempotency_key", "url", "body", "body_s3", "file_s3", "metadata"})
_POINTER_FIELDS = frozenset({"bucket", "key", "version_id"})
_KEY = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_URL = re.compile(r"/v[12]/[a-z_]+(/[a-z_]+)*")
_FORM_URL = re.compile(r"/v1/audio/(transcriptions|translations)")
_FORM_ANSWERS = frozenset({"json", "verbose_json"})
MAX_METADATA = 16
MAX_METADATA_CHARS = 256


class PoisonError(Exception):
    """A message that no retry can help; ``code`` is stable and the text quotes no content."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Pointer:
    """Where a body is that is too large for SQS."""

    bucket: str
    key: str
    version_id: str | None


@dataclass(frozen=True, slots=True)
class Message:
    """A valid message; exactly one of ``body`` and ``pointer`` is there.

    With ``file`` the body is the other fields of the form that the file is posted in.
    """

    idempotency_key: str
    url: str
    body: dict[str, Any] | None
    pointer: Pointer | None
    metadata: dict[str, str]
    digest: str
    file: Pointer | None = None


def parse_message(text: str, message_id: str) -> Message:
    """A message; without a key of its own it has that of SQS.

    Raises:
        PoisonError: it is not one.
    """
    try:
        item = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise PoisonError("invalid_json", "the message is not JSON") from None
    if not isinstance(item, dict):
        raise PoisonError("invalid_json", "the message is not an object")
    if unknown := sorted(set(item) - _FIELDS):
        raise PoisonError("unknown_field", f"{len(unknown)} unknown fields; known are {', '.join(sorted(_FIELDS))}")
    version = item.get("version")
    if version != VERSION or isinstance(version, bool):
        raise PoisonError("unknown_version", f"version is not {VERSION}")
    key = item.get("idempotency_key", message_id)
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise PoisonError("invalid_key", "idempotency_key is not 1 to 128 of letters, digits and ._:-")
    url = item.get("url")
    if not isinstance(url, str) or not _URL.fullmatch(url):
        raise PoisonError("invalid_url", "url is not a path such as /v1/chat/completions")
    if ("body" in item) == ("body_s3" in item):
        raise PoisonError("invalid_body", "expected one of body and body_s3")
    body = check_body(item["body"]) if "body" in item else None
    pointer = _pointer(item["body_s3"], "body_s3") if "body_s3" in item else None
    file = _file(item, url)
    told = [url, item.get("body"), item.get("body_s3"), *([item["file_s3"]] if file else [])]
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    return Message(key, url, body, pointer, _metadata(item.get("metadata", {})), digest, file)


def check_body(body: object) -> dict[str, Any]:
    """The body of a request.

    Raises:
        PoisonError: it is not one that can be delayed.
    """
    if not isinstance(body, dict):
        raise PoisonError("invalid_body", "body is not an object")
    if body.get("stream", False) is not False:
        raise PoisonError("invalid_body", "stream cannot be used in delayed inference")
    return body


def _file(item: dict[str, Any], url: str) -> Pointer | None:
    """The recording that goes with the fields of a form; paths that take forms need one, and others none."""
    if not _FORM_URL.fullmatch(url):
        if "file_s3" in item:
            raise PoisonError("invalid_file", "file_s3 goes to /v1/audio/transcriptions or /v1/audio/translations")
        return None
    if "file_s3" not in item or "body" not in item:
        raise PoisonError("invalid_file", "a recording is file_s3, with the other fields of its form as body")
    for name, value in item["body"].items():
        texts = isinstance(value, list) and all(isinstance(each, str) for each in value)
        if not texts and not isinstance(value, str | int | float):
            raise PoisonError("invalid_body", "fields of a form are texts, numbers, truth values and lists of texts")
        if name == "response_format" and value not in _FORM_ANSWERS:
            raise PoisonError("invalid_body", "response_format is not json or verbose_json: answers are kept as JSON")
    return _pointer(item["file_s3"], "file_s3")


def _pointer(item: object, what: str) -> Pointer:
    if not isinstance(item, dict) or set(item) - _POINTER_FIELDS:
        raise PoisonError("invalid_body", f"{what} is not an object of bucket, key and version_id")
    bucket, key, version_id = item.get("bucket"), item.get("key"), item.get("version_id")
    if not isinstance(bucket, str) or not bucket or not isinstance(key, str) or not key:
        raise PoisonError("invalid_body", f"{what} lacks its bucket or its key")
    if "version_id" in item and (not isinstance(version_id, str) or not version_id):
        raise PoisonError("invalid_body", f"version_id of {what} is not a text")
    return Pointer(bucket, key, version_id)


def _metadata(item: object) -> dict[str, str]:
    if not isinstance(item, dict) or len(item) > MAX_METADATA:
        raise PoisonError("invalid_metadata", f"metadata is not an object of at most {MAX_METADATA} texts")
    for name, value in item.items():
        if not isinstance(value, str) or max(len(name), len(value)) > MAX_METADATA_CHARS:
            raise PoisonError("invalid_metadata", f"metadata has more than texts of {MAX_METADATA_CHARS} characters")
    return item


def _refuse(_constant: str) -> None:
    raise ValueError
