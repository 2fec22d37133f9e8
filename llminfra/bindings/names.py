"""Finds a class by its name, and imports what it needs when it is first asked for."""

from __future__ import annotations

import importlib

from msgspec import Struct

from llminfra.bindings.generated import import_generated
from llminfra.bindings.runtime import prepare
from llminfra.bindings.table import candidates, submodules_of


class ProviderNames(Struct, frozen=True):
    """The classes of one provider: what stands behind `llminfra.bindings.aws` and `.helm`.

    Attributes:
        module: the module that hands the classes out.
        package: the provider package that defines them.
        submodules: the submodules that `module`'s stub lists.
    """

    module: str
    package: str
    submodules: frozenset[str]

    def resolve(self, name: str) -> object:
        """The class called `name`.

        Raises:
            AttributeError: no submodule in the table defines it; says where to add one.
        """
        if not name.startswith("_"):
            load = import_generated if prepare().mode == "fast" else importlib.import_module
            for submodule in candidates(name, self.submodules):
                found = getattr(load(f"{self.package}.{submodule}"), name, None)
                if isinstance(found, type):
                    return found
        stub = self.module.rpartition(".")[2]
        raise AttributeError(
            f"{self.module} has no {name!r}. If the provider has it, add a line for its submodule to {stub}.pyi."
        )

    def names(self) -> list[str]:
        """Every class of every submodule in the table; imports them all."""
        prepare()
        modules = (importlib.import_module(f"{self.package}.{submodule}") for submodule in sorted(self.submodules))
        return sorted({name for module in modules for name in module.__all__})


class CoreNames(Struct, frozen=True):
    """The classes of CDKTF itself: what stands behind `llminfra.bindings.core`."""

    module: str
    packages: tuple[str, ...] = ("cdktf", "constructs")

    def resolve(self, name: str) -> object:
        """The class called `name`.

        Raises:
            AttributeError: neither `cdktf` nor `constructs` exports it.
        """
        if not name.startswith("_"):
            load = import_generated if prepare().mode == "fast" else importlib.import_module
            for package in self.packages:
                found = getattr(load(package), name, None)
                if found is not None:
                    return found
        raise AttributeError(f"{self.module} has no {name!r}; neither has {' nor '.join(self.packages)}")

    def names(self) -> list[str]:
        """Everything that `cdktf` and `constructs` export."""
        prepare()
        return sorted({name for package in self.packages for name in importlib.import_module(package).__all__})


def provider_names(module: str, package: str) -> ProviderNames:
    """The names behind `module`, whose stub stands beside it."""
    return ProviderNames(module, package, submodules_of(module.rpartition(".")[2]))
