"""The rehearsal: init, validate, plan, apply, second plan, destroy, for every stack in order."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from llminfra.diagnostics import ToolError, UsageError
from llminfra.rehearsal.assumed import GIVEN_ID, MADE_WITH, assumed_objects, completed
from llminfra.rehearsal.attach import Attachment, attached
from llminfra.rehearsal.faults import FaultPlan
from llminfra.rehearsal.mirror import build_mirror
from llminfra.rehearsal.namespaces import not_there_yet
from llminfra.rehearsal.provider.settings import Settings
from llminfra.rehearsal.report import Event, Finding, RehearsalReport
from llminfra.rehearsal.schema import cache
from llminfra.rehearsal.schema.package import PACKAGES
from llminfra.rehearsal.session import Session, StackRun
from llminfra.rehearsal.stacks import Prepared, Stack, prepare, provider_blocks, read_stacks
from llminfra.rehearsal.suggestions import with_similar_types
from llminfra.rehearsal.terraform import Binary, find_binary
from llminfra.rehearsal.world import World, WorldStore

SIMULATED = ("aws", "helm")
_DEFAULT_REGION = "us-east-1"
_VALIDATE_AT_ONCE = 2


def rehearse(
    synth_dir: Path,
    *,
    only: Collection[str] = (),
    keep: Path | None = None,
    binary: Path | None = None,
    validate_only: bool = False,
    faults: FaultPlan | None = None,
    existing: World | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> RehearsalReport:
    """Let the real Terraform apply every synthesized stack against the simulated providers.

    Args:
        synth_dir: What ``llminfra synth`` wrote.
        only: Stacks to rehearse, with those they depend on; empty: all.
        keep: Folder that keeps working copies, state and world afterwards; it must not exist or be empty.
        binary: Terraform or OpenTofu; ``None``: found on ``PATH``.
        validate_only: Stop after ``validate``.
        faults: Faults to inject; every step is repeated until it goes through.
        existing: What the account holds already; ``None``: what the stacks look up by a literal id or name, which the
            report then lists as not proved.
        on_event: Called with progress, from several threads.

    Raises:
        ToolError: the binary, or an installed package that holds the schemas, is missing.
        UsageError: ``synth_dir`` is not a synthesis, ``only`` names no stack, ``binary`` is no program, or ``keep`` has
            files.
    """
    started = time.monotonic()
    tool = find_binary(binary)
    stacks = read_stacks(synth_dir, only)
    with work_folder(keep) as root:
        prepared = prepare(stacks, root, served=keep is None and _may_attach(faults))
        with open_session(tool, prepared, root, faults, existing, on_event) as session:
            runs = tuple(StackRun(session, item) for item in prepared)
            not_proved = _cycle(runs, validate_only=validate_only, faults=faults)
            leftovers = [] if validate_only else _leftovers(runs, session)
            count = session.world.count("fault")
            not_proved += _not_rendered(session)
            if existing is None:
                not_proved += [
                    f"{x.type_name} {x.id} is assumed to exist: a stack reads it"
                    for x in assumed_objects(stacks)
                    if MADE_WITH not in x.attributes and x.type_name != GIVEN_ID
                ]
                not_proved += not_there_yet(stacks)
    reports = [run.report() for run in runs]
    if leftovers:
        reports[-1] = replace(reports[-1], findings=(*reports[-1].findings, *leftovers))
    return RehearsalReport(
        binary=str(tool),
        stacks=tuple(reports),
        seconds=time.monotonic() - started,
        not_proved=tuple(dict.fromkeys(not_proved)),
        faults=count,
        kept=str(keep) if keep else None,
    )


def _cycle(runs: tuple[StackRun, ...], *, validate_only: bool, faults: FaultPlan | None) -> list[str]:
    with ThreadPoolExecutor(_VALIDATE_AT_ONCE) as pool:
        list(pool.map(lambda run: run.init() and run.validate(), runs))
    if validate_only:
        return ["only validate ran: nothing was planned or applied"]
    done: set[str] = set()
    attempts = faults.limit + 2 if faults else 1
    for run in runs:
        if (
            run.ok
            and all(name in done for name in run.dependencies(runs))
            and run.apply(attempts)
            and run.second_plan(attempts)
        ):
            done.add(run.name)
    for run in reversed(runs):
        if run.touched:
            run.destroy(attempts)
    skipped = [run.name for run in runs if run.name not in done and run.ok]
    return [f"stack {name} was not applied because a stack before it failed" for name in skipped]


def _leftovers(runs: tuple[StackRun, ...], session: Session) -> list[Finding]:
    """After the destroy nothing that Terraform made may be left."""
    if not all(run.ok for run in runs):
        return []
    return [
        Finding(
            severity="error",
            stack=runs[-1].name,
            step="world",
            summary=f"{item.type_name} {item.key} is left after the destroy",
            detail="Terraform made it and lost track of it",
        )
        for item in session.world.all()
        if item.managed
    ]


def _not_rendered(session: Session) -> list[str]:
    names = [
        key.rpartition("|")[2]
        for kind, type_name, key, outcome in session.world.calls()
        if kind in ("create", "update") and type_name == "helm_release" and outcome == "known keys"
    ]
    if not names:
        return []
    return [f"objects of {', '.join(sorted(set(names)))}: charts are fetched at apply time; keys of values are known"]


@contextmanager
def work_folder(keep: Path | None) -> Iterator[Path]:
    """A folder for working copies, state and world; removed afterwards unless it is to be kept.

    Raises:
        UsageError: The folder to keep has files, or cannot be made.
    """
    if keep is not None:
        try:
            keep.mkdir(parents=True, exist_ok=True)
            full = any(keep.iterdir())
        except OSError as error:
            msg = f"cannot keep the rehearsal in {keep}: {error.strerror or error}"
            raise UsageError(msg) from None
        if full:
            msg = f"{keep} has files, and what a rehearsal keeps is not mixed with them: name a new folder with --keep"
            raise UsageError(msg)
        yield keep.resolve()
        return
    root = Path(tempfile.mkdtemp(prefix="llminfra-rehearsal-"))
    try:
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)


@contextmanager
def open_session(
    tool: Binary,
    prepared: Collection[Prepared],
    root: Path,
    faults: FaultPlan | None,
    existing: World | None,
    on_event: Callable[[Event], None] | None,
) -> Iterator[Session]:
    """Mirror, world and provider process for one rehearsal.

    Raises:
        ToolError: the package that speaks Terraform's plugin protocol, or one that holds the schemas, is missing.
    """
    if find_spec("tf") is None:
        raise ToolError("simulated providers need an extra: run `pip install 'llminfra[rehearse]'`")
    stacks = [item.stack for item in prepared]
    if existing is None:
        existing = World(assumed_objects(stacks), _account(stacks))
    else:
        existing = World(completed(existing.objects, stacks), existing.account_id)
    settings = Settings(
        world=root / "world.sqlite",
        databases={name: cache.database(PACKAGES[name]) for name in SIMULATED},
        resources=_types(stacks, "resource"),
        data_sources=_types(stacks, "data"),
        account=existing.account_id,
        region=_region(stacks),
        directories=tuple(str(item.directory) for item in prepared),
        states={str(item.directory): item.state_file for item in prepared if item.served},
        faults=faults.to_dict() if faults else None,
    )
    path = root / "settings.json"
    settings.write(path)
    versions = {name: cache.provider_version(name) for name in SIMULATED}
    configuration = build_mirror(root, versions, tool.platform, path)
    with ExitStack() as cleanup:
        world = WorldStore(settings.world)
        cleanup.callback(world.close)
        world.populate(existing.objects)
        attachments: dict[str, Attachment] = {}
        if _may_attach(faults):
            attachments = cleanup.enter_context(attached(SIMULATED, path, root / "providers.log"))
        yield Session(tool, configuration, attachments, world, on_event, one_by_one=faults is not None)


def _may_attach(faults: FaultPlan | None) -> bool:
    """Whether one process may serve all: a fault may end it, and must then end one that Terraform itself started."""
    return faults is None or not {"death", "kill"} & set(faults.kinds)


def _types(stacks: Collection[Stack], section: str) -> dict[str, tuple[str, ...]]:
    used = frozenset[str]().union(*(stack.types(section) for stack in stacks)) if stacks else frozenset[str]()
    return {name: with_similar_types(name, "resource" if section == "resource" else "data", used) for name in SIMULATED}


def _region(stacks: Collection[Stack]) -> str:
    for stack in stacks:
        for block in provider_blocks(stack, "aws"):
            region = block.get("region")
            if isinstance(region, str) and "${" not in region:
                return region
    return _DEFAULT_REGION


def _account(stacks: Collection[Stack]) -> str:
    """The account that the provider blocks allow, or the documentation's example account."""
    for stack in stacks:
        for block in provider_blocks(stack, "aws"):
            allowed = block.get("allowed_account_ids")
            if isinstance(allowed, list) and allowed and isinstance(allowed[0], str):
                return allowed[0]
    return World().account_id
