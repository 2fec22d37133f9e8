"""What was probably meant by a line of a Python spec that failed: a name, an import, an attribute, an argument."""

from __future__ import annotations

import ast
import inspect
import linecache
import pkgutil
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from llminfra.spec.base.spec import Spec
from llminfra.spec.errors.near_values import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import FrameType, TracebackType

_GROWS = frozenset({"append", "extend", "insert", "remove", "pop", "clear"})
_WHOLE = "a declared object does not change: give it the whole list where it is built"
_WORDS: Mapping[str, str] = {
    "true": "True",
    "false": "False",
    "null": "None",
    "none": "None",
    "yes": "True",
    "no": "False",
}
_IMPORTS: Mapping[str, str] = {
    "dt": "import datetime as dt",
    "date": "from datetime import date",
    "timedelta": "from datetime import timedelta",
    "Path": "from pathlib import Path",
}
"""What specs mostly take these names from."""
_UNEXPECTED = re.compile(r"(?P<call>[\w.<>]+)\(\) got an unexpected keyword argument '(?P<name>\w+)'")
_MISSING = re.compile(r"(?P<call>[\w.<>]+)\(\) missing \d+ required [\w-]+ arguments?: (?P<names>.+)")
_NO_CALL = re.compile(r"'(?P<type>\w+)' object is not callable")
_NO_ITEMS = re.compile(r"'(?P<type>\w+)' object (?:is not subscriptable|does not support item assignment)")


def likely_fix(error: BaseException, spec: Path, text: str) -> str:
    """What to write instead, as far as the exception tells it.

    Args:
        error: What the spec raised.
        spec: The spec file.
        text: The line that raised it.
    """
    if isinstance(error, ImportError):
        return _import_fix(error, spec)
    found = ""
    if isinstance(error, KeyError) and error.args and "environ" in text:
        found = f"set the environment variable {error.args[0]}, or give a default: os.environ.get({error.args[0]!r}, …)"
    elif isinstance(error, FileNotFoundError):
        found = _file_fix(error, spec)
    elif isinstance(error, AttributeError):
        found = _attribute_fix(error)
    elif isinstance(error, NameError):
        found = _name_fix(error)
    elif isinstance(error, TypeError):
        found = _type_fix(error)
    return found or "correct this line"


def _import_fix(error: ImportError, spec: Path) -> str:
    """What to import instead, of a module that is there and lacks the name; or where a missing module lies."""
    if "relative import" in str(error):
        return "a spec is run by itself: import its neighbours by their names alone, without the dots"
    name = re.match(r"cannot import name '(\w+)' from", str(error))
    inside = (error.name or "").startswith("llminfra.")
    if isinstance(error, ModuleNotFoundError) and error.name:
        return (
            "write from llminfra import …: what is declared is all there" if inside else _module_fix(error.name, spec)
        )
    module = sys.modules.get(error.name or "")
    if module is None or name is None:
        return "install the module or correct its name"
    if inside and name[1] in _offered():
        return f"write from llminfra import {name[1]}"
    if error.name == "llminfra" and len(unknown := _unknown_imports(error)) > 1:
        meant = {each: nearest(each, _offered()) for each in unknown}
        known = ", ".join(f"{close} for {each}" for each, close in meant.items() if close)
        none = ", ".join(each for each, close in meant.items() if not close)
        asked = [f"did you mean {known}?"] if known else []
        return " ".join([*asked, *([f"`llminfra explain --types` lists what there is, and no {none}"] if none else [])])
    if close := nearest(name[1], _public(module)):
        return f"did you mean {close}?"
    if error.name == "llminfra":
        return "`llminfra explain --types` lists what may be declared"
    return f"import a name that {error.name} has"


def _unknown_imports(error: ImportError) -> list[str]:
    """Names that the failed statement takes from llminfra and that are not there: Python tells the first alone."""
    frame = _frame(error.__traceback__)
    if frame is None:
        return []
    return [
        each.name
        for node in ast.walk(_tree(frame))
        if isinstance(node, ast.ImportFrom) and node.module == "llminfra" and node.lineno == frame.f_lineno
        for each in node.names
        if each.name not in {*_offered(), "*"}
    ]


def _module_fix(name: str, spec: Path) -> str:
    """Specs import from their own folder, from its package's root, and from where llminfra runs."""
    first, *inner = name.split(".")
    folder = spec.resolve().parent
    if inner:  # Python found the package, and in it no such module
        package = name.rpartition(".")[0]
        where = [str(folder), *map(str, folder.parents), *sys.path]
        places = [str(Path(place, *package.split("."))) for place in where]
        close = nearest(inner[-1], [each.name for each in pkgutil.iter_modules(places)])
        return f"did you mean {package}.{close}?" if close else f"import a module that {package} has"
    for above in folder.parents:
        if (above / first).is_dir() or (above / f"{first}.py").is_file():
            return f"it lies in {above}: run llminfra there, or set PYTHONPATH={above}"
    near = [
        item.stem for item in folder.iterdir() if item.suffix == ".py" or (item.is_dir() and item.stem.isidentifier())
    ]
    close = nearest(first, [*near, "llminfra", *sys.stdlib_module_names])
    return f"did you mean {close}?" if close else f"install {first} beside llminfra, or correct its name"


