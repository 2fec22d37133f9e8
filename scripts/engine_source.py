"""Read flags, environment, metrics and limits out of an engine's unpacked wheel, by its syntax tree alone.

Nothing of the wheel is imported or run: the engines need a GPU build of PyTorch for that.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from engine_models import architectures, entry_classes

METRIC_KINDS = {"counter": "counter", "gauge": "gauge", "histogram": "histogram", "summary": "unknown"}


@dataclass
class Facts:
    """What one release knows."""

    flags: set[str] = field(default_factory=set)
    negatable: set[str] = field(default_factory=set)
    env: set[str] = field(default_factory=set)
    metrics: dict[str, str] = field(default_factory=dict)
    hidden_metrics: dict[str, str] = field(default_factory=dict)
    min_capability: dict[str, str] = field(default_factory=dict)
    quantizations: set[str] = field(default_factory=set)
    deprecated_quantizations: set[str] = field(default_factory=set)
    architectures: set[str] = field(default_factory=set)
    pipeline_architectures: set[str] = field(default_factory=set)
    all2all_backends: set[str] = field(default_factory=set)
    settings: dict[str, str] = field(default_factory=dict)


def read_vllm(root: Path) -> Facts:
    """Facts of an unpacked vLLM wheel."""
    package = root / "vllm"
    facts = Facts()
    fields = _dataclass_fields(package)
    for path in _existing(
        package / "engine" / "arg_utils.py",
        # openai/ until 0.28, launchers/ until 0.32, then common/.
        *sorted((package / "entrypoints").glob("*/cli_args.py")),
        package / "entrypoints" / "cli" / "serve.py",
    ):
        tree = _parse(path)
        config_of = _kwargs_variables(tree)
        for call in _calls(tree, "add_argument"):
            _add_flag(call, config_of, fields, facts)
    for name in ("BaseFrontendArgs", "FrontendArgs"):
        for key, kind in fields.get(name, {}).items():
            flag = "--" + key.replace("_", "-")
            facts.flags.add(flag)
            if kind == "bool":
                facts.negatable.add(flag)
    facts.env = _dict_keys(_parse(package / "envs.py"), "environment_variables")
    for path in sorted((package / "v1").rglob("*.py")) + sorted((package / "parser").rglob("*.py")):
        _read_metrics(path, "vllm:", facts)
    for path in sorted((package / "distributed").rglob("*.py")):
        _read_metrics(path, "vllm:", facts)
    _read_vllm_quantization(package / "model_executor" / "layers" / "quantization", facts)
    default = _class_default(package, "CacheConfig", "gpu_memory_utilization")
    if default is not None:
        facts.settings["gpu_memory_utilization"] = default
    read_vllm_models(root, facts)
    return facts


def read_vllm_models(root: Path, facts: Facts) -> None:
    """Model classes, ways to reach experts on other GPUs, and whether the wheel brings Ray."""
    facts.architectures, facts.pipeline_architectures = architectures(root)
    for path in _existing(root / "vllm" / "config" / "parallel.py"):  # one file for all configuration until 0.10
        facts.all2all_backends = _literal(_parse(path), "All2AllBackend") - _taken_off(root / "vllm", "all2all_backend")
    for path in root.glob("vllm-*.dist-info/METADATA"):
        if re.search(r"^Requires-Dist: ray\b(?!.*extra ==)", path.read_text(errors="replace"), re.MULTILINE):
            facts.settings["brings_ray"] = "yes"


def _taken_off(package: Path, field: str) -> set[str]:
    """Values that a field may have and the parser does not offer: ``…["<field>"]["choices"].remove(CONSTANT)``."""
    names = {
        ast.unparse(call.args[0])
        for call in _calls(_parse(package / "engine" / "arg_utils.py"), "remove")
        if f"['{field}']['choices']" in ast.unparse(call.func)
    }
    return {
        str(node.value.value)
        for path in (_existing(*sorted((package / "config").glob("*.py"))) if names else ())
        for node in ast.walk(_parse(path))
        if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Constant)
        if getattr(node.target, "id", "") in names
    }


def _literal(tree: ast.AST, name: str) -> set[str]:
    """Values of ``name = Literal["a", "b"]``."""
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=target)], value=ast.Subscript(slice=ast.Tuple(elts=elements))) if (
                target == name
            ):
                return {str(item.value) for item in elements if isinstance(item, ast.Constant)}
    return set()


def read_sglang(root: Path) -> Facts:
    """Facts of an unpacked SGLang wheel."""
    package = root / "sglang" / "srt"
    facts = Facts()
    sources = [package / "server_args.py", *sorted((package / "arg_groups" / "fields").glob("*.py"))]
    for path in _existing(*sources):
        tree = _parse(path)
        for call in _calls(tree, "add_argument"):
            facts.flags.update(arg for arg in _strings(call) if re.fullmatch(r"--?[a-z][\w-]*", arg))
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                for item in node.body:
                    facts.flags.update(_annotated_flags(item))
    environ = package / "environ.py"
    if environ.is_file():
        for node in ast.walk(_parse(environ)):
            if isinstance(node, ast.ClassDef) and node.name == "Envs":
                facts.env.update(_assigned_calls(node))
    for path in _existing(package / "entrypoints" / "http_server.py"):
        if '@app.get("/ready")' in path.read_text(errors="replace"):
            facts.settings["ready_path"] = "/ready"
    for path in sorted(package.rglob("*.py")):
        _read_metrics(path, "sglang:", facts)
        facts.env.update(re.findall(r"[\"'](SG(?:LANG|L)_[A-Z0-9_]+)[\"']", path.read_text(errors="replace")))
    facts.architectures = entry_classes(package / "models")
    return facts


def read_mii(root: Path) -> Facts:
    """Facts of an unpacked DeepSpeed-MII wheel: its OpenAI-compatible server."""
    facts = Facts()
    for call in _calls(_parse(root / "mii" / "entrypoints" / "openai_api_server.py"), "add_argument"):
        facts.flags.update(arg for arg in _strings(call) if arg.startswith("--"))
    return facts


@lru_cache(maxsize=256)
def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(errors="replace"))


def _existing(*paths: Path) -> Iterator[Path]:
    return (path for path in paths if path.is_file())


def _calls(tree: ast.AST, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", None)) == name:
            yield node


def _strings(call: ast.Call) -> list[str]:
    return [arg.value for arg in call.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]


def _kwargs_variables(tree: ast.AST) -> dict[str, str]:
    """``model_kwargs = get_kwargs(ModelConfig)`` to ``{"model_kwargs": "ModelConfig"}``."""
    found = {}
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Call)
            and getattr(node.value.func, "id", "") == "get_kwargs"
            and node.value.args
            and isinstance(node.targets[0], ast.Name)
        ):
            found[node.targets[0].id] = ast.unparse(node.value.args[0])
    return found


def _add_flag(call: ast.Call, config_of: dict[str, str], fields: dict[str, dict[str, str]], facts: Facts) -> None:
    names = [arg for arg in _strings(call) if arg.startswith("-")]
    facts.flags.update(names)
    negatable = False
    for keyword in call.keywords:
        if keyword.arg == "action":
            negatable = "BooleanOptionalAction" in ast.unparse(keyword.value)
        elif keyword.arg is None:
            match = re.search(r"(\w+)\['(\w+)'\]", ast.unparse(keyword.value))
            if match is not None:
                config = config_of.get(match[1], "")
                negatable = negatable or fields.get(config, {}).get(match[2]) == "bool"
    if negatable:
        facts.negatable.update(name for name in names if name.startswith("--"))


@cache
def _dataclass_fields(package: Path) -> dict[str, dict[str, str]]:
    """Class name to field name to ``bool`` or ``other``, with the fields of base classes."""
    own: dict[str, dict[str, str]] = {}
    bases: dict[str, list[str]] = {}
    candidates = [package / "config.py", package / "engine" / "arg_utils.py"]
    for folder in ("config", "entrypoints"):
        candidates += sorted((package / folder).rglob("*.py"))
    for path in _existing(*candidates):
        for node in ast.walk(_parse(path)):
            if isinstance(node, ast.ClassDef):
                own[node.name] = {
                    item.target.id: "bool" if re.search(r"\bbool\b", ast.unparse(item.annotation)) else "other"
                    for item in node.body
                    if isinstance(item, ast.AnnAssign)
                    and isinstance(item.target, ast.Name)
                    and not ast.unparse(item.annotation).startswith(("ClassVar", "InitVar"))
                }
                bases[node.name] = [ast.unparse(base) for base in node.bases]
    return {
        name: {key: kind for base in bases[name] for key, kind in own.get(base, {}).items()} | fields
        for name, fields in own.items()
    }


def _class_default(package: Path, class_name: str, name: str) -> str | None:
    """Default of a dataclass field, read through ``Field(default=…)``."""
    for path in _existing(package / "config.py", *sorted((package / "config").glob("*.py"))):
        for node in ast.walk(_parse(path)):
            if isinstance(node, ast.ClassDef) and node.name == class_name:
                for item in node.body:
                    if isinstance(item, ast.AnnAssign) and getattr(item.target, "id", "") == name and item.value:
                        text = ast.unparse(item.value)
                        match = re.match(r"Field\(default=([\d.]+)", text)
                        return match[1] if match else text
    return None


def _dict_keys(tree: ast.AST, variable: str) -> set[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign | ast.Assign) and isinstance(node.value, ast.Dict):
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            if getattr(target, "id", "") == variable:
                return {str(key.value) for key in node.value.keys if isinstance(key, ast.Constant)}
    return set()


def _annotated_flags(item: ast.stmt) -> set[str]:
    """Flags of one annotated field of SGLang's argument classes (``Annotated[type, help or Arg(...)]``)."""
    if not isinstance(item, ast.AnnAssign) or not isinstance(item.target, ast.Name):
        return set()
    annotation = ast.unparse(item.annotation)
    if not re.match(r"(A|Annotated)\[", annotation) or "no_cli=True" in annotation:
        return set()
    names = {"--" + item.target.id.replace("_", "-")}
    for call in _calls(item.annotation, "Arg"):
        for keyword in call.keywords:
            if keyword.arg == "aliases":
                names.update(re.findall(r"'(--?[\w-]+)'", ast.unparse(keyword.value)))
            elif keyword.arg == "cli_name" and isinstance(keyword.value, ast.Constant):
                names = {str(keyword.value.value)} | (names - {"--" + item.target.id.replace("_", "-")})
    return names


