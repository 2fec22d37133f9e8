"""``python -m llminfra``: the command line."""

import sys

from llminfra.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
