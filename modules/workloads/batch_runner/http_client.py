"""HTTP to one server with a limit on the whole exchange, one kept connection for each thread."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

# uvicorn closes a connection that was idle for 5 s (its --timeout-keep-alive).
IDLE_LIMIT_S = 3.0
READ_BYTES = 64 * 1024


class ExchangeTimeoutError(Exception):
    """No complete answer in time."""


class ExchangeBrokenError(Exception):
    """The connection was refused or broke; ``sent``: the server may have seen the request."""

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete answer."""

    status: int
    headers: dict[str, str]
    body: bytes


class HttpClient:
    """Requests to one address."""

    def __init__(self, base_url: str, headers: dict[str, str] | None = None) -> None:
        parts = urlsplit(base_url)
        self._secure = parts.scheme == "https"
        self._address = (parts.hostname or "", parts.port or (443 if self._secure else 80))
        self._headers = headers or {}
        self._local = threading.local()

    def request(
        self, method: str, path: str, body: bytes | None, timeout_s: float, headers: dict[str, str] | None = None
    ) -> Reply:
        """One exchange, the time of all its steps together limited.

        Raises:
            ExchangeTimeoutError: it took longer.
            ExchangeBrokenError: the connection was refused or broke.
        """
        deadline = time.monotonic() + timeout_s
        kept = self._take()
        if kept is not None:
            try:
                return self._exchange(kept, method, path, body, headers, deadline)
            except ExchangeBrokenError:
                pass  # the server may have closed the kept connection: that says nothing about this request
        fresh = self._connect(deadline, sent=kept is not None)
        return self._exchange(fresh, method, path, body, headers, deadline)

    def release(self) -> None:
        """Close the connection that is kept for this thread."""
        if (connection := self._take()) is not None:
            connection.close()

    def _take(self) -> http.client.HTTPConnection | None:
        kept, self._local.kept = getattr(self._local, "kept", None), None
        if kept is None:
            return None
        connection, since = kept
        if time.monotonic() - since > IDLE_LIMIT_S:
            connection.close()
            return None
        return connection  # type: ignore[no-any-return]

    def _connect(self, deadline: float, *, sent: bool) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        # A server on this machine or in this network accepts at once or is not there.
        connection = kind(*self._address, timeout=min(10.0, max(0.1, deadline - time.monotonic())))
        try:
            connection.connect()
        except OSError as error:
            connection.close()
            raise ExchangeBrokenError(f"cannot connect: {type(error).__name__}", sent=sent) from error
        return connection

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: bytes | None,
        headers: dict[str, str] | None,
        deadline: float,
    ) -> Reply:
        reusable = False
        try:
            sock = connection.sock
            _limit(sock, deadline)
            send = {"Content-Type": "application/json", **self._headers, **(headers or {})}
            connection.request(method, path, body=body, headers=send)
            _limit(sock, deadline)
            with connection.getresponse() as response:
                pieces = []
                _limit(sock, deadline)
                while piece := response.read1(READ_BYTES):
                    pieces.append(piece)
                    _limit(sock, deadline)
                if response.length:
                    raise ExchangeBrokenError("the answer broke off", sent=True)
                reusable = not response.will_close
                reply = Reply(response.status, {k.lower(): v for k, v in response.getheaders()}, b"".join(pieces))
        except TimeoutError as error:
            raise ExchangeTimeoutError from error
        except (OSError, http.client.HTTPException) as error:
            raise ExchangeBrokenError(f"connection broke: {type(error).__name__}", sent=True) from error
        finally:
            if not reusable:
                connection.close()
        if reusable:
            self._local.kept = (connection, time.monotonic())
        return reply


def _limit(sock: socket.socket, deadline: float) -> None:
    """Let the next step take what is left of the time."""
    if (left := deadline - time.monotonic()) <= 0:
        raise TimeoutError
    if sock.fileno() >= 0:  # closed by the last read of an answer that ends the connection
        sock.settimeout(left)
