"""The shipped dashboards."""

from __future__ import annotations

import json
from typing import Any

from llminfra.assets import chart_dir


def read_dashboard(name: str) -> dict[str, Any]:
    """One shipped dashboard.

    Raises:
        FileNotFoundError: There is none of that name.
    """
    file = chart_dir("llm-observability") / "dashboards" / f"{name}.json"
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found
