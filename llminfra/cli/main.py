"""Entry point: runs one command; outcomes become exit codes (0 fine, 1 the spec or a check failed, 2 usage)."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence

from llminfra.cli.plain_call import plain_call
from llminfra.diagnostics import LlminfraError, SpecError, UsageError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: Command line without the program's name; ``None``: that of the process.

    Returns:
        0 when all is fine, 1 when the spec or a check failed, 2 when the command was called wrongly.
    """
    if arguments is None:
        _prepare_process()
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        call = plain_call(words)
        if call is not None and call.command == "plan":
            from llminfra.cli.print_plans import print_plans  # noqa: PLC0415  # after the process is prepared

            print_plans(call.specs, as_json=call.as_json)
        elif call is not None:
            from llminfra.cli.write_stacks import write_stacks  # noqa: PLC0415

            write_stacks(call.specs, call.out, as_json=call.as_json)
        else:
            from llminfra.cli.app import app  # noqa: PLC0415

            app(args=words, prog_name="llminfra")
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("llminfra: interrupted\n")
        return 130
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except SpecError as error:
        from llminfra.cli.findings import print_findings  # noqa: PLC0415  # only on failure

        print_findings(error.diagnostics)
        return 1
    except UsageError as error:
        sys.stderr.write(f"llminfra: {error}\n")
        return 2
    except LlminfraError as error:
        sys.stderr.write(f"llminfra: {error}\n")
        return 1
    return 0


def _prepare_process() -> None:
    """What is right for a short-lived process, and wrong for a program that only calls ``main``."""
    # A command lives for a second: frequent collections of its many imported objects would be a tenth of that.
    gc.set_threshold(100_000, 50, 50)
    # Entry points of pydantic plug-ins are searched on import; the command line uses none.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # an ASCII terminal shows question marks instead of a traceback
