"""``llminfra`` and ``python -m llminfra``: the command line."""

import sys

from llminfra.interrupt import end_at_interrupt


def run() -> int:
    """Run the command of this process, whose modules take longer to load than a finger to change its mind.

    Returns:
        The exit code.
    """
    end_at_interrupt()
    from llminfra.cli.main import main  # noqa: PLC0415  # it is what takes long

    return main()


if __name__ == "__main__":
    sys.exit(run())
