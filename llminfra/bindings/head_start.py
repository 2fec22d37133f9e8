"""Starts Node.js and loads CDKTF while the caller still reads and plans its specs: half a second that costs no time."""

from __future__ import annotations

import contextlib
import importlib
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType

from llminfra.bindings.runtime import Progress, prepare


def head_start(extra_submodules: Iterable[str] = (), progress: Progress | None = None) -> Callable[[], None]:
    """Begin loading CDKTF and the providers in the background.

    The jsii kernel answers one caller at a time: between this call and the returned one nothing else may touch
    ``cdktf``, a provider, or the classes in ``llminfra.bindings``.

    Args:
        extra_submodules: AWS submodules besides those in ``aws.pyi``.
        progress: Is told, in a sentence, of work that takes seconds.

    Returns:
        A function that waits until loading is done. It raises nothing: what went wrong shows when CDKTF is used.
    """
    prepare(extra_submodules, progress)

    def load() -> None:
        from llminfra.bindings import aws, core, helm  # noqa: PLC0415  # the point is to do it here

        # Whatever fails here fails again, with its message, where CDKTF is used.
        with contextlib.suppress(Exception):
            with _without_mocks():
                importlib.import_module("typeguard")
            _ = (core.App, aws.Vpc, helm.Release)

    thread = threading.Thread(target=load, name="llminfra-head-start", daemon=True)
    thread.start()
    return thread.join


@contextlib.contextmanager
def _without_mocks() -> Iterator[None]:
    """Keep ``unittest.mock`` and the whole of asyncio below it out of a process that has no mocks.

    typeguard imports the class ``Mock`` only to let mocks pass its checks; in place of the module it finds one whose
    ``Mock`` nothing is an instance of. Where the real module is loaded already, nothing changes.
    """
    names = ("unittest", "unittest.mock")
    if any(name in sys.modules for name in (*names, "typeguard")):
        yield
        return
    package, mock = ModuleType(names[0]), ModuleType(names[1])
    mock.__dict__["Mock"] = type("Mock", (), {})
    sys.modules.update({names[0]: package, names[1]: mock})
    try:
        yield
    finally:
        for name in names:
            sys.modules.pop(name, None)