def _assigned_calls(node: ast.ClassDef) -> set[str]:
    return {
        item.targets[0].id
        for item in node.body
        if isinstance(item, ast.Assign) and isinstance(item.value, ast.Call) and isinstance(item.targets[0], ast.Name)
    }


def _read_metrics(path: Path, prefix: str, facts: Facts) -> None:
    """Metric definitions: calls whose name says counter, gauge or histogram, and constants that name a metric."""
    text = path.read_text(errors="replace")
    if prefix not in text:
        return
    tree = _parse(path)
    hidden_nodes = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "show_hidden" in ast.unparse(node.test)
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            function = getattr(node.func, "attr", getattr(node.func, "id", "")).lower()
            kind = next((METRIC_KINDS[word] for word in METRIC_KINDS if word in function), None)
            if kind is None:
                continue
            arguments = [*node.args[:1], *(word.value for word in node.keywords if word.arg == "name")]
            for argument in arguments:
                if isinstance(argument, ast.Constant) and str(argument.value).startswith(prefix):
                    target = facts.hidden_metrics if id(node) in hidden_nodes else facts.metrics
                    target[str(argument.value)] = kind
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            name = node.value
            if re.fullmatch(re.escape(prefix) + r"[a-z][a-z0-9_]+", name) and id(node) not in hidden_nodes:
                facts.metrics.setdefault(name, "unknown")
    for name in facts.hidden_metrics:
        if facts.metrics.get(name) == "unknown":
            del facts.metrics[name]


