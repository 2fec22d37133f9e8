"""The page of ``llminfra report``: one HTML document without scripts, made of escaped elements only."""
