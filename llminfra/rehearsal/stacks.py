"""The synthesized stacks: order, types they use, spec paths, and a working copy with local state."""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llminfra.diagnostics import UsageError
from llminfra.planning.plan.labels import PLATFORM_TAG
from llminfra.rehearsal.backend import backend_findings, backend_identity, one_block
from llminfra.rehearsal.report import Finding

_BUILT_IN = ("terraform_",)
_WORKING_FILES = frozenset({".terraform", ".terraform.lock.hcl"})


@dataclass(frozen=True, slots=True)
class Stack:
    """One synthesized stack.

    Attributes:
        name: Name in the manifest.
        directory: Its folder.
        file: Its Terraform JSON.
        dependencies: Stacks that come first.
        content: The parsed JSON.
    """

    name: str
    directory: Path
    file: Path
    dependencies: tuple[str, ...]
    content: Mapping[str, Any]

    def types(self, section: str) -> frozenset[str]:
        """Resource (``resource``) or data source (``data``) types that a provider serves."""
        return frozenset(name for name in self.content.get(section, {}) if not name.startswith(_BUILT_IN))

    @property
    def platform(self) -> str:
        """Name of its platform, which all of its AWS resources carry as a tag; empty: nothing says it."""
        providers = self.content.get("provider", {}).get("aws", ())
        tags = [group.get("tags", {}) for provider in providers for group in provider.get("default_tags", ())]
        return next((str(found[PLATFORM_TAG]) for found in tags if PLATFORM_TAG in found), "")

    def resource_count(self) -> int:
        """Resource blocks in the file."""
        return sum(len(items) for items in self.content.get("resource", {}).values())

    def providers(self) -> Mapping[str, str]:
        """Required providers: local name to source address."""
        required = one_block(one_block(self.content.get("terraform")).get("required_providers"))
        return {
            name: str(item.get("source", f"hashicorp/{name}")) if isinstance(item, Mapping) else f"hashicorp/{name}"
            for name, item in required.items()
        }

    def spec_path(self, address: str) -> str:
        """The place in the spec that caused a resource: what the compiler noted, or the construct path."""
        parts = address.split("[", maxsplit=1)[0].split(".")
        section = "data" if parts[0] == "data" else "resource"
        parts = parts[1:] if section == "data" else parts
        if len(parts) < 2:
            return ""
        block = one_block(one_block(self.content.get(section)).get(parts[0])).get(parts[1])
        note = one_block(one_block(block).get("//"))
        own = one_block(note.get("llminfra")).get("spec_path")
        return str(own or one_block(note.get("metadata")).get("path") or "")


def read_stacks(synth_dir: Path, only: Collection[str] = ()) -> tuple[Stack, ...]:
    """Stacks of a synthesized directory in an order in which they can be applied.

    ``only`` keeps the named stacks and those that they depend on; a name may be a stack's short name, the part after
    the last dash.

    Raises:
        UsageError: the directory is not a synthesis, or a name in ``only`` fits no stack.
    """
    manifest = synth_dir / "manifest.json"
    if not manifest.is_file():
        raise UsageError(f"{synth_dir} holds no manifest.json: run `llminfra synth SPEC -o {synth_dir}` first")
    entries = json.loads(manifest.read_text(encoding="utf-8")).get("stacks", {})
    stacks = {name: _read(synth_dir, name, entry) for name, entry in entries.items()}
    wanted = _wanted(stacks, only) if only else set(stacks)
    ordered: list[Stack] = []
    placed: set[str] = set()

    def place(name: str, trail: tuple[str, ...]) -> None:
        if name in trail:
            raise UsageError(f"stacks depend on each other in a circle: {' -> '.join((*trail, name))}")
        if name in placed or name not in stacks:
            return
        for dependency in stacks[name].dependencies:
            place(dependency, (*trail, name))
        placed.add(name)
        ordered.append(stacks[name])

    for name in stacks:
        if name in wanted:
            place(name, ())
    return tuple(ordered)