def _read_vllm_quantization(folder: Path, facts: Facts) -> None:
    capability: dict[str, str] = {}
    bases: dict[str, list[str]] = {}
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(_parse(path)):
            if isinstance(node, ast.ClassDef):
                bases[node.name] = [ast.unparse(base) for base in node.bases]
                for item in node.body:
                    if isinstance(item, ast.FunctionDef) and item.name == "get_min_capability":
                        returns = [inner.value for inner in ast.walk(item) if isinstance(inner, ast.Return)]
                        if len(returns) == 1 and isinstance(returns[0], ast.Constant):
                            capability[node.name] = str(returns[0].value)
    tree = _parse(folder / "__init__.py")
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "QuantizationMethods":
            facts.quantizations.update(
                str(inner.value) for inner in ast.walk(node.value) if isinstance(inner, ast.Constant)
            )
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "DEPRECATED_QUANTIZATION_METHODS":
            facts.deprecated_quantizations.update(ast.literal_eval(node.value))
        if isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "method_to_config":
            table = node.value if isinstance(node.value, ast.Dict) else ast.Dict(keys=[], values=[])
            for key, value in zip(table.keys, table.values, strict=True):
                found = _inherited(ast.unparse(value), capability, bases)
                if isinstance(key, ast.Constant) and found is not None:
                    facts.min_capability[str(key.value)] = found


def _inherited(name: str, capability: dict[str, str], bases: dict[str, list[str]]) -> str | None:
    if name in capability:
        return capability[name]
    for base in bases.get(name, []):
        found = _inherited(base, capability, bases)
        if found is not None:
            return found
    return None
