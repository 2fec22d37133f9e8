"""Which model classes an unpacked wheel has, and which of vLLM's can be cut into stages, by its syntax trees alone.

vLLM refuses pipeline parallelism for a class whose ``supports_pp`` is not true (``ModelRegistry.is_pp_supported_model``
in ``vllm/config``); the attribute comes from the interface ``SupportsPP``, which classes inherit.
"""

from __future__ import annotations

import ast
from functools import lru_cache
from pathlib import Path

_INTERFACE = "SupportsPP"
_REGISTRY = Path("vllm/model_executor/models/registry.py")


def architectures(root: Path) -> tuple[set[str], set[str]]:
    """Architectures (``config.json``) that the release serves, and those of them with pipeline stages."""
    known, staged = set(), set()
    for name, (module, class_name) in _registered(root / _REGISTRY).items():
        file = _module_file(root, module)
        if file is None:
            continue
        known.add(name)
        if _supports(root, file, class_name, ()):
            staged.add(name)
    return known, staged


def entry_classes(models: Path) -> set[str]:
    """Architectures that SGLang serves: classes in ``EntryClass`` of its modules, by their own names."""
    found: set[str] = set()
    for path in sorted(models.rglob("*.py")):
        for node in ast.walk(_parse(path)):
            match node:
                case ast.Assign(targets=[ast.Name(id="EntryClass")], value=ast.Name(id=name)):
                    found.add(name)
                case ast.Assign(
                    targets=[ast.Name(id="EntryClass")], value=ast.List(elts=names) | ast.Tuple(elts=names)
                ):
                    found |= {name.id for name in names if isinstance(name, ast.Name)}
    return found


def _registered(registry: Path) -> dict[str, tuple[str, str]]:
    """``{"LlamaForCausalLM": ("llama", "LlamaForCausalLM")}`` of every table of the registry."""
    found: dict[str, tuple[str, str]] = {}
    for node in ast.walk(_parse(registry)):
        if not isinstance(node, ast.Dict):
            continue
        for key, value in zip(node.keys, node.values, strict=True):
            match key, value:
                case (
                    ast.Constant(value=str() as name),
                    ast.Tuple(elts=[ast.Constant(value=str() as module), ast.Constant(value=str() as class_name)]),
                ):
                    found[name] = (module, class_name)
    return found


def _module_file(root: Path, module: str) -> Path | None:
    dotted = module if module.startswith("vllm.") else f"vllm.model_executor.models.{module}"
    path = root / dotted.replace(".", "/")
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def _supports(root: Path, file: Path, class_name: str, seen: tuple[tuple[Path, str], ...]) -> bool:
    """Whether the class, or one it inherits from, has the interface and none in between takes it back."""
    if class_name == _INTERFACE:
        return True
    if (file, class_name) in seen:
        return False
    body = _classes(file).get(class_name)
    if body is None:
        return _elsewhere(root, file, class_name, (*seen, (file, class_name)))
    said = _own_word(body)
    if said is not None:
        return said
    names = [base.value if isinstance(base, ast.Subscript) else base for base in body.bases]
    return any(
        _supports(root, file, name.id if isinstance(name, ast.Name) else name.attr, (*seen, (file, class_name)))
        for name in names
        if isinstance(name, ast.Name | ast.Attribute)
    )


def _own_word(body: ast.ClassDef) -> bool | None:
    for item in body.body:
        match item:
            case (
                ast.Assign(targets=[ast.Name(id="supports_pp")], value=ast.Constant(value=bool() as said))
                | ast.AnnAssign(target=ast.Name(id="supports_pp"), value=ast.Constant(value=bool() as said))
            ):
                return said
    return None


def _elsewhere(root: Path, file: Path, class_name: str, seen: tuple[tuple[Path, str], ...]) -> bool:
    """The class under the name it was imported by, or that was assigned to it."""
    for node in _bindings(file):
        match node:
            case ast.ImportFrom(module=module, level=level, names=names):
                original = next((each.name for each in names if (each.asname or each.name) == class_name), None)
                if original == _INTERFACE:
                    return True
                target = _imported(root, file, module or "", level) if original else None
                if original and target is not None:
                    return _supports(root, target, original, seen)
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Name(id=other)) if name == class_name:
                return _supports(root, file, other, seen)
    return False


def _imported(root: Path, file: Path, module: str, level: int) -> Path | None:
    if level == 0:
        folder = root
    else:
        folder = file.parent
        for _ in range(level - 1):
            folder = folder.parent
    path = folder / module.replace(".", "/") if module else folder
    return next((found for found in (path.with_suffix(".py"), path / "__init__.py") if found.is_file()), None)


@lru_cache(maxsize=1024)
def _classes(file: Path) -> dict[str, ast.ClassDef]:
    return {node.name: node for node in ast.walk(_parse(file)) if isinstance(node, ast.ClassDef)}


@lru_cache(maxsize=1024)
def _bindings(file: Path) -> tuple[ast.stmt, ...]:
    return tuple(node for node in ast.walk(_parse(file)) if isinstance(node, ast.ImportFrom | ast.Assign))


@lru_cache(maxsize=1024)
def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8-sig", errors="replace"))