def _name_fix(error: NameError) -> str:
    """What the file or llminfra calls a thing by this name, or nearly so; or the line below that defines it."""
    frame, name = _frame(error.__traceback__), str(error.name or "")
    if not name or frame is None:
        return "give it a value above this line" if isinstance(error, UnboundLocalError) else ""
    own = dict.fromkeys([*frame.f_locals, *frame.f_globals])
    if name in _offered():
        return f"write llminfra.{name}" if "llminfra" in own else f"import it: from llminfra import {name}"
    if name in _WORDS:
        return f"write {_WORDS[name]}"
    if (line := _defined_below(frame, name)) is not None:
        return f"line {line} defines it: move that above this line"
    if name in _IMPORTS or name in sys.stdlib_module_names:
        return f"write {_IMPORTS.get(name, f'import {name}')} above"
    close = nearest(name, [*own, *_offered()])
    if not close:
        return "give it a value above this line, or import it"
    return f"did you mean {close}?" if close in own else f"did you mean {close}, imported from llminfra?"


def _defined_below(frame: FrameType, name: str) -> int | None:
    """The first line under the failed one that gives the name a value; ``None``: there is none."""
    lines = [
        node.lineno
        for node in ast.walk(_tree(frame))
        if (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id == name)
        or (isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name)
    ]
    return min((line for line in lines if line > frame.f_lineno), default=None)


def _tree(frame: FrameType) -> ast.Module:
    """The file that failed; empty where it cannot be read."""
    linecache.checkcache(frame.f_code.co_filename)
    try:
        return ast.parse("".join(linecache.getlines(frame.f_code.co_filename)))
    except SyntaxError:
        return ast.Module(body=[], type_ignores=[])


def _attribute_fix(error: AttributeError) -> str:
    of, name = error.obj, str(error.name or "")
    if isinstance(of, tuple) and name in _GROWS:
        return _WHOLE
    if of is None:
        return f"what stands before .{name} is None here"
    if isinstance(of, Spec) and name in _GROWS and "add" in _public(of):
        return "write .add(…), which takes endpoints, gateways, queues and batch jobs"
    if close := nearest(name, _public(of)):
        return f"did you mean {close}?"
    kind = type(of).__name__
    return f"`llminfra explain {kind}` lists what {kind} has" if isinstance(of, Spec) else ""


def _type_fix(error: TypeError) -> str:
    told = str(error)
    if found := _UNEXPECTED.search(told):
        takes = _parameters(error, found["call"])
        close = nearest(found["name"], takes)
        if close:
            return f"did you mean {close}?"
        return f"{found['call']}() takes {', '.join(takes)}" if takes else ""
    if found := _MISSING.search(told):
        return f"give {found['call']}() {found['names']}, too"
    if found := _NO_CALL.search(told):
        return (
            f"a {found['type']} is no function: is there a comma missing before the parenthesis, or one pair too much?"
        )
    if found := _NO_ITEMS.search(told):
        if found["type"] == "tuple":
            return _WHOLE
        return (
            f"a {found['type']} has fields: write .name in the place of ['name']" if found["type"] in _offered() else ""
        )
    return "a declared list is a tuple: write [*…, …]" if 'not "list") to tuple' in told else ""


def _file_fix(error: FileNotFoundError, spec: Path) -> str:
    """Paths count from where llminfra runs, and files mostly lie beside the spec."""
    file = Path(str(error.filename or ""))
    if not error.filename or file.is_absolute():
        return ""
    if (spec.resolve().parent / file).exists():
        return f"it lies beside the spec: Path(__file__).parent / {str(file)!r}"
    return f"paths count from where llminfra runs, {Path.cwd()}"


def _parameters(error: TypeError, call: str) -> list[str]:
    """What a function of the spec or of llminfra takes, by its qualified name."""
    frame = _frame(error.__traceback__)
    first, *rest = call.split(".")
    found = {**frame.f_globals, **frame.f_locals}.get(first) if frame is not None else None
    for part in rest:
        found = getattr(found, part, None)
    try:
        return [name for name in inspect.signature(found).parameters if name != "self"] if callable(found) else []
    except (TypeError, ValueError):  # a built-in function that tells no signature
        return []


def _public(of: object) -> Iterable[str]:
    """Names that one writes after a dot; of a declared object its fields, and what its type adds."""
    if isinstance(of, Spec):
        own = [each for each in type(of).__mro__ if issubclass(each, Spec) and each is not Spec]
        names = [*type(of).model_fields, *(name for each in own for name in vars(each))]
        return [name for name in names if not name.startswith(("_", "model_"))]
    return getattr(of, "__all__", None) or [name for name in dir(of) if not name.startswith("_")]


def _offered() -> tuple[str, ...]:
    return tuple(getattr(sys.modules.get("llminfra"), "__all__", ()))


def _frame(trace: TracebackType | None) -> FrameType | None:
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_frame if trace is not None else None
