"""The runbook of an alert on the terminal: what an engineer on call reads without a browser."""

from __future__ import annotations

import re

from llminfra.assets import runbooks_dir


def alerts() -> dict[str, str]:
    """Names of the alerts and the file of each: ``LlmKvCacheFull`` is on ``llm-kv-cache-full``."""
    found = {}
    for path in sorted(runbooks_dir().glob("*.md")):
        title = path.read_text(encoding="utf-8").partition("\n")[0]
        found[title.removeprefix("# ").strip()] = path.stem
    return found


def find_runbook(name: str) -> tuple[str, str] | None:
    """The alert and the text of its page, by the alert's name or that of its file; ``None``: there is no such alert."""
    wanted = re.sub(r"[^a-z0-9]", "", name.lower().removesuffix(".md"))
    for alert, stem in alerts().items():
        if alert.lower() == wanted:
            return alert, (runbooks_dir() / f"{stem}.md").read_text(encoding="utf-8")
    return None


def on_terminal(text: str) -> str:
    """The page with commands in the place of its links to other pages."""
    return re.sub(r"\[([^\]]+)\]\(([a-z0-9-]+)\.md\)", r"\1 (`llminfra explain \2`)", text)
