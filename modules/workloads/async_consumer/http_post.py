"""One HTTP request with a limit on the whole exchange."""

from __future__ import annotations

import http.client
import socket
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

CONNECT_TIMEOUT_S = 5.0
READ_BYTES = 64 * 1024


class ExchangeTimeoutError(Exception):
    """No complete answer in time."""


class ExchangeBrokenError(Exception):
    """The connection was refused or broke."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete answer."""

    status: int
    headers: dict[str, str]
    body: bytes


def exchange(
    method: str, base_url: str, path: str, body: bytes | None, headers: dict[str, str], timeout_s: float
) -> Reply:
    """Ask and read the whole answer.

    Raises:
        ExchangeTimeoutError: it took longer.
        ExchangeBrokenError: the connection was refused or broke.
    """
    deadline = time.monotonic() + timeout_s
    parts = urlsplit(base_url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=min(CONNECT_TIMEOUT_S, max(0.1, timeout_s)))
    try:
        try:
            connection.connect()
        except OSError as error:
            raise ExchangeBrokenError(f"cannot connect: {type(error).__name__}") from error
        sock = connection.sock
        _limit(sock, deadline)
        connection.request(method, path, body=body, headers={"Connection": "close", **headers})
        _limit(sock, deadline)
        with connection.getresponse() as response:
            pieces = []
            _limit(sock, deadline)
            while piece := response.read1(READ_BYTES):
                pieces.append(piece)
                _limit(sock, deadline)
            if response.length:
                raise ExchangeBrokenError("the answer broke off")
            return Reply(response.status, {k.lower(): v for k, v in response.getheaders()}, b"".join(pieces))
    except TimeoutError as error:
        raise ExchangeTimeoutError from error
    except (OSError, http.client.HTTPException) as error:
        raise ExchangeBrokenError(f"connection broke: {type(error).__name__}") from error
    finally:
        connection.close()


def _limit(sock: socket.socket, deadline: float) -> None:
    """Let the next step take what is left of the time."""
    if (left := deadline - time.monotonic()) <= 0:
        raise TimeoutError
    if sock.fileno() >= 0:  # closed by the last read of the answer
        sock.settimeout(left)
