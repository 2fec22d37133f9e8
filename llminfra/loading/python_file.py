"""Running a Python spec in isolation, and turning whatever goes wrong in it into diagnostics."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from pydantic import ValidationError

from llminfra.diagnostics import Diagnostic, Severity, SpecError
from llminfra.loading.left_out import left_out
from llminfra.loading.python_fixes import likely_fix
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
    source = path.read_bytes()
    try:
        code = compile(source, str(path), "exec", dont_inherit=True)
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
    if not found:  # after an error much is in no platform that only could not be given to one
        found.extend(left_out(source, str(path), built, vars(module)))
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
        fix=likely_fix(error, path, text),
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
