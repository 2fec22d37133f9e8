"""Find the installed provider packages and read the TypeScript inside their jsii tarballs.

The package's JavaScript carries its TypeScript in an embedded source map; a few very large modules are split over
``index-structs/structs<N>.js``. The tarball is read once, in order, without unpacking it.
"""

from __future__ import annotations

import base64
import importlib.util
import json
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from llminfra.diagnostics import ToolError

_MEMBER = re.compile(r"^package/lib/(?P<module>[a-z0-9\-]+)/(?:index|index-structs/structs(?P<part>\d+))\.js$")
_MARK = "sourceMappingURL=data:application/json;base64,"


@dataclass(frozen=True, slots=True)
class ProviderPackage:
    """An installed CDKTF provider package.

    Attributes:
        name: Terraform's short name of the provider, such as ``aws``.
        python_package: The package's import name.
        nested_attributes: The provider speaks protocol 6 with nested attributes.
    """

    name: str
    python_package: str
    nested_attributes: bool

    def tarball(self) -> Path:
        """The jsii tarball of the package.

        Raises:
            ToolError: the package is not installed.
        """
        spec = importlib.util.find_spec(self.python_package)  # finds the package without running it
        if spec is None or spec.origin is None:
            project = self.python_package.replace("_", "-")
            raise ToolError(f"the package of the {self.name} provider is missing: pip install {project}")
        found = sorted((Path(spec.origin).parent / "_jsii").glob("*.jsii.tgz"))
        if len(found) != 1:
            raise ToolError(f"{self.python_package} holds {len(found)} jsii assemblies, expected one: reinstall it")
        return found[0]

    def key(self) -> str:
        """Name and version of the assembly, such as ``provider-aws@21.22.1``."""
        return self.tarball().name.removesuffix(".jsii.tgz")


PACKAGES: dict[str, ProviderPackage] = {
    "aws": ProviderPackage("aws", "cdktf_cdktf_provider_aws", nested_attributes=False),
    "helm": ProviderPackage("helm", "cdktf_cdktf_provider_helm", nested_attributes=True),
}


def modules(tarball: Path) -> Iterator[tuple[str, str]]:
    """Every module of the assembly with its TypeScript, split modules joined, by name."""
    parts: dict[str, list[tuple[int, str]]] = {}
    with tarfile.open(tarball, "r:gz") as archive:
        for member in archive:
            match = _MEMBER.match(member.name)
            stream = archive.extractfile(member) if match else None
            if match is None or stream is None:
                continue
            text = typescript_of(stream.read().decode())
            if text is not None:
                parts.setdefault(match["module"], []).append((int(match["part"] or -1), text))
    for name in sorted(parts):
        yield name, "\n".join(text for _, text in sorted(parts[name]))


def typescript_of(javascript: str) -> str | None:
    """The TypeScript in the embedded source map, or ``None`` for a file that has none."""
    start = javascript.rfind(_MARK)
    if start < 0:
        return None
    source_map = json.loads(base64.b64decode(javascript[start + len(_MARK) :].strip()))
    contents: list[str] = source_map.get("sourcesContent") or []
    return "\n".join(contents)
