"""A provider process, started by Terraform or kept by the rehearsal.

Terraform starts ``python -m llminfra.rehearsal.provider.serve aws`` through the executable in the mirror: go-plugin's
handshake over mutual TLS. With ``--attach`` one process serves all named providers and states for many Terraform runs;
it prints the values of ``TF_REATTACH_PROVIDERS`` and the addresses of states, by directory, as one line of JSON. Over
loopback TCP, instances (aliases) are told apart by their connection.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import sys
import threading
from concurrent import futures
from pathlib import Path
from typing import Any, NoReturn

import grpc
from tf.gen import grpc_controller_pb2 as controller_pb
from tf.gen import grpc_controller_pb2_grpc as controller_rpc
from tf.gen import grpc_stdio_pb2_grpc as stdio_rpc
from tf.gen import tfplugin_pb2_grpc as rpc

from llminfra.rehearsal.provider.build import build
from llminfra.rehearsal.provider.servicer import Servicer
from llminfra.rehearsal.provider.settings import REGISTRIES, SETTINGS_VARIABLE, Settings
from llminfra.rehearsal.provider.states import serve_states

_WORKERS = 16
_OPTIONS = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
# Providers that read files by paths relative to the stack.
_PER_STACK = frozenset({"helm"})
_COOKIE = "TF_PLUGIN_MAGIC_COOKIE"


class _Controller(controller_rpc.GRPCControllerServicer):  # type: ignore[misc]  # generated code has no types
    def __init__(self, stopped: threading.Event) -> None:
        self._stopped = stopped

    def Shutdown(self, request: Any, context: Any) -> Any:
        del request, context
        self._stopped.set()
        return controller_pb.Empty()


class _Stdio(stdio_rpc.GRPCStdioServicer):  # type: ignore[misc]  # generated code has no types
    def StreamStdio(self, request: Any, context: Any) -> Any:
        del request, context
        return iter(())


def main(arguments: list[str]) -> int:
    """Serve the provider named in ``arguments``, or several with ``--attach``."""
    path = os.environ.get(SETTINGS_VARIABLE)
    names = [item for item in arguments if not item.startswith("-")]
    if not path or not names:
        sys.stderr.write(f"a simulated provider is started by `llminfra rehearse`; {SETTINGS_VARIABLE} is not set\n")
        return 1
    settings = Settings.read(Path(path))
    if "--attach" in arguments:
        return _attach(names, settings)
    if _COOKIE not in os.environ:
        sys.stderr.write("this is a Terraform provider plugin; Terraform starts it\n")
        return 1
    return _plugin(names[0], settings)


def _server(name: str, settings: Settings, directory: Path, stopped: threading.Event) -> grpc.Server:
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=_WORKERS), options=_OPTIONS)
    rpc.add_ProviderServicer_to_server(Servicer(build(name, settings, directory)), server)
    controller_rpc.add_GRPCControllerServicer_to_server(_Controller(stopped), server)
    stdio_rpc.add_GRPCStdioServicer_to_server(_Stdio(), server)
    return server


def _plugin(name: str, settings: Settings) -> NoReturn:
    """One provider for one Terraform run."""
    from llminfra.rehearsal.provider.tls import credentials  # TLS is needed here only

    stopped = threading.Event()
    chain, server_credentials = credentials()
    server = _server(name, settings, Path.cwd(), stopped)
    port = server.add_secure_port("127.0.0.1:0", server_credentials)
    server.start()
    certificate = base64.b64encode(chain).decode().rstrip("=")
    print(f"1|6|tcp|127.0.0.1:{port}|grpc|{certificate}", flush=True)  # noqa: T201  go-plugin's handshake
    stopped.wait()
    server.stop(grace=0.1).wait(timeout=1)
    sys.stdout.flush()
    os._exit(0)  # gRPC's threads would hold the interpreter, and Terraform waits for the process to end


def _attach(names: list[str], settings: Settings) -> NoReturn:
    """All providers for many Terraform runs, until told to stop; charts are relative to each stack's directory."""
    stopped = threading.Event()
    servers: list[grpc.Server] = []

    def start(name: str, directory: Path) -> int:
        server = _server(name, settings, directory, threading.Event())
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        servers.append(server)
        return int(port)

    shared = {name: start(name, Path.cwd()) for name in names if name not in _PER_STACK}
    states = serve_states(settings.states)
    answer: dict[str, dict[str, Any]] = {}
    for directory in settings.directories:
        own = {name: start(name, Path(directory)) for name in names if name in _PER_STACK}
        providers = {
            f"{registry}/hashicorp/{name}": _reattach(port)
            for registry in REGISTRIES
            for name, port in {**shared, **own}.items()
        }
        answer[directory] = {"providers": providers, "state": states.get(directory)}
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    print(json.dumps(answer), flush=True)  # noqa: T201  read by the rehearsal
    # The parent holds the other end of standard input: when it goes away, so do we.
    threading.Thread(target=_wait_for_parent, args=(stopped,), daemon=True).start()
    stopped.wait()
    for server in servers:
        server.stop(grace=0.1)
    sys.stdout.flush()
    os._exit(0)  # a call that hangs must not keep the process


def _wait_for_parent(stopped: threading.Event) -> None:
    sys.stdin.read()
    stopped.set()


def _reattach(port: int) -> dict[str, Any]:
    return {
        "Protocol": "grpc",
        "ProtocolVersion": 6,
        "Pid": os.getpid(),
        "Test": True,
        "Addr": {"Network": "tcp", "String": f"127.0.0.1:{port}"},
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
