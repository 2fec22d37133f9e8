"""Running a Python spec in isolation, and turning whatever goes wrong in it into diagnostics."""

from __future__ import annotations

import contextlib
import difflib
import importlib.util
import re
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from pydantic import ValidationError

from llminfra.diagnostics import Diagnostic, Severity, SpecError
from llminfra.spec.base.spec import collecting, watching
from llminfra.spec.platform import Platform

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

_MODULE_NAME = "llminfra_spec"
_PACKAGE = str(Path(__file__).resolve().parent.parent)


def load_python(path: Path) -> tuple[list[Platform], list[Diagnostic]]:
    """Run a spec file and note every platform it builds, at module level or inside functions.

    What the file prints goes to stderr, because stdout belongs to the command's result.

    Returns:
        The platforms in order of declaration, and the shape errors, syntax error or exception of the file.
    """
    try:
        code = compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
    except (SyntaxError, ValueError, UnicodeDecodeError) as error:
        return [], [_syntax(path, error)]
    module = ModuleType(_MODULE_NAME, f"The spec {path}.")
    module.__file__ = str(path.resolve())
    with _isolated(path, module), collecting() as found, watching() as built:
        try:
            with contextlib.redirect_stdout(sys.stderr):
                exec(code, module.__dict__)  # noqa: S102  # a Python spec is a program: running it is the feature
        except SpecError as error:
            found.extend(item for item in error.diagnostics if item not in found)
        except (KeyboardInterrupt, MemoryError):
            raise
        except BaseException as error:  # noqa: BLE001  # sys.exit() in a spec included
            found.append(_failure(path, error))
    named = [value for value in vars(module).values() if isinstance(value, Platform)]
    unique = {id(item): item for item in (*built, *named) if isinstance(item, Platform)}
    return list(unique.values()), found


@contextlib.contextmanager
def _isolated(path: Path, module: ModuleType) -> Iterator[None]:
    """Let the spec import its neighbours, and forget them afterwards: the next spec has its own."""
    folder = path.resolve().parent
    root = folder
    while (root / "__init__.py").exists():
        root = root.parent
    search, modules = list(sys.path), sys.modules.copy()
    bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    sys.path[:] = [*dict.fromkeys([str(folder), str(root)]), *search, str(Path.cwd())]
    sys.modules[_MODULE_NAME] = module
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = search
        sys.dont_write_bytecode = bytecode
        # A copy in one step: another thread may import meanwhile, and a list of pairs would see it grow.
        for name, loaded in sys.modules.copy().items():
            if name not in modules and _lies_in(loaded, {root, Path.cwd()}):
                del sys.modules[name]
        sys.modules.pop(_MODULE_NAME, None)


def _lies_in(module: ModuleType, folders: set[Path]) -> bool:
    places = [file] if (file := getattr(module, "__file__", None)) else list(getattr(module, "__path__", ()))
    return any(
        Path(place).is_relative_to(folder)
        for place in places
        for folder in folders
        if not place.startswith((_PACKAGE, sys.prefix)) and "site-packages" not in place
    )


def _syntax(path: Path, error: Exception) -> Diagnostic:
    line = error.lineno if isinstance(error, SyntaxError) else None
    text = (error.text or "").strip() if isinstance(error, SyntaxError) else ""
    return Diagnostic(
        code="LLM_SPEC_5",
        severity=Severity.ERROR,
        path="",
        message=f"the spec is not valid Python: {error.msg if isinstance(error, SyntaxError) else error}",
        found=text,
        expected=f"Python {sys.version_info.major}.{sys.version_info.minor}",
        fix="correct the syntax" + (f" at line {line}" if line else ""),
        file=error.filename or str(path) if isinstance(error, SyntaxError) else str(path),
        line=line,
    )


