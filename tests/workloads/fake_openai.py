"""A small OpenAI-compatible server with faults; in a thread of a test, or a process of its own.

A request asks for its fault itself, in ``body["fault"]``: ``{"status": 500, "times": 2, "delay_s": 0.1}`` answers two
times with 500, ``{"disconnect": true}`` hangs up, ``{"crash": true}`` ends the process, ``{"text": "no json"}`` answers
with that text. ``times`` counts by the request's ``user``.
"""

from __future__ import annotations

import email.policy
import hashlib
import http.server
import json
import os
import sys
import threading
import time
from collections import Counter
from typing import Any


class FakeOpenAi(http.server.ThreadingHTTPServer):
    """Answers ``/health``, ``/v1/*`` and SageMaker's ``/endpoints/<name>/invocations``."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.lock = threading.Lock()
        self.seen: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.headers: list[dict[str, str]] = []
        self.healthy = True
        self.delay_s = 0.0
        self.api_key: str | None = None
        self.in_flight = 0
        self.most_in_flight = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def start(self) -> FakeOpenAi:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def stop(self) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are part of the tests."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeOpenAi

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name is the base class's
        pass

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.answer(200 if self.server.healthy else 503, b"")

    def do_POST(self) -> None:
        server = self.server
        body = self.sent(self.rfile.read(int(self.headers["Content-Length"])))
        who = body.get("user", "")
        fault = body.get("fault", {})
        with server.lock:
            server.seen[who] += 1
            server.headers.append(dict(self.headers))
            count = server.seen[who]
            server.in_flight += 1
            server.most_in_flight = max(server.most_in_flight, server.in_flight)
        try:
            self.respond(who, body, fault if count <= fault.get("times", 1_000_000) else {})
        finally:
            with server.lock:
                server.in_flight -= 1

    def sent(self, data: bytes) -> dict[str, Any]:
        """The body, or the fields of a form: each a list of its values, the file with its name and length."""
        kind = self.headers["Content-Type"]
        if not kind.startswith("multipart/"):
            return dict(json.loads(data))
        parts = email.message_from_bytes(
            b"Content-Type: " + kind.encode() + b"\r\n\r\n" + data, policy=email.policy.HTTP
        )
        fields: dict[str, Any] = {}
        for part in parts.iter_parts():
            name, value = part.get_param("name", header="content-disposition"), part.get_payload(decode=True)
            shown = [part.get_filename(), hashlib.sha256(value).hexdigest()] if part.get_filename() else value.decode()
            fields.setdefault(str(name), []).append(shown)
        return {"user": fields.get("user", [""])[0], "prompt": fields}

    def respond(self, who: str, body: dict[str, Any], fault: dict[str, Any]) -> None:
        server = self.server
        time.sleep(fault.get("delay_s", server.delay_s))
        if fault.get("crash"):
            os._exit(3)
        if fault.get("disconnect") or not server.healthy:
            self.close_connection = True
            return
        if "text" in fault:
            self.answer(fault.get("status", 200), fault["text"].encode())
            return
        if server.api_key is not None and self.headers.get("Authorization") != f"Bearer {server.api_key}":
            self.answer(401, b'{"error": {"message": "who are you?", "type": "auth"}}')
            return
        if status := fault.get("status"):
            error = {"error": {"message": f"asked for {status}: {body.get('prompt')}", "type": "fault"}}
            extra = {"Retry_After": str(fault["retry_after"])} if "retry_after" in fault else {}
            if self.path.startswith("/endpoints/"):
                error = {"OriginalStatusCode": status, "OriginalMessage": json.dumps(error), "Message": "model"}
                extra["x_amzn_ErrorType"] = fault.get("type", "ModelError")
                status = fault.get("service_status", 424)
            self.answer(status, json.dumps(error).encode(), **extra)
            return
        with server.lock:
            server.answered[who] += 1
        reply = {
            "id": f"cmpl-{who}",
            "object": "text_completion",
            "choices": [{"index": 0, "text": f"echo {body.get('prompt')}", "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
        }
        self.answer(200, json.dumps(reply).encode())


def main() -> None:
    server = FakeOpenAi(int(sys.argv[1]))
    parent = os.getppid()

    def follow_parent() -> None:  # a parent that was killed cannot stop us
        while os.getppid() == parent:
            time.sleep(0.05)
        os._exit(0)

    threading.Thread(target=follow_parent, daemon=True).start()
    if len(sys.argv) > 2:
        server.delay_s = float(sys.argv[2])
    server.serve_forever(poll_interval=0.02)


if __name__ == "__main__":
    main()
