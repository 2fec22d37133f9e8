"""What every declared object shares: frozen, typo-proof, and aware of the line that declared it."""

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    PrivateAttr,
    ValidationError,
    ValidatorFunctionWrapHandler,
)
from pydantic_core.core_schema import (
    CoreSchema,
    model_field,
    model_fields_schema,
    model_schema,
    no_info_wrap_validator_function,
    simple_ser_schema,
)

from llminfra.diagnostics import Diagnostic, SpecError
from llminfra.spec.base.numbers import no_truth_values
from llminfra.spec.errors.expectations import refused
from llminfra.spec.errors.near_values import plain_letters
from llminfra.spec.errors.salvage import what_is_lost
from llminfra.spec.errors.shape_errors import looks_like_credential, shape_diagnostics, show, with_names

NAME_PATTERN = r"^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$"


def _plain_name(value: str, most: int = 32) -> str:
    if not re.fullmatch(NAME_PATTERN, value) or len(value) > most:
        near = re.sub(r"^[^a-z]+", "", re.sub(r"[^a-z0-9]+", "-", plain_letters(value)))[:most].strip("-")
        raise refused(
            "this is no name of an object: it becomes part of AWS and Kubernetes names",
            expected=f"1 to {most} lower-case letters, digits and hyphens, "
            "with a letter first and no hyphen at the end",
            fix=f"write {near!r}" if near and not looks_like_credential(value) else "write a name such as 'chat-l40s'",
        )
    return value


Name = Annotated[str, AfterValidator(_plain_name), Field(json_schema_extra={"pattern": NAME_PATTERN})]
"""Name of a declared object: a DNS label of at most 32 characters."""
_MOST_PREFIX = 24


def _plain_prefix(value: str) -> str:
    return _plain_name(value, _MOST_PREFIX)


Prefix = Annotated[
    str, AfterValidator(_plain_prefix), Field(json_schema_extra={"pattern": NAME_PATTERN, "maxLength": _MOST_PREFIX})
]
"""Name of a platform: the start of names that AWS cuts at 64 characters or refuses."""

Item = TypeVar("Item")
Many = Annotated[Sequence[Item], AfterValidator(tuple)]
"""Several values: users may write a list, the declaration holds a tuple."""


def _each_once(values: tuple[Item, ...]) -> tuple[Item, ...]:
    for index, value in enumerate(values):
        if value in values[:index] and not (isinstance(value, Spec) and value.unchecked):
            raise refused(
                f"{show(value)} stands twice",
                expected="each entry once",
                fix=f"remove the second {show(value)}",
                code="LLM_SPEC_4",
            )
    return values


Distinct = Annotated[
    Sequence[Item], AfterValidator(tuple), AfterValidator(_each_once), Field(json_schema_extra={"uniqueItems": True})
]
"""Several values of which each counts once: AWS takes them for a set, or refuses the second."""

_collector: ContextVar[list[Diagnostic] | None] = ContextVar("llminfra_spec_collector", default=None)
# True between a call of a type and the validation of its own data: the data of nested objects comes after.
_initializing: ContextVar[bool] = ContextVar("llminfra_spec_initializing", default=False)
# True while the schema of a declared type is made: the types of its fields are asked for theirs then.
_enclosed: ContextVar[bool] = ContextVar("llminfra_spec_enclosed", default=False)
_watcher: "ContextVar[list[Spec] | None]" = ContextVar("llminfra_spec_watcher", default=None)


@contextmanager
def collecting() -> Iterator[list[Diagnostic]]:
    """Collect the shape errors of every object built inside the block instead of raising the first.

    Yields:
        The list that grows while the block runs. An object with errors is salvaged: invalid optional fields fall
        back to their defaults and the object is marked ``broken``, so that the rest of the spec is still checked.
    """
    found: list[Diagnostic] = []
    token = _collector.set(found)
    try:
        yield found
    finally:
        _collector.reset(token)


def report(finding: Diagnostic) -> None:
    """Add a finding to those that are collected, so that the rest of a spec is still read.

    Raises:
        SpecError: Nobody collects them.
    """
    collector = _collector.get()
    if collector is None:
        raise SpecError([finding])
    collector.append(finding)


@contextmanager
def watching() -> "Iterator[list[Spec]]":
    """Note every object that is declared inside the block, broken ones too.

    Yields:
        The list that grows while the block runs, in the order of declaration.
    """
    built: list[Spec] = []
    token = _watcher.set(built)
    try:
        yield built
    finally:
        _watcher.reset(token)


