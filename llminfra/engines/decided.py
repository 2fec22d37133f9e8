"""Arguments and variables of engines that say what a field of the spec, or the planner, says already.

Of two equal flags engines take the last, so an ``extra_args`` that repeats one would change what runs and not what was
planned. Which flag is which field is in ``catalog/data/decided_options.json``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.catalog import sagemaker
from llminfra.catalog.datafile import read_data

if TYPE_CHECKING:
    from llminfra.catalog.engines import EngineRelease

LLMINFRA = ""
"""No field: the planner decides, and what it wrote around the engine (probes, Services, ranks) relies on it."""

METRICS = "metrics"
"""No field either: the flag switches off what scaling, alerts and dashboards read."""


def flag_name(engine: str, argument: str, release: EngineRelease | None) -> str | None:
    """The flag that an argument sets, spelled as the engine lists it; ``None``: the argument is a value.

    vLLM takes underscores, ``--no-`` and keys after a dot; Python's plain parser an unambiguous beginning.
    """
    if not argument.startswith("-"):
        return None
    name = argument.partition("=")[0].strip()
    if engine == "vllm":
        name = name.partition(".")[0]
        name = name.replace("_", "-") if name.startswith("--") else name
        if name.startswith("--no-") and (release is None or name not in release.flags()):
            return f"--{name.removeprefix('--no-')}"
    if engine in {"sglang", "mii"} and release is not None and name not in release.flags() and len(name) > 3:
        longer = [known for known in release.flags() if known.startswith(name)]
        return longer[0] if len(longer) == 1 else name
    return name


def field_of_flag(engine: str, flag: str) -> str | None:
    """The field that decides what a flag says, :data:`LLMINFRA` where the planner does, ``None`` where nobody does."""
    return _owner("flags", engine, flag)


def field_that_said(engine: str, flag: str) -> str:
    """The field, or :data:`LLMINFRA`, that a flag comes from which is among the arguments already."""
    return _owner("flags", engine, flag) or _owner("said_once", engine, flag) or LLMINFRA


def field_of_variable(engine: str, name: str) -> str | None:
    """The same of an environment variable that an engine, or its image for SageMaker, reads an argument from.

    Every flag of TGI is a variable, too; the images of vLLM and SGLang have a prefix
    (``catalog/data/sagemaker_images.json``).
    """
    own = _owner("variables", engine, name)
    if own is not None:
        return own
    flag = flag_of_variable(engine, name)
    return None if flag is None else field_of_flag(engine, flag)


def flag_of_variable(engine: str, name: str) -> str | None:
    """The flag that an environment variable stands for in an engine, or in its image for SageMaker."""
    if engine not in _table("flags") or engine not in sagemaker.engines():
        return None
    prefix = sagemaker.variable_prefix(engine)
    if not name.startswith(prefix) or name != name.upper():
        return None
    return f"--{name.removeprefix(prefix).lower().replace('_', '-')}"


def _owner(kind: str, engine: str, name: str) -> str | None:
    return next((field for field, names in _table(kind).get(engine, {}).items() if name in names), None)


def _table(kind: str) -> dict[str, dict[str, list[str]]]:
    table: dict[str, dict[str, list[str]]] = read_data("decided_options.json")[kind]
    return table
