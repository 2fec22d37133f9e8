"""Plans for commands that synthesize next: CDKTF loads in the background while the specs are read and planned."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from llminfra.planning.specs import plan_specs

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan


def plan_for_synthesis(specs: Sequence[Path]) -> tuple[Plan, ...]:
    """Load and plan every platform of every spec, and have CDKTF loaded by then.

    A spec that uses CDKTF itself is loaded first, because the jsii kernel answers one caller at a time; the provider
    modules that it imports are found beforehand.

    Raises:
        SpecError: A file or a platform has errors.
        UsageError: A file is missing, or no spec.
    """
    from llminfra.bindings.head_start import head_start  # `llminfra --help` needs none of this
    from llminfra.bindings.runtime import prepare
    from llminfra.compiler.store import open_store

    sources = [_source(path) for path in specs]
    if any("cdktf" in source or "llminfra.bindings" in source for source in sources):
        prepare(_imported(sources))
        return plan_specs(specs)
    store = open_store()
    if store is not None and store.knows(specs):
        return plan_specs(specs)  # nothing to compile, unless another file that the specs read has changed
    wait = head_start()
    try:
        plans = plan_specs(specs)
        # The kernel may still be loading, which leaves this process idle: time for the imports that come next.
        import llminfra.compiler.build  # noqa: F401  # for what it loads
    finally:
        wait()
    if store is not None:
        store.note(specs, plans)
    return plans


def _source(path: Path) -> str:
    """Text of a spec; unreadable files are the loader's to report."""
    try:
        return path.read_text(encoding="utf-8", errors="replace") if path.suffix == ".py" else ""
    except OSError:
        return ""


def _imported(sources: Sequence[str]) -> set[str]:
    from llminfra.bindings.spec_imports import submodules_imported_by

    found: set[str] = set()
    for source in sources:
        try:
            found |= submodules_imported_by(source)
        except SyntaxError:  # the loader reports it, with its line
            continue
    return found
