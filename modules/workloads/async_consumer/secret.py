"""The endpoint's API key: in Secrets Manager, kept in memory for a while."""

from __future__ import annotations

import json
import threading
import time
from typing import Any


class ApiKey:
    """A secret by name: its whole text, or the field ``api_key`` of a JSON object."""

    def __init__(self, secrets: Any, name: str, ttl_s: float) -> None:
        self._secrets = secrets
        self._name = name
        self._ttl_s = ttl_s
        self._lock = threading.Lock()
        self._value = ""
        self._until = 0.0

    def get(self, *, refresh: bool = False) -> str:
        """The key; ``refresh`` asks again, for a key that was rotated."""
        with self._lock:
            if refresh or time.monotonic() >= self._until:
                self._value = _value(self._secrets.get_secret_value(SecretId=self._name)["SecretString"])
                self._until = time.monotonic() + self._ttl_s
            return self._value


def _value(text: str) -> str:
    try:
        item = json.loads(text)
    except ValueError:
        return text.strip()
    return str(item["api_key"]) if isinstance(item, dict) else text.strip()
