"""States over HTTP, for a rehearsal that keeps none.

After every resource Terraform writes a local state file anew and waits for the disk; to a backend that it reaches over
the network it sends the state every 20 seconds and at the end, as to S3 in production (`WriteState` of
internal/states/statemgr/filesystem.go, `StateHook` of internal/backend/local/hook_state.go, Terraform 1.11). What is
sent becomes the same file, which `terraform_remote_state` of later stacks reads.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def serve_states(files: Mapping[str, Path]) -> dict[str, str]:
    """Serve state files for as long as the process lives; the address of each, under the same key."""
    paths = {f"/{number}": file for number, file in enumerate(files.values())}
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(paths))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return {key: f"http://127.0.0.1:{server.server_port}{path}" for key, path in zip(files, paths, strict=True)}


def _handler(paths: Mapping[str, Path]) -> type[BaseHTTPRequestHandler]:
    class States(BaseHTTPRequestHandler):
        """What Terraform's ``http`` backend asks for without locks: the state, and to store it."""

        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            file = paths.get(self.path)
            if file is None or not file.exists():
                self._answer(HTTPStatus.NOT_FOUND)
            else:
                self._answer(HTTPStatus.OK, file.read_bytes())

        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"]))
            file = paths.get(self.path)
            if file is None:
                self._answer(HTTPStatus.NOT_FOUND)
            else:
                file.write_bytes(text)
                self._answer(HTTPStatus.OK)

        def _answer(self, status: HTTPStatus, content: bytes = b"") -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nothing: standard error is for what goes wrong."""

    return States