def _import_fix(error: ImportError, spec: Path) -> str:
    """What to import instead, of a module that is there and lacks the name; or where a missing module lies."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        return _missing_module_fix(error.name, spec)
    name = re.match(r"cannot import name '(\w+)' from", str(error))
    module = sys.modules.get(error.name or "")
    if module is None or name is None:
        return "install the module or correct its name"
    close = difflib.get_close_matches(name[1], dir(module), n=1)
    return f"did you mean {close[0]}?" if close else f"import a name that {error.name} has"


def _fix(error: BaseException, spec: Path, text: str) -> str:
    if isinstance(error, ImportError):
        if "relative import" in str(error):
            return "a spec is run by itself: import its neighbours by their names alone, without the dots"
        return _import_fix(error, spec)
    if isinstance(error, KeyError) and error.args and "environ" in text:
        return f"set the environment variable {error.args[0]}, or give a default: os.environ.get({error.args[0]!r}, …)"
    if (
        isinstance(error, AttributeError)
        and isinstance(error.obj, tuple)
        and error.name in {"append", "extend", "insert"}
    ):
        return "a declared object does not change: give it the whole list where it is built"
    if isinstance(error, NameError) and (close := _near_name(error)):
        return f"did you mean {close}?"
    return "correct this line"


def _near_name(error: NameError) -> str:
    """What the file or llminfra calls a thing by nearly this name; empty: nothing is near."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    frame = trace.tb_frame if trace is not None else None
    own = [*frame.f_locals, *frame.f_globals] if frame is not None else []
    known = [*dict.fromkeys([*own, *getattr(sys.modules.get("llminfra"), "__all__", ())])]
    close = difflib.get_close_matches(str(error.name), known, n=1)
    if not close:
        return ""
    return close[0] if close[0] in own else f"{close[0]}, imported from llminfra"


def _missing_module_fix(name: str, spec: Path) -> str:
    """Specs import from their own folder, from its package's root, and from where llminfra runs."""
    first = name.partition(".")[0]
    folder = spec.resolve().parent
    for above in folder.parents:
        if (above / first).is_dir() or (above / f"{first}.py").is_file():
            return f"it lies in {above}: run llminfra there, or set PYTHONPATH={above}"
    near = [
        item.stem for item in folder.iterdir() if item.suffix == ".py" or (item.is_dir() and item.stem.isidentifier())
    ]
    close = difflib.get_close_matches(first, [*near, "llminfra"], n=1)
    return f"did you mean {close[0]}?" if close else "install the module or correct its name"


def _failure(path: Path, error: BaseException) -> Diagnostic:
    if isinstance(error, SyntaxError):  # in a module that the spec imports
        return _syntax(path, error)
    file, line, text = _place(path, error.__traceback__)
    if isinstance(error, ValidationError) and error.errors(include_url=False)[0]["type"] == "frozen_instance":
        fields = ", ".join(str(item["loc"][0]) for item in error.errors(include_url=False))
        return Diagnostic(
            code="LLM_SPEC_6",
            severity=Severity.ERROR,
            path="",
            message=f"{error.title} is declared once and does not change: {fields} cannot be set afterwards",
            found=text,
            expected=f"{error.title}({fields}=…)",
            fix=f"give {fields} where the {error.title} is built",
            file=file,
            line=line,
        )
    what = "; ".join(part.strip() for part in traceback.format_exception_only(error))
    if isinstance(error, ImportError) and error.path:
        # Where the package is installed helps nobody; what was meant is told by the fix, and by Python from 3.13 on.
        what = what.replace(f" ({error.path})", "").partition(". Did you mean")[0]
    return Diagnostic(
        code="LLM_SPEC_6",
        severity=Severity.ERROR,
        path="",
        message=f"the spec failed while running: {what}",
        found=text,
        expected="a file that runs to its end",
        fix=_fix(error, path, text),
        file=file,
        line=line,
    )


def _place(path: Path, trace: TracebackType | None) -> tuple[str, int | None, str]:
    """The innermost line of the user's own files: frames of llminfra and of libraries say nothing to them."""
    folder = path.resolve().parent
    for frame in reversed(traceback.extract_tb(trace)):
        if frame.filename.startswith("<"):  # `<frozen os>` is no file of the folder that llminfra runs in
            continue
        name = Path(frame.filename).resolve()
        if name.is_relative_to(folder) and not str(name).startswith(_PACKAGE) and "site-packages" not in name.parts:
            return frame.filename, frame.lineno, frame.line or ""
    return str(path), None, ""
