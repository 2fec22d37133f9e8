"""The scripts that shorten starts, as Python imports them in the container, and the bucket that they read."""

from __future__ import annotations

import hashlib
import importlib
import sys

from llminfra.assets import chart_dir

FILES = chart_dir("llm-server") / "files"
if str(FILES) not in sys.path:  # as in the container, where the scripts lie beside one another
    sys.path.insert(0, str(FILES))
s3_client, cache_weights, keep_kernels = map(importlib.import_module, ("s3_client", "cache_weights", "keep_kernels"))
BUCKET = "acme-llm-weights"


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
