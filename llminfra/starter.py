"""A new application repository: a spec, its tests, and a pipeline that needs no credentials to check it."""

from __future__ import annotations

import re
import uuid
from pathlib import Path

from llminfra import __version__
from llminfra.assets import files_of, modules_dir
from llminfra.diagnostics import UsageError
from llminfra.spec.base.spec import NAME_PATTERN

# Names that a wheel cannot carry under a leading dot without surprises.
_DOTTED = {"gitignore": ".gitignore", "github": ".github"}
_LONGEST_NAME = 24
_SPECS = ("spec.py", "spec.yaml")
_YAML_ONLY = "@yaml@"


def write_starter(folder: Path, name: str | None = None, *, yaml: bool = False) -> tuple[Path, ...]:
    """Write the files of a new repository, all or none, and return their paths.

    Args:
        folder: New folder, or one in which none of these files is.
        name: Name of the platform; ``None``: the folder's.
        yaml: Whether the spec is YAML; Python else.

    Raises:
        UsageError: The folder has files that would be overwritten, the folder cannot be written, or the name
            cannot be part of AWS names.
    """
    name = name or folder.resolve().name
    if not re.fullmatch(NAME_PATTERN, name) or len(name) > _LONGEST_NAME:
        msg = (
            f"{name!r} cannot be the name of a platform: use at most {_LONGEST_NAME} lower-case letters, digits and "
            "hyphens, starting with a letter (llminfra init DIR --name NAME)"
        )
        raise UsageError(msg)
    source = modules_dir() / "starter"
    texts = {
        folder / _target(item.relative_to(source)): _filled(item.read_text(encoding="utf-8"), name, yaml=yaml)
        for item in files_of(source)
        if item.name != _SPECS[not yaml]
    }
    if present := [str(path) for path in texts if path.exists()]:
        msg = f"these files are already there and nothing was written: {', '.join(present)}"
        raise UsageError(msg)
    begun: list[Path] = []
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            begun.append(path)
            path.write_text(text, encoding="utf-8")
    except BaseException as error:  # half a repository would be in the way of the next attempt
        for path in begun:
            path.unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        msg = f"cannot write to the folder {folder}: {error.strerror or error}"
        raise UsageError(msg) from None
    return tuple(texts)


def spec_name(*, yaml: bool) -> str:
    """What the spec of a new repository is called."""
    return _SPECS[yaml]


def _target(relative: Path) -> Path:
    first, *rest = relative.parts
    return Path(_DOTTED.get(first, first), *rest)


def _filled(text: str, name: str, *, yaml: bool) -> str:
    """The text for one kind of spec: lines that begin with ``@yaml@`` are for specs in YAML."""
    lines = (line for line in text.splitlines(keepends=True) if yaml or not line.startswith(_YAML_ONLY))
    whole = "".join(line.removeprefix(_YAML_ONLY) for line in lines)
    # cdktf-cli would write an id of its own into the file otherwise, and leave the repository with a change.
    project = str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.llminfra"))
    known = {"@name@": name, "@version@": __version__, "@spec@": _SPECS[yaml], "@project@": project}
    for placeholder, value in known.items():
        whole = whole.replace(placeholder, value)
    return whole
