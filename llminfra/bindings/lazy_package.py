"""Imports the AWS provider package without its `__init__`, and its jsii assembly from a folder of ours.

`cdktf_cdktf_provider_aws/__init__.py` imports all 2,212 submodules; the submodules themselves import only `._jsii`.
The finder here answers the import of the package with an empty one whose submodules load when they are named, and lets
`._jsii` find its archive in the cache. The installed files are read where they are; none is changed.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.resources.abc import Traversable, TraversableResources
from pathlib import Path
from types import ModuleType


class UnknownSubmoduleError(LookupError):
    """A submodule that the installed provider package does not have."""


class SubmoduleNotLoadedError(ImportError):
    """A provider submodule was asked for after the assembly had been loaded without it."""


FIRST_ASSEMBLY = "constructs._jsii"
"""Every CDKTF package depends on it, so its import is what starts the jsii kernel."""

RUNTIME_VARIABLE = "JSII_RUNTIME"
"""Names the script that Node.js runs as the kernel."""

KernelSource = Callable[[frozenset[str]], tuple[Path, Mapping[str, str]]]
"""Gives, for some submodules, the folder of an assembly with them and the variables that the kernel starts with."""


@dataclass(slots=True)
class LazyPackageFinder(MetaPathFinder):
    """Finder for one provider package, and for the module that starts the jsii kernel.

    Attributes:
        package: import name of the provider package.
        folder: where it is installed.
        submodules: the submodules that the assembly will have; grows until the assembly is loaded.
        source: the trimmed assembly and the kernel's variables; asked when the kernel starts and when it loads.
        loaded: the assembly is in the kernel and cannot change any more.
    """

    package: str
    folder: Path
    submodules: frozenset[str]
    source: KernelSource
    loaded: bool = False
    _opened: tuple[frozenset[str], Path, Mapping[str, str]] | None = None

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of the package, its `_jsii`, or the first assembly; `None` for what is found the normal way.

        Raises:
            SubmoduleNotLoadedError: the submodule exists but the loaded assembly lacks it.
        """
        del target
        if fullname == FIRST_ASSEMBLY:
            return self._first_assembly(path)
        if fullname == self.package:
            origin = str(self.folder / "__init__.py")
            spec = ModuleSpec(fullname, _EmptyPackageLoader(self), origin=origin, is_package=True)
            spec.submodule_search_locations = [str(self.folder)]
            return spec
        if not fullname.startswith(f"{self.package}."):
            return None
        submodule = fullname.split(".")[1]
        if fullname == f"{self.package}._jsii":
            init = self.folder / "_jsii" / "__init__.py"
            return importlib.util.spec_from_file_location(
                fullname, init, loader=_AssemblyLoader(fullname, str(init), self), submodule_search_locations=[]
            )
        if submodule not in self.submodules and not submodule.startswith("_"):
            self.extend({submodule} if self.has(submodule) else set())
        return None

    def has(self, submodule: str) -> bool:
        """Whether the installed package has this submodule."""
        return submodule.isidentifier() and (self.folder / submodule / "__init__.py").is_file()

    def opened(self) -> tuple[Path, Mapping[str, str]]:
        """What `source` gives for the submodules of now; the cache is checked once for each set of them."""
        if self._opened is None or self._opened[0] != self.submodules:
            self._opened = (self.submodules, *self.source(self.submodules))
        return self._opened[1:]

    def extend(self, submodules: set[str] | frozenset[str]) -> None:
        """Adds submodules to the assembly that is about to be loaded.

        Raises:
            SubmoduleNotLoadedError: it is loaded already, and lacks one of them.
            UnknownSubmoduleError: the installed package lacks one of them.
        """
        missing = submodules - self.submodules
        if unknown := sorted(name for name in missing if not self.has(name)):
            raise UnknownSubmoduleError(f"{self.package} has no submodule {', '.join(unknown)}")
        if missing and self.loaded:
            names = ", ".join(sorted(missing))
            raise SubmoduleNotLoadedError(
                f"the part of {self.package} that is loaded lacks {names}. Import it at the top of the spec file, or "
                f"call llminfra.bindings.prepare([{', '.join(map(repr, sorted(missing)))}]) before the first use of "
                "llminfra.bindings, or set LLMINFRA_BINDINGS=plain to load the whole provider (slow)."
            )
        self.submodules |= missing

    def _first_assembly(self, path: Sequence[str] | None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(FIRST_ASSEMBLY, path)
        if spec is not None and spec.origin is not None:
            spec.loader = _KernelStartLoader(FIRST_ASSEMBLY, spec.origin, self)
        return spec


@dataclass(frozen=True, slots=True)
class _EmptyPackageLoader(Loader):
    finder: LazyPackageFinder

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        del spec
        return None

    def exec_module(self, module: ModuleType) -> None:
        finder = self.finder

        def submodule(name: str) -> ModuleType:
            if name.startswith("_") or not finder.has(name):
                raise AttributeError(f"module {finder.package!r} has no attribute {name!r}")
            return importlib.import_module(f"{finder.package}.{name}")

        module.__dict__["__getattr__"] = submodule
        module.__dict__["__file__"] = str(finder.folder / "__init__.py")


class _KernelStartLoader(SourceFileLoader):
    """Runs the module that starts the kernel, with the kernel's variables set meanwhile and not longer."""

    def __init__(self, fullname: str, path: str, finder: LazyPackageFinder) -> None:
        super().__init__(fullname, path)
        self._finder = finder

    def exec_module(self, module: ModuleType) -> None:
        _, variables = self._finder.opened()
        with environment(variables):
            _stop_quietly()
            if RUNTIME_VARIABLE in variables:
                _unpack_no_runtime()
            super().exec_module(module)


def _stop_quietly() -> None:
    """Let a kernel that is gone be gone: Ctrl-C ends Node.js first, and jsii then writes to a closed pipe at exit.

    A second Ctrl-C, or one when all is done, ends the wait for Node.js; one while Node.js is started leaves nothing to
    stop.
    """
    from jsii._kernel.providers.process import _NodeProcess  # noqa: PLC0415  # jsii is being imported

    stop = _NodeProcess.stop

    def quietly(process: _NodeProcess) -> None:
        if hasattr(process, "_process"):
            with contextlib.suppress(BrokenPipeError, KeyboardInterrupt):
                stop(process)

    setattr(_NodeProcess, "stop", quietly)  # noqa: B010  # an assignment would not type-check


def _unpack_no_runtime() -> None:
    """Keep jsii from unpacking the kernel that it carries, which it does even where a variable names another one."""
    from jsii._kernel.providers.process import _NodeProcess  # noqa: PLC0415  # jsii is being imported

    # A patch, as it has no switch for that.
    setattr(_NodeProcess, "_jsii_runtime", lambda _process: "")  # noqa: B010  # an assignment would not type-check


class _AssemblyLoader(SourceFileLoader):
    """Runs the provider's own `_jsii/__init__.py`, with the trimmed archive as its resource."""

    def __init__(self, fullname: str, path: str, finder: LazyPackageFinder) -> None:
        super().__init__(fullname, path)
        self._finder = finder

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        self._finder.loaded = True

    def get_resource_reader(self, name: str) -> TraversableResources:  # type: ignore[override]  # less than it may return
        del name
        return _Folder(self._finder.opened()[0])


@dataclass(frozen=True, slots=True)
class _Folder(TraversableResources):
    path: Path

    def files(self) -> Traversable:
        return self.path


def installed_finder(package: str) -> LazyPackageFinder | None:
    """The finder of `package`, if this process has one."""
    return next((f for f in sys.meta_path if isinstance(f, LazyPackageFinder) and f.package == package), None)


@contextlib.contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Sets environment variables for a while."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
