"""A node of a multi-node parallel job that is not the main one: it lends its GPUs, and ends with its server."""

from __future__ import annotations

from . import exit_codes
from .run import log
from .server import Server, fill_in
from .settings import Settings
from .stop import Stop


def run_node(settings: Settings, stop: Stop) -> int:
    """Run the node's command until it ends or the end is asked for; the exit code.

    When the main node is done, AWS Batch stops the others, and their exit codes do not matter.
    """
    server = Server(fill_in(settings.node_command, settings))
    try:
        while not stop.wait(0.2):
            if (status := server.exit_status) is not None:
                log(f"the node's server ended with status {status}")
                return exit_codes.TRY_AGAIN
        return exit_codes.TRY_AGAIN
    finally:
        server.terminate()
