"""``python -m llminfra``: the command line."""

from llminfra.cli.main import main

if __name__ == "__main__":
    main()