def _read(synth_dir: Path, name: str, entry: Mapping[str, Any]) -> Stack:
    file = synth_dir / entry["synthesizedStackPath"]
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(
            f"the manifest names {entry['synthesizedStackPath']}, which is not there: synthesize again"
        ) from None
    except json.JSONDecodeError as error:
        raise UsageError(f"{entry['synthesizedStackPath']} is not JSON: {error}") from None
    directory = synth_dir / entry.get("workingDirectory", file.parent.relative_to(synth_dir))
    return Stack(name, directory, file, tuple(entry.get("dependencies", ())), content)


def _wanted(stacks: Mapping[str, Stack], only: Collection[str]) -> set[str]:
    wanted = set()
    for name in only:
        fitting = [item for item in stacks if item == name] or [item for item in stacks if item.endswith(f"-{name}")]
        if not fitting:
            raise UsageError(f"no stack is called {name!r}; there are {', '.join(stacks)}")
        wanted.update(fitting)
    return wanted


@dataclass(frozen=True, slots=True)
class Prepared:
    """A working copy of a stack whose state stays here; ``served``: Terraform reaches it over HTTP."""

    stack: Stack
    directory: Path
    state_file: Path
    findings: tuple[Finding, ...]
    served: bool


def prepare(stacks: Collection[Stack], root: Path, *, served: bool) -> tuple[Prepared, ...]:
    """Copy every stack below ``root`` with other backends; production's backend blocks are checked on the way.

    Args:
        stacks: What to copy.
        root: Where to.
        served: Whether states are served while Terraform runs, which is faster; else they are local files, with which
            Terraform goes on where it was killed, and which a user can open afterwards.
    """
    states = root / "state"
    states.mkdir(parents=True, exist_ok=True)
    places = {}
    for stack in stacks:
        identity = backend_identity(one_block(stack.content.get("terraform")).get("backend"), stack.directory)
        if identity is not None:
            places[identity] = states / f"{stack.name}.tfstate"
    prepared = []
    for stack in stacks:
        state_file = states / f"{stack.name}.tfstate"
        directory = root / "stacks" / stack.name
        _copy(stack.directory, directory)
        content, findings = _localized(stack, places, state_file, served=served)
        (directory / stack.file.name).write_text(json.dumps(content, indent=2), encoding="utf-8")
        prepared.append(
            Prepared(stack, directory, state_file, (*backend_findings(stack.name, stack.content), *findings), served)
        )
    return tuple(prepared)


def _copy(source: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(
        source,
        target,
        ignore=lambda _folder, names: [n for n in names if n in _WORKING_FILES or n.endswith((".tfstate", ".backup"))],
    )


def _localized(
    stack: Stack, places: Mapping[Any, Path], state_file: Path, *, served: bool
) -> tuple[dict[str, Any], list[Finding]]:
    content = json.loads(json.dumps(stack.content))
    # The address of a served state comes by a variable: who serves it starts later.
    backend = {"http": {}} if served else {"local": {"path": str(state_file)}}
    content.setdefault("terraform", {})["backend"] = backend
    findings = []
    for name, block in one_block(one_block(content.get("data")).get("terraform_remote_state")).items():
        identity = backend_identity({block.get("backend"): block.get("config")}, stack.directory)
        target = places.get(identity)
        if target is None:
            findings.append(
                Finding(
                    severity="error",
                    stack=stack.name,
                    step="prepare",
                    summary="remote state of no stack in this synthesis",
                    detail=f"data.terraform_remote_state.{name} reads {json.dumps(block.get('config'))} from backend "
                    f"{block.get('backend')!r}; no backend block of the rehearsed stacks says the same",
                    address=f"data.terraform_remote_state.{name}",
                    spec_path=stack.spec_path(f"data.terraform_remote_state.{name}"),
                )
            )
            target = state_file.parent / "missing.tfstate"
        block["backend"], block["config"] = "local", {"path": str(target)}
    return content, findings


def provider_blocks(stack: Stack, name: str) -> Iterator[Mapping[str, Any]]:
    """The stack's provider blocks of one provider."""
    blocks = one_block(stack.content.get("provider")).get(name, [])
    for block in blocks if isinstance(blocks, list) else [blocks]:
        if isinstance(block, Mapping):
            yield block
