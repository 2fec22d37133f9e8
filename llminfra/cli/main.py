"""Entry point: runs one command; outcomes become exit codes (0 fine, 1 the spec or a check failed, 2 usage)."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Sequence

from llminfra.cli.plain_call import PlainCall, plain_call
from llminfra.cli.process import CLOSED_PIPE, leave, prepare, stopped_by
from llminfra.diagnostics import LlminfraError, SpecError, UsageError
from llminfra.interrupt import INTERRUPTED, end_at_interrupt, raise_at_interrupt

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: Command line without the program's name; ``None``: that of the process, which then may end here.

    Returns:
        0 when all is fine, 1 when the spec or a check failed, 2 when the command was called wrongly.
    """
    if arguments is not None:
        words = list(arguments)
        return _run(words, plain_call(words))
    end_at_interrupt()
    words = sys.argv[1:]
    call = plain_call(words)
    try:
        raise_at_interrupt()
        prepare()
        code = _run(words, call)
    except KeyboardInterrupt as stop:  # once more, while the first was being told
        code = stopped_by(stop)
    finally:
        end_at_interrupt()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if call is not None:
        leave(code)
    return code


def _refuse_empty(words: Sequence[str]) -> None:
    """A path of no characters is the working directory, and what was meant is a variable that nobody set."""
    if "" in words:
        before = words[words.index("") - 1] if words.index("") else ""
        where = f"after {before}" if before else "at the start"
        raise UsageError(f'there is an empty argument ("") {where}: set the shell variable there, or leave it out')


def _run(words: list[str], call: PlainCall | None) -> int:
    try:
        _refuse_empty(words)
        if call is not None and call.command == "plan":
            from llminfra.cli.work.print_plans import print_plans  # after the process is prepared

            print_plans(call.specs, as_json=call.as_json)
        elif call is not None:
            from llminfra.cli.work.write_stacks import write_stacks

            write_stacks(call.specs, call.out, as_json=call.as_json)
        else:
            from llminfra.cli.app import app

            app(args=words, prog_name="llminfra")
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED_PIPE
    except OSError as error:
        if error.errno not in _FULL:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.stderr.write(f"llminfra: cannot write: {error.strerror}\n")
        return 1
    except KeyboardInterrupt as stop:
        sys.stderr.write("llminfra: interrupted\n")
        return stopped_by(stop)
    except SystemExit as stop:
        if stop.code == INTERRUPTED:  # typer's way of telling
            sys.stderr.write("llminfra: interrupted\n")
            return stopped_by(stop)
        if isinstance(stop.__context__, BrokenPipeError):  # typer ends with 1 then
            return CLOSED_PIPE
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except SpecError as error:
        from llminfra.cli.terminal.findings import print_findings  # only on failure

        print_findings(error.diagnostics)
        return 1
    except UsageError as error:
        sys.stderr.write(f"llminfra: {error}\n")
        return 2
    except LlminfraError as error:
        sys.stderr.write(f"llminfra: {error}\n")
        return 1
    return 0
