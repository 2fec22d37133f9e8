"""What has to happen before the first jsii import, and how it is switched off."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

from msgspec import Struct

from llminfra.bindings.lazy_package import KernelSource, LazyPackageFinder, installed_finder
from llminfra.bindings.table import submodules_of

MODE_VARIABLE = "LLMINFRA_BINDINGS"
AWS_PACKAGE = "cdktf_cdktf_provider_aws"

Progress = Callable[[str], None]


class Runtime(Struct, frozen=True):
    """How CDKTF loads in this process.

    Attributes:
        mode: `fast`, or `plain` where `LLMINFRA_BINDINGS=plain` is set or the provider was imported before.
        submodules: AWS submodules that the process can use; empty in plain mode, which has all.
    """

    mode: Literal["fast", "plain"]
    submodules: frozenset[str]


def prepare(extra_submodules: Iterable[str] = (), progress: Progress | None = None) -> Runtime:
    """Makes this process load CDKTF fast; call it any number of times, before or instead of the first use.

    It starts nothing and writes nothing: Node.js starts, and the cache is built if need be, when the first class of
    `cdktf` or of a provider is imported, through `llminfra.bindings` or directly.

    Args:
        extra_submodules: AWS submodules besides those in `aws.pyi`, for example those that a spec file imports.
        progress: is told, in a sentence, of work that takes seconds; only the first call can set it.

    Raises:
        ValueError: the environment variable `LLMINFRA_BINDINGS` has an unknown value.
        SubmoduleNotLoadedError: the provider is loaded already, without one of the submodules.
        UnknownSubmoduleError: the installed provider has no such submodule.
    """
    mode = os.environ.get(MODE_VARIABLE, "") or "fast"
    if mode not in {"fast", "plain"}:
        raise ValueError(f"{MODE_VARIABLE} is {mode!r}; expected fast or plain")
    finder = installed_finder(AWS_PACKAGE)
    if mode == "plain" or (finder is None and AWS_PACKAGE in sys.modules):
        return Runtime("plain", frozenset())
    if finder is None:
        folder = _installed_folder()
        finder = LazyPackageFinder(AWS_PACKAGE, folder, submodules_of("aws"), _kernel_source(folder, progress))
        sys.meta_path.insert(0, finder)
    finder.extend(frozenset(extra_submodules))
    return Runtime("fast", finder.submodules)


def _kernel_source(folder: Path, progress: Progress | None) -> KernelSource:
    def source(submodules: frozenset[str]) -> tuple[Path, dict[str, str]]:
        from llminfra.bindings import provider_cache  # noqa: PLC0415 - 40 ms that only a synthesis has to pay

        entry = provider_cache.entry(folder, submodules, progress)
        return entry.assembly_folder, provider_cache.kernel_environment(entry)

    return source


def _installed_folder() -> Path:
    spec = importlib.util.find_spec(AWS_PACKAGE)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{AWS_PACKAGE.replace('_', '-')} is not installed", name=AWS_PACKAGE)
    return Path(spec.origin).parent
