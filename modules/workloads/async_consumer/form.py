"""A request as a form with a file (RFC 7578): how recordings are posted."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Payload:
    """What is posted."""

    content_type: str
    data: bytes


def form(fields: dict[str, Any], file_name: str, content: bytes) -> Payload:
    """The fields, a part for each value of a list, and the file as ``file``."""
    boundary = uuid.uuid4().hex
    while boundary.encode() in content:
        boundary = uuid.uuid4().hex
    pieces = []
    for name, value in fields.items():
        for each in value if isinstance(value, list) else [value]:
            text = str(each).lower() if isinstance(each, bool) else str(each)
            pieces.append(_part(boundary, f'name="{_quoted(name)}"') + text.encode() + b"\r\n")
    where = f'name="file"; filename="{_quoted(file_name)}"\r\nContent-Type: application/octet-stream'
    pieces += [_part(boundary, where), content, f"\r\n--{boundary}--\r\n".encode()]
    return Payload(f"multipart/form-data; boundary={boundary}", b"".join(pieces))


def _part(boundary: str, where: str) -> bytes:
    return f"--{boundary}\r\nContent-Disposition: form-data; {where}\r\n\r\n".encode()


def _quoted(name: str) -> str:
    """As browsers write names: nothing in one may end the header or its quotes."""
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
