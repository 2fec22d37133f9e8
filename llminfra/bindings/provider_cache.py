"""The cache entry of the AWS provider: what is in it, and what the kernel has to be told to use it."""

from __future__ import annotations

import atexit
import importlib.util
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path

from llminfra.bindings.assembly_cache import Entry, Inputs, build, find_or_build
from llminfra.bindings.cache_dir import CACHE_DIR_VARIABLE, CacheUnwritableWarning, cache_dir
from llminfra.bindings.folder_cache import is_whole
from llminfra.bindings.node import Node, find_node

AWS_DISTRIBUTION = "cdktf-cdktf-provider-aws"
HELM_DISTRIBUTION = "cdktf-cdktf-provider-helm"
PACKAGE_CACHE_VARIABLE = "JSII_RUNTIME_PACKAGE_CACHE_ROOT"

# Most of what a synthesis allocates stays; a larger young generation only holds more of it twice (86 MB against 76 MB).
_SMALL_YOUNG_GENERATION = "--max-semi-space-size=1"
_OWN_KERNEL = Path(__file__).with_name("kernel.js")
_JSII_ENTRY_POINT_NEEDED = ("JSII_RUNTIME", "JSII_DEBUG", "JSII_DEBUG_TIMING")


def entry(folder: Path, submodules: frozenset[str], progress: Callable[[str], None] | None) -> Entry:
    """The entry with `submodules`: from the cache, built into it, or a temporary one where it cannot be used.

    Args:
        folder: where the provider package is installed.
        submodules: what the trimmed assembly has to hold.
        progress: is told when an entry has to be built.
    """
    inputs = Inputs(
        package=AWS_DISTRIBUTION,
        package_version=version(AWS_DISTRIBUTION),
        runtime_versions=tuple(
            f"{name}-{version(name)}" for name in ("jsii", "cdktf", "constructs", HELM_DISTRIBUTION)
        ),
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


def kernel_environment(entry: Entry, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Variables for the start of the kernel.

    Raises:
        NodeNotFoundError: no Node.js that jsii supports.
    """
    node = find_node(environ)
    variables = {**node.environment(), PACKAGE_CACHE_VARIABLE: str(entry.packages_folder), **_path(node, environ)}
    if os.name == "posix" and not any(environ.get(name) for name in _JSII_ENTRY_POINT_NEEDED):
        options = environ.get("NODE_OPTIONS", "")
        variables["JSII_RUNTIME"] = str(_OWN_KERNEL)
        variables["LLMINFRA_JSII_PROGRAM"] = str(entry.folder / "runtime" / "lib" / "program.js")
        variables["LLMINFRA_NODE_OPTIONS"] = options
        variables["NODE_OPTIONS"] = f"{_SMALL_YOUNG_GENERATION} {options} --preserve-symlinks"
    return variables


def _path(node: Node, environ: Mapping[str, str]) -> dict[str, str]:
    """`PATH` with our Node.js at its end: cdktf runs `node` by name to zip an asset."""
    return {"PATH": os.pathsep.join(filter(None, [environ.get("PATH", ""), str(node.path.parent)]))}


def _fill(entry: Entry, folder: Path, submodules: frozenset[str]) -> None:
    from llminfra.bindings.kernel_warmup import Assembly, fill_package_cache, write_runtime  # noqa: PLC0415  # a build only
    from llminfra.bindings.trimmed_assembly import trim  # noqa: PLC0415 - a build only

    archive = _archive_in(folder)
    entry.assembly_folder.mkdir()
    trimmed = entry.assembly_folder / archive.name
    trimmed.write_bytes(trim(archive, submodules))
    assemblies = [
        Assembly("constructs", version("constructs"), _archive_in(_folder_of("constructs"))),
        Assembly("cdktf", version("cdktf"), _archive_in(_folder_of("cdktf"))),
        Assembly("@cdktf/provider-aws", version(AWS_DISTRIBUTION), trimmed),
        Assembly("@cdktf/provider-helm", version(HELM_DISTRIBUTION), _archive_in(_folder_of(HELM_DISTRIBUTION))),
    ]
    entry_point = write_runtime(entry.folder / "runtime")
    environment = {**find_node().environment(), PACKAGE_CACHE_VARIABLE: str(entry.packages_folder)}
    fill_package_cache(entry_point, environment, entry.packages_folder, assemblies)


def _folder_of(distribution: str) -> Path:
    package = distribution.replace("-", "_")
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{distribution} is not installed", name=package)
    return Path(spec.origin).parent


def _archive_in(folder: Path) -> Path:
    return next((folder / "_jsii").glob("*.jsii.tgz"))


def _temporary_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="llminfra-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
