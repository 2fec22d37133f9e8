"""Lines of the input and of the output: the OpenAI batch file format.

Format: https://platform.openai.com/docs/guides/batch and the schema BatchRequestOutput of the OpenAI API: an answer of
the server, whatever its status, is ``response``; what never got an answer is ``error`` with a code and a message.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

_URL = re.compile(r"/v[12]/[a-z_]+(/[a-z_]+)*")


class BadLineError(Exception):
    """A line that cannot be sent; ``code`` is stable, the message is for people and quotes no content."""

    def __init__(self, code: str, message: str, custom_id: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.custom_id = custom_id


@dataclass(frozen=True, slots=True)
class Request:
    """One line that can be sent."""

    custom_id: str
    url: str
    body: bytes


def parse_line(raw: bytes) -> Request:
    """A line of an input file.

    Raises:
        BadLineError: it is not a request of the batch format.
    """
    try:
        item = json.loads(raw)
    except (ValueError, RecursionError):
        raise BadLineError("invalid_json", "the line is not JSON in UTF-8") from None
    if not isinstance(item, dict):
        raise BadLineError("invalid_json", f"the line is a JSON {type(item).__name__}, expected an object")
    custom_id = item.get("custom_id")
    if not isinstance(custom_id, str) or not custom_id:
        raise BadLineError("invalid_custom_id", "custom_id is missing, empty or not a string")
    if item.get("method") != "POST":
        raise BadLineError("invalid_method", "method is not POST", custom_id)
    url = item.get("url")
    if not isinstance(url, str) or not _URL.fullmatch(url):
        raise BadLineError("invalid_url", "url is not a path such as /v1/chat/completions", custom_id)
    body = item.get("body")
    if not isinstance(body, dict):
        raise BadLineError("invalid_body", "body is not an object", custom_id)
    if body.get("stream"):
        raise BadLineError("invalid_body", "stream cannot be true in a batch", custom_id)
    try:
        encoded = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except ValueError:
        raise BadLineError("invalid_body", "body has NaN, an infinity or half a surrogate pair", custom_id) from None
    return Request(custom_id, url, encoded)


def custom_id_of(raw: bytes) -> str | None:
    """The custom_id of a line, if it has one: for finding duplicates without judging the rest."""
    try:
        item = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    custom_id = item.get("custom_id") if isinstance(item, dict) else None
    return custom_id if isinstance(custom_id, str) and custom_id else None


def record_id(file_id: str, line: int) -> str:
    """Id of an output line: the same in every attempt."""
    return "batch_req_" + hashlib.sha256(f"{file_id}:{line}".encode()).hexdigest()[:24]


def answered(file_id: str, line: int, custom_id: str, status_code: int, request_id: str, body: Any) -> dict[str, Any]:
    """Output line of a request that the server answered; status 200 goes to the output, others to the errors."""
    return {
        "id": record_id(file_id, line),
        "custom_id": custom_id,
        "response": {"status_code": status_code, "request_id": request_id, "body": body},
        "error": None,
    }


def unanswered(file_id: str, line: int, custom_id: str | None, code: str, message: str) -> dict[str, Any]:
    """Output line of a request that got no answer; ``line`` is the 1-based number in the input file."""
    return {
        "id": record_id(file_id, line),
        "custom_id": custom_id,
        "response": None,
        "error": {"code": code, "message": f"line {line}: {message}", "line": line},
    }


def is_success(record: dict[str, Any]) -> bool:
    """Whether the record belongs in the output file."""
    response = record["response"]
    return response is not None and 200 <= response["status_code"] < 300