class Spec(BaseModel):
    """Base of all declared types.

    ``extra="forbid"`` because a mistyped field must be an error, not a silently ignored wish; ``frozen`` because a
    declaration that changes after it was planned would make the plan a lie.
    """

    # defer_build: a validator is compiled when its type is first used, which halves the import.
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=True,
        hide_input_in_errors=True,
        defer_build=True,
        allow_inf_nan=False,
    )
    spec_section: ClassVar[str] = ""
    """Plural under which objects of this kind appear in a spec path, for example ``pools``."""

    _origin: tuple[str, int] | None = PrivateAttr(default=None)
    _key_line: Callable[[str], int | None] | None = PrivateAttr(default=None)
    _declared_path: str = PrivateAttr(default="")
    _broken: bool = PrivateAttr(default=False)
    _told: tuple[Diagnostic, ...] = PrivateAttr(default=())
    _dropped: dict[str, Any] = PrivateAttr(default_factory=dict)
    _unchecked: bool = PrivateAttr(default=False)
    _doubtful: frozenset[str] = PrivateAttr(default=frozenset())

    def __init__(self, *values: Any, **data: Any) -> None:
        if _collector.get() is not None:
            self._declare(values, data)
            return
        with collecting() as found:  # parts that are given as dictionaries are declared in here, too
            self._declare(values, data)
        if found:
            raise SpecError(found)

    def _declare(self, values: tuple[Any, ...], data: dict[str, Any]) -> None:
        told: list[Diagnostic] = []
        if values:
            data, unnamed = with_names(type(self), values, data, declared_at())
            if (collector := _collector.get()) is not None:
                collector.append(unnamed)
            told.append(unnamed)
        try:
            self._initialize(data)
        except ValidationError as error:
            origin = declared_at()
            found = shape_diagnostics(error, type(self), data, origin)
            if (collector := _collector.get()) is not None:
                collector.extend(found)
            self._salvage(data, error)
            self._dropped = {
                name: value
                for name, value in data.items()
                if name in type(self).model_fields and self.__dict__.get(name) is not value
            }
            told += found
            self._broken = self._broken or any(item.code != _CREDENTIAL for item in found)
            self._origin = origin
        if told:
            self._told = tuple(told)
        if (watcher := _watcher.get()) is not None:
            watcher.append(self)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Take objects as they are: their checks ran when they were built, and a broken one was reported then.

        A dictionary in the place of an object is built like any object; pydantic alone would run its checks once more
        on what was salvaged.
        """
        if _enclosed.get():
            return cls._reference(handler)

        def take(value: Any, inner: ValidatorFunctionWrapHandler) -> Any:
            if isinstance(value, cls):
                return value
            if _initializing.get():
                _initializing.set(False)
            elif isinstance(value, dict) and all(isinstance(key, str) for key in value):
                return cls(**value)
            return inner(value)

        token = _enclosed.set(True)
        try:
            return no_info_wrap_validator_function(take, no_truth_values(handler(source)))
        finally:
            _enclosed.reset(token)

    @classmethod
    def _reference(cls, handler: GetCoreSchemaHandler) -> CoreSchema:
        """What another type needs to know of this one where a field holds it: which class, and of which kind.

        Objects are built before what holds them, and dictionaries by the class itself. With whole schemas in place of
        references a platform would compile everything that can be declared, used or not, and each object once more what
        its fields hold. In JSON schema a reference is an object; `llminfra.schema` puts the definitions together.
        """
        kind = cls.model_fields.get("kind")
        fields = {} if kind is None else {"kind": model_field(handler.generate_schema(kind.annotation))}

        def take(value: Any, _inner: ValidatorFunctionWrapHandler) -> Any:
            return value if isinstance(value, cls) else cls.model_validate(value)

        known = model_schema(cls, model_fields_schema(fields))
        return no_info_wrap_validator_function(take, known, serialization=simple_ser_schema("any"))  # by its own type

    def _initialize(self, data: dict[str, Any]) -> None:
        token = _initializing.set(True)
        try:
            super().__init__(**data)
        finally:
            _initializing.reset(token)

    def model_post_init(self, _context: Any, /) -> None:
        """Remember the declaring line, and that a part of the object is open: it is as if the field were."""
        self._origin = declared_at()
        parts = {name: each for name, each in self.__dict__.items() if isinstance(each, Spec) and not each.spec_section}
        if open_parts := [name for name, each in parts.items() if each.broken]:
            self.doubt(open_parts)

    def __eq__(self, other: object) -> bool:
        """Two declarations that say the same are equal, wherever they were made."""
        if not isinstance(other, Spec):
            return NotImplemented
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        """By what it is called: fields may be mappings, and specs keep declarations in sets and caches."""
        return hash((type(self), str(self.__dict__.get("name")), str(self.__dict__.get("id"))))

    def _salvage(self, data: dict[str, Any], error: ValidationError) -> None:
        """Keep what is valid, or else leave the object unchecked."""
        lost = what_is_lost(type(self), data, error)
        for attempt in lost.attempts:
            try:
                self._initialize(attempt)
            except ValidationError:
                continue
            break
        else:
            built = type(self).model_construct(**lost.kept)
            object.__setattr__(self, "__dict__", built.__dict__)
            object.__setattr__(self, "__pydantic_fields_set__", built.model_fields_set)
            object.__setattr__(self, "__pydantic_extra__", None)
            object.__setattr__(self, "__pydantic_private__", dict(built.__pydantic_private__ or {}))
            self._unchecked = True
        if lost.own_name is not None:
            self.__dict__["name"] = lost.own_name
        self._doubtful |= lost.fields

    @property
    def origin(self) -> tuple[str, int] | None:
        """File and 1-based line where the object was declared, when known."""
        return self._origin

    @property
    def dropped(self) -> Mapping[str, Any]:
        """What was given to fields that shape errors emptied: objects in it have findings of their own."""
        return self._dropped

    @property
    def broken(self) -> bool:
        """Whether shape errors left only a salvaged part, of which findings would mislead: a wish may be missing.

        A refused credential is no such wish: the rest of the object means what it says.
        """
        return self._broken

    @property
    def told(self) -> tuple[Diagnostic, ...]:
        """The object's own shape errors, as they were collected: one line of a spec may declare several objects."""
        return self._told

    @property
    def unchecked(self) -> bool:
        """Whether so much was wrong that fields may be missing or invalid; such an object cannot be planned."""
        return self._unchecked

    @property
    def doubtful(self) -> frozenset[str]:
        """Fields that shape errors leave open: their value is a default, or what is left of a list."""
        return self._doubtful

    def doubt(self, fields: Iterable[str]) -> None:
        """Tell that fields are open, for loaders of files other than Python: what was written there was not read."""
        self._broken, self._doubtful = True, self._doubtful | frozenset(fields)

    def as_sound(self, **fields: Any) -> Self:
        """A copy that counts as unbroken, with other values of the fields that are open."""
        copy = self.model_copy(update=fields)
        copy._broken = False  # noqa: SLF001  # of its own type
        return copy

    @property
    def has_keys(self) -> bool:
        """Whether the lines of the object's fields are known, too."""
        return self._key_line is not None

    def key_place(self, path: str) -> tuple[str, int] | None:
        """File and line where a field was written, or what is on the path below it; ``None``: not known, or nowhere."""
        line = self._key_line(path) if self._key_line is not None else None
        return None if self._origin is None or line is None else (self._origin[0], line)

    @property
    def declared_path(self) -> str:
        """Path in the file of the mapping that declares the object; empty: not known, or the whole file."""
        return self._declared_path

    def at(
        self, file: str, line: int, key_line: Callable[[str], int | None] | None = None, declared_path: str = ""
    ) -> Self:
        """Tell where the object was declared, for loaders of files other than Python.

        Args:
            file: The spec file.
            line: 1-based line of the object.
            key_line: Gives the line of a field, or of the deepest part of a path that starts with one.
            declared_path: Where in the file.
        """
        self._origin, self._key_line, self._declared_path = (file, line), key_line, declared_path
        return self


_CREDENTIAL = "LLM_SEC_1"
_PACKAGE_DIR = f"{Path(__file__).resolve().parents[2]}{os.sep}"


def declared_at() -> tuple[str, int] | None:
    """The user's line: the innermost frame outside llminfra, Python and installed packages.

    Defaults of fields are made while llminfra is imported, from whatever line imports it, and have no line of their
    own; what a command makes has none either, because all that is around it are libraries.
    """
    frame = sys._getframe(1)  # noqa: SLF001  # the documented way to find the caller without building a traceback
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(_PACKAGE_DIR):
            if frame.f_code.co_name == "<module>":
                return None
        elif not name.startswith("<") and not _is_installed(name):
            return name, frame.f_lineno
        if frame.f_back is None:
            return None
        frame = frame.f_back
    return None


@cache
def _is_installed(file: str) -> bool:
    return bool(_INSTALLED & set(Path(file).parts)) or file.startswith(_INTERPRETER)


_INSTALLED = frozenset({"site-packages", "dist-packages"})
# The standard library, and the folder with the scripts of packages, such as `llminfra` itself.
_INTERPRETER = tuple(f"{Path(file).parent}{os.sep}" for file in (os.__file__, sys.executable))
