"""FlashInfer's trials of kernels at a start of vLLM: whether they run, what later starts find, and who waits too long.

Which kernels are tried, what leaves them out and what each release keeps is in ``data/kernel_trials.json``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from llminfra.catalog.engines import inner_release
from llminfra.catalog.models.quantization import WeightFormat
from llminfra.engines.given import json_value, last
from llminfra.planning.facts import numbers
from llminfra.planning.memory.peak.expert_kernels import ExpertKernel
from llminfra.planning.memory.releases.engine_profile import parse_version

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llminfra.catalog.engines import EngineRelease
    from llminfra.catalog.models import ModelFacts
    from llminfra.engines.given import Given

_FILE = "kernel_trials"
_ENGINE = "vllm"
_AUTO = "auto"
_NEWEST = (10**6,)
_FORMATS = {WeightFormat.NVFP4: "nvfp4", WeightFormat.MXFP4: "mxfp4"}


class Told(Struct, frozen=True, kw_only=True):
    """What a release of vLLM is told of trials, beside the spec's fields.

    Attributes:
        switched_off: None are made at all.
        left_out: FlashInfer's operations that are not tried.
        backend: Kernels that are asked for routed experts; ``auto`` where none are.
        offload: The option that puts weights into the host's memory.
    """

    switched_off: bool = False
    left_out: frozenset[str] = frozenset()
    backend: str = _AUTO
    offload: Given | None = None


class Slow(Struct, frozen=True, kw_only=True):
    """Trials that were seen to last longer than others.

    Attributes:
        sure: Measured to last for hours; else a start was given up before they ended.
        where: The experts that are tried, in words.
        seen: What was measured, in words.
    """

    sure: bool
    where: str
    seen: str


def told(engine: str, version: str | None, options: Sequence[Given], env: Mapping[str, str]) -> Told:
    """What options and variables say.

    Args:
        engine: As the spec names it; others than vLLM are told nothing here.
        version: Its release; None is the newest.
        options: What the user gave beside the spec's fields.
        env: Variables of the container.
    """
    if engine != _ENGINE:
        return Told()
    data, release = numbers(_FILE), release_of(version)
    switches, skip = data["switches"], data["skip"]
    config = json_value(options, switches["json_flag"]) or {}
    switch = last(options, switches["flag"])
    off = switch.off if switch is not None else None
    if off is None and switches["json_key"] in config:
        off = config[switches["json_key"]] is False
    if off is None:
        off = _level(options, switches["level_flags"]) == switches["level_without"]
    names = env.get(skip["variable"], "") if release >= _since(skip["since"]) else ""
    asked = last(options, data["backend_flag"])
    backend = str((asked.value if asked is not None else config.get(data["backend_key"])) or _AUTO)
    offload = next((item for item in options if item.flag in data["offload"]["flags"] and item.value != "0"), None)
    return Told(
        switched_off=off and release >= _since(switches["since"]),
        left_out=frozenset(name.strip() for name in names.split(",") if name.strip()),
        backend=backend.replace("-", "_"),
        offload=offload,
    )


def _level(options: Sequence[Given], flags: Sequence[str]) -> str | None:
    """The optimization level that counts: ``--optimization-level 0``, ``-O 0`` or ``-O0``."""
    levels = {f"{flags[-1]}{level}": str(level) for level in range(4)}
    found = [item.value or levels.get(item.flag, "") for item in options if item.flag in {*flags, *levels}]
    return found[-1] if found else None


def tried_for_experts(facts: ModelFacts, capability: int | None, said: Told) -> str | None:
    """FlashInfer's operation that is tried for routed experts in FP4; None where none is."""
    formats = expert_formats(facts)
    for row in numbers(_FILE)["kernels"]:
        if _holds(row["capability"], capability) and formats & set(row["formats"]) and said.backend in row["asked"]:
            return None if said.switched_off or row["op"] in said.left_out else str(row["op"])
    return None


def expert_formats(facts: ModelFacts) -> set[str]:
    """Formats in four bits that the checkpoint of a model with routed experts has, as the data names them."""
    found = facts.quantization
    if found is None or not facts.is_moe:
        return set()
    return {_FORMATS[rule.scheme.format] for rule in found.rules if rule.scheme.format in _FORMATS}


