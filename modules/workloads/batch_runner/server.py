"""The inference server as a child process."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys

from .settings import Settings, SettingsError

TERMINATE_S = 5.0


def own_address() -> str:
    """This machine's address in its network: no packet is sent by connecting a datagram socket."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])


def fill_in(command: tuple[str, ...], settings: Settings) -> list[str]:
    """The command with ``%NODE_RANK%``, ``%NUM_NODES%`` and ``%MAIN_ADDRESS%`` replaced.

    The rank of the main node is 0, wherever AWS Batch put it.
    """
    # AWS Batch tells the address of the main node to the other nodes only.
    text = " ".join(command)
    address = settings.main_node_address or (own_address() if "%MAIN_ADDRESS%" in text else "")
    main, own = settings.main_node_index, settings.node_index
    rank = 0 if own == main else own + 1 if own < main else own
    values = {"%NODE_RANK%": str(rank), "%NUM_NODES%": str(settings.num_nodes), "%MAIN_ADDRESS%": address}
    words = []
    for word in command:
        for name, value in values.items():
            word = word.replace(name, value)  # noqa: PLW2901
        words.append(word)
    return words


class Server:
    """A running server. Its output goes to our stderr: stdout is for the one line of metrics."""

    def __init__(self, command: list[str]) -> None:
        # A session of its own: the signal that stops this process leaves the server up while requests drain.
        try:
            self._process = subprocess.Popen(command, stdout=sys.stderr, start_new_session=True)  # noqa: S603
        except OSError as error:
            raise SettingsError(f"cannot run {command[0]!r}: {error.strerror}") from error

    @property
    def pid(self) -> int:
        """Process id, and id of its process group."""
        return self._process.pid

    def died(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    @property
    def exit_status(self) -> int | None:
        """Its exit status (negative: the signal), None while it runs."""
        return self._process.poll()

    def terminate(self) -> None:
        """SIGTERM, then SIGKILL to the whole group: workers may outlive their parent."""
        if not self.died():
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(TERMINATE_S)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
