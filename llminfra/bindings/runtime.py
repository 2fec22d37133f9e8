"""What has to happen before the first jsii import, and how it is switched off."""

from __future__ import annotations

import atexit
import functools
import importlib.util
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from llminfra.bindings.assembly_cache import Entry, Inputs, build, find_or_build, is_whole
from llminfra.bindings.cache_dir import CACHE_DIR_VARIABLE, cache_dir
from llminfra.bindings.jsii_runtime import PACKAGE_CACHE_VARIABLE, Assembly, fill_package_cache, write_runtime
from llminfra.bindings.lazy_package import LazyPackageFinder, installed_finder
from llminfra.bindings.node import find_node
from llminfra.bindings.table import submodules_of
from llminfra.bindings.trimmed_assembly import trim

MODE_VARIABLE = "LLMINFRA_BINDINGS"
AWS_PACKAGE = "cdktf_cdktf_provider_aws"
HELM_PACKAGE = "cdktf_cdktf_provider_helm"

Progress = Callable[[str], None]


class CacheUnwritableWarning(UserWarning):
    """The cache cannot be written, so every run builds what it needs anew."""


@dataclass(frozen=True, slots=True)
class Runtime:
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
        progress: is told, in a sentence, of work that takes seconds.

    Raises:
        ValueError: the environment variable `LLMINFRA_BINDINGS` has an unknown value.
        SubmoduleNotLoadedError: the provider is loaded already, without one of the submodules.
    """
    mode = os.environ.get(MODE_VARIABLE, "") or "fast"
    if mode not in {"fast", "plain"}:
        raise ValueError(f"{MODE_VARIABLE} is {mode!r}; expected fast or plain")
    finder = installed_finder(AWS_PACKAGE)
    if mode == "plain" or (finder is None and AWS_PACKAGE in sys.modules):
        return Runtime("plain", frozenset())
    extra = frozenset(extra_submodules)
    if finder is None:
        folder = _installed_folder(AWS_PACKAGE)

        @functools.cache
        def entry(submodules: frozenset[str]) -> Entry:
            return _entry(folder, submodules, progress)

        finder = LazyPackageFinder(
            package=AWS_PACKAGE,
            folder=folder,
            submodules=submodules_of("aws"),
            assembly_folder=lambda submodules: entry(submodules).assembly_folder,
            kernel_environment=lambda submodules: _kernel_environment(entry(submodules)),
        )
        sys.meta_path.insert(0, finder)
    finder.extend(extra)
    return Runtime("fast", finder.submodules)


def _entry(folder: Path, submodules: frozenset[str], progress: Progress | None) -> Entry:
    """The cache entry, or a temporary one where the cache cannot be used as it should."""
    inputs = Inputs(
        package=AWS_PACKAGE,
        package_version=version(AWS_PACKAGE.replace("_", "-")),
        jsii_version=version("jsii"),
        submodules=submodules,
    )

    def fill(entry: Entry) -> None:
        if progress is not None:
            progress("First run: building the cache of the AWS provider; takes a few seconds, once.")
        _fill(entry, folder, submodules)

    root = cache_dir() / "bindings"
    whole = root / inputs.key()
    if is_whole(whole) and not os.access(whole / "packages", os.W_OK):
        # jsii notes each use of its package cache with a write: a cache that is baked into an image needs a copy.
        return Entry(Path(shutil.copytree(whole, _temporary_folder() / "entry")))
    try:
        return find_or_build(root, inputs, fill)
    except OSError as error:
        warnings.warn(
            f"cannot write the cache {root}: {error.strerror or error}. Each run now takes some seconds more; "
            f"set {CACHE_DIR_VARIABLE} to a folder that can be written.",
            CacheUnwritableWarning,
            stacklevel=2,
        )
        return build(_temporary_folder(), fill)


def _fill(entry: Entry, folder: Path, submodules: frozenset[str]) -> None:
    archive = next((folder / "_jsii").glob("*.jsii.tgz"))
    entry.assembly_folder.mkdir()
    trimmed = entry.assembly_folder / archive.name
    trimmed.write_bytes(trim(archive, submodules))
    entry_point = write_runtime(entry.folder / "runtime")
    others = [_assembly("constructs", "constructs"), _assembly("cdktf", "cdktf")]
    aws = Assembly("@cdktf/provider-aws", version(AWS_PACKAGE.replace("_", "-")), trimmed)
    helm = _assembly(HELM_PACKAGE, "@cdktf/provider-helm")
    fill_package_cache(find_node(), entry_point, entry.packages_folder, [*others, aws, helm])


def _assembly(package: str, name: str) -> Assembly:
    archive = next((_installed_folder(package) / "_jsii").glob("*.jsii.tgz"))
    return Assembly(name, version(package.replace("_", "-")), archive)


def _kernel_environment(entry: Entry) -> Mapping[str, str]:
    return {**find_node().environment(), PACKAGE_CACHE_VARIABLE: str(entry.packages_folder)}


def _installed_folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"the Python package {package.replace('_', '-')} is not installed", name=package)
    return Path(spec.origin).parent


def _temporary_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="llminfra-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
