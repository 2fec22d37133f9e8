"""What an engine's own argument parser takes behind each flag, read from an unpacked wheel by its syntax trees.

A kind is a short text: ``switch`` (nothing behind it), ``int``, ``float``, ``json``, ``str``, ``a|b|c`` for a list of
choices, ``any`` where the sources do not say it plainly, and ``refused`` for a flag that is known only to be turned
down. `` …`` behind a kind is "one or more of them". vLLM derives its flags from fields of configuration classes
(``get_kwargs`` of ``vllm/engine/arg_utils.py``), SGLang newer ones from annotated fields (``arg_groups/arg_utils.py``);
the order of their own rules is kept. TGI's launcher is Rust, and read by lines.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

MANY = " …"
SWITCHES = ("store_true", "store_false", "BooleanOptionalAction", "DeprecatedStoreTrueAction")
_NUMBERS = {"int": "int", "float": "float", "human_readable_int": "int", "human_readable_int_or_auto": "int"}
_WRAPPERS = ("Annotated", "A", "SkipValidation", "Required")


@dataclass
class Names:
    """What names stand for in a wheel: literals, lists and enumerations, and fields of classes with their bases."""

    values: dict[str, ast.expr] = field(default_factory=dict)
    enums: dict[str, list[str]] = field(default_factory=dict)
    fields: dict[str, dict[str, ast.expr]] = field(default_factory=dict)
    bases: dict[str, list[str]] = field(default_factory=dict)

    def read(self, path: Path) -> None:
        """Add the names of one file; the first file that defines a name keeps it."""
        for node in ast.parse(path.read_text(errors="replace")).body:
            self._add(node)

    def _add(self, node: ast.stmt) -> None:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ):
                self.values.setdefault(name, value)
            case ast.ClassDef():
                self.fields.setdefault(
                    node.name,
                    {
                        item.target.id: item.annotation
                        for item in node.body
                        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
                    },
                )
                self.bases.setdefault(node.name, [ast.unparse(base) for base in node.bases])
                members = [
                    item.value.value
                    for item in node.body
                    if isinstance(item, ast.Assign) and isinstance(item.value, ast.Constant)
                ]
                if members and any("Enum" in ast.unparse(base) for base in node.bases):
                    self.enums.setdefault(node.name, [str(item) for item in members])
            case ast.If(body=body, orelse=orelse):
                for item in (*body, *orelse):
                    self._add(item)

    def fields_of(self, name: str) -> dict[str, ast.expr]:
        """Annotations of a class, with those that it inherits."""
        found: dict[str, ast.expr] = {}
        for base in self.bases.get(name, ()):
            found |= self.fields_of(base.rpartition(".")[2])
        return found | self.fields.get(name, {})

    def choices(self, node: ast.expr) -> list[str] | None:
        """Texts that an expression lists, ``None`` where it cannot be read."""
        match node:
            case ast.Constant(value=value):
                return [] if value is None else [str(value)]
            case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Set(elts=elements):
                found = [self.choices(item.value if isinstance(item, ast.Starred) else item) for item in elements]
                return None if None in found else [text for item in found if item for text in item]
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                one, other = self.choices(left), self.choices(right)
                return None if one is None or other is None else one + other
            case ast.Call(func=ast.Name(id="get_args" | "list" | "sorted" | "tuple"), args=[inner, *_]):
                return self.choices(inner)
            case ast.Subscript(value=ast.Name(id="Literal"), slice=inner):
                return self.choices(inner)
            case ast.ListComp(elt=ast.Attribute(attr="value"), generators=[ast.comprehension(iter=ast.Name(id=name))]):
                return self.enums.get(name)
            case ast.Name(id=name) if name in self.values:
                return self.choices(self.values[name])
        return None

    def hints(self, node: ast.expr) -> Iterator[ast.expr]:
        """The single types of an annotation: unions, ``Optional`` and names of types resolved."""
        match node:
            case ast.Constant(value=str() as text):
                yield from self.hints(ast.parse(text, mode="eval").body)
            case ast.BinOp(left=left, op=ast.BitOr(), right=right):
                yield from self.hints(left)
                yield from self.hints(right)
            case ast.Subscript(value=ast.Name(id="Union"), slice=ast.Tuple(elts=elements)):
                for item in elements:
                    yield from self.hints(item)
            case ast.Subscript(value=ast.Name(id="Optional"), slice=inner):
                yield from self.hints(inner)
                yield ast.Constant(value=None)
            case ast.Subscript(value=ast.Name(id=name), slice=inner) if name in _WRAPPERS:
                yield from self.hints(inner.elts[0] if isinstance(inner, ast.Tuple) else inner)
            case ast.Name(id=name) if name in self.values and _is_type(self.values[name]):
                yield from self.hints(self.values[name])
            case _:
                yield node


def kind_of_field(names: Names, annotation: ast.expr) -> str:
    """What vLLM's ``get_kwargs`` makes of a field's annotation, in the order of its rules."""
    hints = list(names.hints(annotation))
    texts = [ast.unparse(item) for item in hints]
    heads = [text.partition("[")[0] for text in texts]
    if "bool" in heads:
        return "any" if "str" in heads else "switch"
    if any(head in names.fields and head not in names.enums for head in heads):
        return "json"
    if "Literal" in heads:
        if "str" in heads:
            return "str"
        return chosen(names.choices(hints[heads.index("Literal")]))
    for kind in ("tuple", "list", "set", "Tuple", "List", "Set", "Sequence"):
        if kind in heads:
            inner = hints[heads.index(kind)]
            item = inner.slice if isinstance(inner, ast.Subscript) else ast.Name(id="str")
            item = item.elts[0] if isinstance(item, ast.Tuple) else item
            return kind_of_field(names, item) + MANY
    for kind in ("int", "float"):
        if kind in heads:
            return kind
    if "dict" in heads or "Dict" in heads:
        return "any" if "str" in heads else "json"
    return "str" if set(heads) <= {"str", "None"} else "any"


def chosen(choices: list[str] | None) -> str:
    """A list of choices as a kind."""
    return "any" if choices is None else "|".join(sorted(set(choices)))


def kind_of_call(names: Names, call: ast.Call, base: str | None = None) -> str:
    """What ``add_argument`` says of a flag; ``base`` is what stands in ``**…`` of the call."""
    words = {item.arg: item.value for item in call.keywords if item.arg is not None}
    action = ast.unparse(words["action"]) if "action" in words else ""
    if "error_message" in words:
        return "refused"
    if any(switch in action for switch in SWITCHES) or ("nargs" in words and ast.unparse(words["nargs"]) == "0"):
        return "switch"
    if "StoreConst" in action and "nargs" not in words:
        return "switch"
    kind = base or "str"
    if "type" in words:
        kind = kind_of_parser(ast.unparse(words["type"]))
    # A parser of its own may take other spellings of the choices.
    if "choices" in words and not ("type" in words and kind == "any"):
        kind = chosen(names.choices(words["choices"]))
    nargs = ast.unparse(words["nargs"]) if "nargs" in words else ""
    if nargs in {"'?'", '"?"'}:
        return "any"
    return kind + MANY if nargs in {"'+'", "'*'"} and not kind.endswith(MANY) else kind


def kind_of_parser(text: str) -> str:
    """What a function given as ``type=`` takes: ``optional_type(int)`` as ``int`` does."""
    inner = re.sub(r"^(?:optional_type|nullable|parse_type)\((.*)\)$", r"\1", text)
    if inner in _NUMBERS:
        return _NUMBERS[inner]
    if inner in {"json.loads", "json_dict_type"} or inner.endswith((".from_json", ".from_cli")):
        return "json"
    return "str" if inner in {"str", "nullable_str"} else "any"


def launcher_values(text: str) -> dict[str, str]:
    """Flag to kind of TGI's launcher (``launcher/src/main.rs``), whose fields are arguments of clap's derive."""
    enums = dict(re.findall(r"enum (\w+) \{\n(.*?)\n\}", text, re.DOTALL))
    body = re.search(r"^struct Args \{\n(.*?)^\}", text, re.MULTILINE | re.DOTALL)
    found = {}
    for name, declared in re.findall(r"^    (\w+): ([\w<>]+),$", body[1] if body else "", re.MULTILINE):
        inner = re.sub(r"^(?:Option|Vec)<|>$", "", re.sub(r"^Option<Vec<(\w+)>>$", r"Vec<\1>", declared))
        if declared == "bool":
            kind = "switch"
        elif "Vec<" in declared or inner == "String":
            kind = "str"
        elif inner == "bool":
            kind = "false|true"
        elif re.fullmatch(r"[ui](8|16|32|64|size)", inner):
            kind = "int"
        elif re.fullmatch(r"f(32|64)", inner):
            kind = "float"
        else:
            kind = chosen(_variants(enums[inner]) if inner in enums else None)
        found["--" + name.replace("_", "-")] = kind
    return found


def _variants(body: str) -> list[str]:
    """Names of an enumeration's values: as clap is told, else in kebab case."""
    found, named = [], None
    for line in body.splitlines():
        told = re.match(r'    #\[clap\(name = "([^"]+)"\)\]', line)
        value = re.match(r"    ([A-Z]\w*),", line)
        named = told[1] if told else named
        if value:
            found.append(named or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", value[1]).lower())
            named = None
    return found


def _is_type(node: ast.expr) -> bool:
    match node:
        case ast.Subscript(value=ast.Name(id="Literal" | "Union" | "Optional" | "dict" | "list" | "Annotated")):
            return True
        case ast.BinOp(op=ast.BitOr()):
            return True
        case ast.Name(id="str" | "int" | "float"):
            return True
    return False
