"""Write ``llminfra/catalog/data/argument_values``: what each release's argument parser takes behind each flag.

Run: ``python scripts/catalog_values.py SOURCES [TGI]`` with a folder of unpacked wheels, named ``vllm-0.27.1`` or
``sglang-0.5.23`` (``scripts/catalog_engines.py --sources`` fills one), and TGI's git directory. Nothing of a wheel is
run. A flag that the catalog lists and that the syntax trees say nothing of is ``any``; a release whose wheel is not
there has no kinds.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from catalog_engines import _spans_by_value
from engine_values import SWITCHES, Names, kind_of_call, kind_of_field, kind_of_parser, launcher_values

from llminfra.catalog.engine_facts import EngineName
from llminfra.catalog.engines import engine_release, known_versions

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "llminfra" / "catalog" / "data" / "argument_values"
_SOURCES = {
    "vllm": "PyPI vllm wheels: vllm/engine/arg_utils.py, vllm/entrypoints/**/cli_args.py, vllm/config",
    "sglang": "PyPI sglang wheels: sglang/srt/server_args.py, sglang/srt/arg_groups",
    "tgi": "huggingface/text-generation-inference launcher/src/main.rs at each tag",
}


def main(sources: Path, launcher: Path | None) -> int:
    """Write one file per engine; returns the exit code."""
    TARGET.mkdir(parents=True, exist_ok=True)
    _write("vllm", lambda version: _of_wheel(sources / f"vllm-{version}" / "vllm", vllm_values))
    _write("sglang", lambda version: _of_wheel(sources / f"sglang-{version}" / "sglang", sglang_values))
    if launcher is not None:
        _write("tgi", lambda version: launcher_values(_show(launcher, f"v{version}:launcher/src/main.rs")))
    return 0


def _write(engine: EngineName, read: Callable[[str], dict[str, str] | None]) -> None:
    versions, tables = known_versions(engine), []
    for version in versions:
        found = read(version)
        if found is None:
            print(engine, version, "has no sources and stays unknown", file=sys.stderr)
        tables.append({} if found is None else _listed(engine, version, found))
    content = {
        "_source": f"{_SOURCES[engine]}, {versions[0]} to {versions[-1]} (scripts/engine_values.py)",
        "versions": list(versions),
        "values": _spans_by_value(tables),
    }
    text = json.dumps(content, indent=1, ensure_ascii=False)
    (TARGET / f"{engine}.json").write_text(text + "\n", encoding="utf-8")
    unsure = sum(kind.startswith("any") for kind in tables[-1].values())
    print(engine, len(versions), "releases,", len(content["values"]), "flags;", unsure, "of the newest unsure")


def _of_wheel(package: Path, read: Callable[[Path], dict[str, str]]) -> dict[str, str] | None:
    return read(package) if package.is_dir() else None


def _show(repository: Path, what: str) -> str:
    command = ["git", "-C", str(repository), "show", what]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _listed(engine: EngineName, version: str, found: dict[str, str]) -> dict[str, str]:
    """The flags that the catalog lists for the release; says what else was found."""
    release = engine_release(engine, version)
    flags = release.flags() if release else ()
    if extra := sorted(set(found) - set(flags)):
        print(engine, version, "not in the catalog:", ", ".join(extra), file=sys.stderr)
    return {flag: found.get(flag, "any") for flag in flags}


def vllm_values(package: Path) -> dict[str, str]:
    """Flag to kind of one unpacked vLLM wheel."""
    names = Names()
    parsers = [
        package / "engine" / "arg_utils.py",
        *sorted((package / "entrypoints").glob("*/cli_args.py")),
        package / "entrypoints" / "cli" / "serve.py",
    ]
    quantization = package / "model_executor" / "layers" / "quantization" / "__init__.py"
    configs = [package / "config.py", *sorted((package / "config").glob("*.py")), quantization]
    for path in (*parsers, *configs):
        if path.is_file():
            names.read(path)
    found: dict[str, str] = {}
    for path in parsers:
        if path.is_file():
            found |= _vllm_flags(names, ast.parse(path.read_text(errors="replace")))
    return found


def _vllm_flags(names: Names, tree: ast.Module) -> dict[str, str]:
    config_of: dict[str, str] = {}
    changed: dict[tuple[str, str], str] = {}
    removed: dict[tuple[str, str], set[str]] = {}
    renamed: dict[str, ast.expr] = {}
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Assign(
                targets=[ast.Name(id=name)], value=ast.Call(func=ast.Name(id="get_kwargs"), args=[ast.Name(id=config)])
            ):
                config_of[name] = config
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Subscript() as value):
                renamed[name] = value
            case ast.Assign(targets=[ast.Subscript(value=ast.Subscript() as field, slice=key)], value=value):
                if _text(key) == "type":
                    changed[_field(field)] = kind_of_parser(ast.unparse(value))
            case ast.Assign(targets=[ast.Subscript(value=ast.Name(id=name), slice=key)]) if _text(key) == "type":
                renamed[name] = ast.Constant(value=None)
            case ast.AugAssign(target=ast.Subscript(value=ast.Subscript() as field, slice=key)):
                if _text(key) == "choices":
                    changed[_field(field)] = "any"
            case ast.Call(
                func=ast.Attribute(value=ast.Subscript(value=ast.Subscript() as field), attr="remove"), args=[gone]
            ):
                removed[_field(field)] = set(names.choices(gone) or ())
    for name in ("FrontendArgs", "BaseFrontendArgs"):
        if any(isinstance(node, ast.ClassDef) and node.name == name for node in tree.body):
            for option, annotation in names.fields_of(name).items():
                kind = kind_of_field(names, annotation)
                own = changed.get(("frontend_kwargs", option))
                if own is not None:
                    kind = own + " …" if kind.endswith(" …") and own != "json" else own
                found["--" + option.replace("_", "-")] = kind
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or getattr(node.func, "attr", "") != "add_argument":
            continue
        flags = [item.value for item in node.args if isinstance(item, ast.Constant) and str(item.value).startswith("-")]
        base = None
        for word in node.keywords:
            if word.arg is None:
                value = renamed.get(word.value.id, word.value) if isinstance(word.value, ast.Name) else word.value
                if isinstance(value, ast.Dict) and None in value.keys:
                    value = value.values[value.keys.index(None)]
                base = "any"
                if isinstance(value, ast.Subscript):
                    base = _base(names, config_of, changed, _field(value))
                    taken_off = removed.get(_field(value), set())
                    base = "|".join(item for item in base.split("|") if item not in taken_off)
        for flag in flags:
            found.setdefault(str(flag), kind_of_call(names, node, base))
    return found


def _field(node: ast.Subscript) -> tuple[str, str]:
    return ast.unparse(node.value), _text(node.slice)


def _text(node: ast.expr) -> str:
    return ast.unparse(node).strip("'\"")


def _base(names: Names, config_of: dict[str, str], changed: dict[tuple[str, str], str], field: tuple[str, str]) -> str:
    if field in changed:
        return changed[field]
    annotation = names.fields_of(config_of.get(field[0], "")).get(field[1])
    return "any" if annotation is None else kind_of_field(names, annotation)


def sglang_values(package: Path) -> dict[str, str]:
    """Flag to kind of one unpacked SGLang wheel."""
    names = Names()
    groups = package / "srt" / "arg_groups"
    parsers = [package / "srt" / "server_args.py", *sorted((groups / "fields").glob("*.py"))]
    actions = [package / "srt" / "server_args.py", *sorted(groups.glob("*.py"))]
    for path in (*parsers, *sorted(groups.glob("*.py"))):
        if path.is_file():
            names.read(path)
    raising = _raises(actions)
    found: dict[str, str] = {}
    for path in parsers:
        if not path.is_file():
            continue
        tree = ast.parse(path.read_text(errors="replace"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "add_argument":
                kind = kind_of_call(names, node)
                if raising and any(
                    word.arg == "action" and ast.unparse(word.value) == "DeprecatedAction" for word in node.keywords
                ):
                    kind = "refused"
                for flag in node.args:
                    if isinstance(flag, ast.Constant) and str(flag.value).startswith("-"):
                        found.setdefault(str(flag.value), kind)
            elif isinstance(node, ast.ClassDef):
                for item in node.body:
                    found |= _annotated(names, item)
    return found


def _annotated(names: Names, item: ast.stmt) -> dict[str, str]:
    """Flags of one annotated field, by the order of ``add_cli_args_from_dataclass``."""
    match item:
        case ast.AnnAssign(
            target=ast.Name(id=name),
            annotation=ast.Subscript(
                value=ast.Name(id="A" | "Annotated"), slice=ast.Tuple(elts=[annotation, *metadata])
            ),
        ):
            pass
        case _:
            return {}
    calls = [one for one in metadata if isinstance(one, ast.Call) and ast.unparse(one.func) == "Arg"]
    words = {word.arg: word.value for word in calls[0].keywords if word.arg} if calls else {}
    if "no_cli" in words or not (calls or any(isinstance(one, ast.Constant | ast.JoinedStr) for one in metadata)):
        return {}
    flags = ["--" + name.replace("_", "-")]
    if "cli_name" in words:
        flags = [ast.unparse(words["cli_name"]).strip("'\"")]
    if "aliases" in words:
        flags += names.choices(words["aliases"]) or []
    hints = [one for one in names.hints(annotation) if ast.unparse(one) != "None"]
    kind = _kind_of_hints(names, hints)
    if "action" in words:
        action_words = words.get("action_kwargs", ast.Dict(keys=[], values=[]))
        many = isinstance(action_words, ast.Dict) and "nargs" in ast.unparse(action_words)
        switch = any(word in ast.unparse(words["action"]) for word in SWITCHES)
        kind = "switch" if switch else "str …" if many else "any"
    elif "choices" in words and "type_parser" not in words:
        many = kind.endswith(" …")
        choices = names.choices(words["choices"])
        kind = ("any" if choices is None else "|".join(sorted(set(choices)))) + (" …" if many else "")
    elif "type_parser" in words:
        kind = kind_of_parser(ast.unparse(words["type_parser"]))
    if "nargs" in words and not kind.endswith(" …"):
        kind = "any" if ast.unparse(words["nargs"]) == "'?'" else kind + " …"
    return dict.fromkeys(flags, kind)


def _kind_of_hints(names: Names, hints: list[ast.expr]) -> str:
    if len(hints) != 1:
        return "any"
    match hints[0]:
        case ast.Name(id="bool"):
            return "switch"
        case ast.Name(id="int" | "float" as number):
            return number
        case ast.Subscript(value=ast.Name(id="Literal"), slice=inner):
            return "|".join(sorted(set(names.choices(inner) or [])))
        case ast.Subscript(value=ast.Name(id="list" | "List"), slice=inner):
            return _kind_of_hints(names, list(names.hints(inner))) + " …"
    return "str"


def _raises(paths: list[Path]) -> bool:
    """Whether the action of deprecated flags turns them down instead of warning."""
    for path in paths:
        if not path.is_file():
            continue
        for node in ast.walk(ast.parse(path.read_text(errors="replace"))):
            if isinstance(node, ast.ClassDef) and node.name == "DeprecatedAction":
                call = next(item for item in node.body if getattr(item, "name", "") == "__call__")
                return isinstance(call, ast.FunctionDef) and any(isinstance(item, ast.Raise) for item in call.body)
    return False


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]) if sys.argv[2:] else None))