def slow_trials(facts: ModelFacts, version: str | None, capability: int | None, said: Told) -> Slow | None:
    """Whether trials of this model on such a GPU are among those that took far longer than others."""
    if tried_for_experts(facts, capability, said) is None:
        return None
    data = numbers(_FILE)
    offload, crawling = data["offload"], data["crawling"]
    if said.offload is not None and _holds(offload["capability"], capability):
        return Slow(
            sure=True,
            where="experts that lie in the host's memory, which each trial reads",
            seen=f"{offload['seconds'] / 3600:.0f} h on a GB300 (vllm-project/vllm#58031)",
        )
    crawls = (
        _holds(crawling["capability"], capability)
        and release_of(version) >= _since(crawling["from"])
        and crawling["format"] in expert_formats(facts)
        and said.backend in crawling["asked"]
        and (facts.architecture not in crawling["other"] or said.backend != _AUTO)
    )
    if not crawls:
        return None
    return Slow(
        sure=False,
        where="experts in MXFP4 on compute capability 10.3",
        seen=f"{crawling['least_s'] / 60:.0f} min on a GB300, and a start that was given up after "
        f"{crawling['unfinished_s'] / 60:.0f} min without a line of log (vllm-project/vllm#58031)",
    )


def kept_on(version: str | None) -> Literal["none", "one", "all"]:
    """Whether a later start finds what was tried: never, on one rank, or on all."""
    kept: Literal["none", "one", "all"] = _kept_row(version)["ranks"]
    return kept


def finds_choices(version: str | None, ranks: int) -> bool:
    """Whether a later start of so many ranks finds what an earlier one tried."""
    kept = kept_on(version)
    return kept == "all" or (kept == "one" and ranks == 1)


def gets_stuck(version: str | None, ranks: int) -> bool:
    """Whether ranks wait for one another where some of them find what an earlier start tried."""
    return ranks > 1 and bool(_kept_row(version).get("stuck"))


def kept_folders(folders: tuple[str, ...], version: str | None, ranks: int) -> tuple[str, ...]:
    """Folders of a container's cache that later pods may take over: without choices that its ranks get stuck on."""
    stuck = gets_stuck(version, ranks)
    return tuple(name for name in folders if not stuck or name != numbers(_FILE)["stuck"]["folder"])


def vllm_version(release: EngineRelease | None) -> str | None:
    """The version of vLLM that an engine runs; None for the newest, and for other engines."""
    inner = inner_release(release) if release is not None else None
    return inner.version if inner is not None and inner.engine == _ENGINE else None


def waits_for_rank_0(version: str | None, *, ranks: int, expert: bool, op: str | None, kernel: ExpertKernel) -> bool:
    """Whether a start that finds choices of an earlier one hangs with such experts.

    Args:
        version: The release of vLLM; None is the newest.
        ranks: GPUs of one replica.
        expert: Whether experts are dealt out over them.
        op: FlashInfer's operation that is tried for experts in FP4; None where none is.
        kernel: What multiplies by the matrices of other experts.
    """
    if not gets_stuck(version, ranks):
        return False
    keyed = kernel is ExpertKernel.FLASHINFER_CUTLASS and op is None
    tried = op is not None or kernel in {ExpertKernel.FLASHINFER_CUTLASS, ExpertKernel.FLASHINFER_TRTLLM}
    return (keyed and release_of(version) >= _since(numbers(_FILE)["stuck"]["keyed_since"])) or (tried and expert)


def ways_out(version: str | None, op: str) -> str:
    """What leaves the trials of an operation out, for a release: as a fix reads."""
    data, release = numbers(_FILE), release_of(version)
    skip, switch = data["skip"], f"extra_args=['--no-{data['switches']['flag'].removeprefix('--')}']"
    ways = []
    if release >= _since(skip["since"]):
        ways.append(f"env={{'{skip['variable']}': '{op},{skip['beside']}'}}")
    if release >= _since(data["switches"]["since"]):
        ways.append(switch)
    if release >= _since(data["other_backend_since"]):
        ways.append(f"extra_args=['{data['backend_flag']}', '{data['other_backend']}'], whose kernels are slower")
    return ", or ".join(ways)


def _kept_row(version: str | None) -> dict[str, Any]:
    release = release_of(version)
    rows: list[dict[str, Any]] = numbers(_FILE)["kept"]
    return next(row for row in reversed(rows) if _since(row["from"]) <= release)


def release_of(version: str | None) -> tuple[int, ...]:
    """A version as numbers; one that is none, or None, is the newest."""
    return parse_version(version) or _NEWEST


def _since(text: str) -> tuple[int, ...]:
    return parse_version(text) or ()


def _holds(bounds: Sequence[int], capability: int | None) -> bool:
    return capability is not None and bounds[0] <= capability <= bounds[1]
