"""Names of provider classes, and where each one lives."""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from importlib.resources import files

from llminfra.bindings.runtime import prepare

_IMPORT = re.compile(r"^from (?P<package>\w+)\.(?P<submodule>\w+) import \*$", re.MULTILINE)
_WORD = re.compile(r"[A-Z][a-z0-9]*")


def submodules_in(stub: str) -> frozenset[str]:
    """Submodules that a stub of star imports lists."""
    return frozenset(match["submodule"] for match in _IMPORT.finditer(stub))


def read_table(module: str) -> frozenset[str]:
    """Submodules in the stub that stands beside `module` (`llminfra.bindings.aws` -> `aws.pyi`)."""
    name = module.rpartition(".")[2]
    return submodules_in(files("llminfra.bindings").joinpath(f"{name}.pyi").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Table:
    """The submodules of one provider package, and the classes in them."""

    package: str
    module: str
    submodules: frozenset[str]

    def candidates(self, name: str) -> list[str]:
        """Submodules that may define `name`, the longest match first.

        A struct is named after its resource (`LaunchTemplateNetworkInterfaces` in `launch_template`), so every
        prefix of the words of the name that is a submodule is a candidate.
        """
        words = [word.lower() for word in _WORD.findall(name)]
        prefixes = ("_".join(words[:count]) for count in range(len(words), 0, -1))
        return [prefix for prefix in prefixes if prefix in self.submodules]

    def resolve(self, name: str) -> object:
        """The class called `name`; the `__getattr__` of the module.

        Raises:
            AttributeError: no submodule of the table defines it.
        """
        if name.startswith("_"):
            raise AttributeError(name)
        if name in self.submodules:
            prepare()
            return importlib.import_module(f"{self.package}.{name}")
        for submodule in self.candidates(name):
            prepare()
            found = getattr(importlib.import_module(f"{self.package}.{submodule}"), name, None)
            if found is not None:
                return found
        raise AttributeError(
            f"{self.module} has no {name!r}. If the provider has it, add its submodule to {self.module}.pyi (one line)."
        )

    def names(self) -> list[str]:
        """Submodules, for `dir()`."""
        return sorted(self.submodules)


@dataclass(frozen=True, slots=True)
class CoreNames:
    """Names of `cdktf` and `constructs`."""

    module: str

    def resolve(self, name: str) -> object:
        """The class called `name`; the `__getattr__` of the module."""
        if name.startswith("_"):
            raise AttributeError(name)
        prepare()
        for package in ("cdktf", "constructs"):
            found = getattr(importlib.import_module(package), name, None)
            if found is not None:
                return found
        raise AttributeError(f"{self.module} has no {name!r}")

    def names(self) -> list[str]:
        """Everything that `cdktf` and `constructs` export."""
        prepare()
        return sorted({n for package in ("cdktf", "constructs") for n in importlib.import_module(package).__all__})


def table_of(package: str, module: str) -> Table:
    """The table of a provider package, read from the stub beside `module`."""
    return Table(package=package, module=module, submodules=read_table(module))


def core_names(module: str) -> CoreNames:
    """The names of CDKTF itself."""
    return CoreNames(module=module)
