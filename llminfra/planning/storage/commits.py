"""Whether a revision is a commit: only then do copies of a model stay what they are."""

from __future__ import annotations

import re
from typing import TypeGuard

_COMMIT = re.compile(r"[0-9a-f]{40}")


def is_commit(revision: str | None) -> TypeGuard[str]:
    """Whether the revision is a whole commit of the Hub, and no branch or tag, which move."""
    return revision is not None and _COMMIT.fullmatch(revision) is not None
