"""What engines' argument parsers take behind a flag, release by release.

Read from the published wheels and TGI's launcher (``scripts/catalog_values.py``). A kind is a short text: ``switch``
(nothing), ``int``, ``float``, ``json``, ``str``, a list of choices ``a|b|c``, ``any`` where the sources do not say it
plainly, and ``refused`` for a flag that is kept only to be turned down; `` …`` behind it is "one or more".
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from llminfra.catalog.datafile import read_data

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llminfra.catalog.engines import EngineRelease

_ENGINES = frozenset({"sglang", "tgi", "vllm"})
_MANY = " …"
# human_readable_int of vllm/utils/argparse_utils.py: 8k, 25.6K; --max-model-len also takes auto and -1.
_INT = re.compile(r"-?\d+(\.\d+)?[kKmMgGtT]?|auto")
_SHORT_NUMBER = re.compile(r"\b\d+(\.\d+)?[kKmMgGtT]\b")


def kind_of(release: EngineRelease, flag: str) -> str | None:
    """What the release takes behind a flag, spelled as the catalog lists it; ``None`` where nobody knows.

    Example:
        >>> from llminfra.catalog.engines import engine_release
        >>> kind_of(engine_release("vllm", "0.27.1"), "--runner")
        'auto|draft|generate|pooling'
    """
    if release.engine not in _ENGINES:
        return None
    table = read_data(f"argument_values/{release.engine}.json")
    if release.version not in table["versions"]:
        return None
    here = table["versions"].index(release.version)
    for kind, spans in table["values"].get(flag, {}).items():
        for span in spans.split(","):
            first, _, last = span.partition("-")
            if int(first) <= here <= int(last or first):
                return None if kind.startswith("any") else str(kind)
    return None


def choices_of(release: EngineRelease, flag: str) -> tuple[str, ...]:
    """The choices behind a flag; empty where it takes anything, or nobody knows."""
    kind = kind_of(release, flag) or ""
    return tuple(kind.removesuffix(_MANY).split("|")) if "|" in kind else ()


def misfit(kind: str, values: Sequence[str]) -> str | None:
    """What the parser would say against the values of a flag of this kind; ``None`` where it takes them.

    Example:
        >>> misfit("auto|fp8", ["int3"])
        "takes auto or fp8, not 'int3'"
    """
    single = kind.removesuffix(_MANY)
    if single == "refused":
        return "is kept only to be turned down"
    if single == "switch":
        return f"takes no value, and {values[0]!r} is one" if values else None
    if not values:
        return "needs a value"
    if len(values) > 1 and single == kind:
        return f"takes one value, and {values[1]!r} is another"
    return next((text for value in values if (text := _misfit(single, value)) is not None), None)


def _misfit(kind: str, value: str) -> str | None:
    """Of one value; ``None`` and nothing stand for the default of what may be left out."""
    if kind == "str" or value in {"", "None"}:
        return None
    if kind == "int":
        return None if _INT.fullmatch(value) else f"takes a whole number, not {value!r}"
    if kind == "float":
        return None if _is_number(value) else f"takes a number, not {value!r}"
    if kind == "json":
        return None if _is_json(value) else "takes JSON, and this does not parse"
    choices = kind.split("|")
    if value in choices:
        return None
    return f"takes {', '.join(choices[:-1])}{' or ' if choices[1:] else ''}{choices[-1]}, not {value!r}"


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def _is_json(value: str) -> bool:
    try:
        json.loads(_SHORT_NUMBER.sub("0", value))
    except ValueError:
        return False
    return True
