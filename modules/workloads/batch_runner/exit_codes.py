"""What the process tells AWS Batch; the retry strategy of the job definition matches on these (sysexits.h names)."""

from __future__ import annotations

DONE = 0
"""Every shard of this child has its output."""

BAD_INPUT = 65
"""The output is there, but the share of failed lines reached the limit; or an input object changed under way."""

NO_INPUT = 66
"""There is no ``*.jsonl`` object at the input address."""

SERVER_DID_NOT_START = 69
"""The server never answered its health check: flags, weights or a GPU. Few retries make sense."""

INTERNAL = 70
"""A bug in the runner; the traceback is in the log."""

TRY_AGAIN = 75
"""Interrupted (spot, SIGTERM, server died, endpoint or S3 away): finished lines are kept, start it again."""

BAD_SETTINGS = 78
"""The environment or the permissions are wrong; a retry cannot help."""
