"""Inference engines, release by release: flags, environment, metrics, limits and images.

Read from the releases themselves (``scripts/catalog_engines.py``: the argument parsers, environment tables and metric
definitions of the published wheels), so that a flag of one version is never sent to another.
"""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any

from msgspec import Struct

from llminfra.catalog.datafile import read_data
from llminfra.catalog.engine_facts import EngineImage, EngineInfo, EngineName, Platform

#: Engines whose argument parser takes an unambiguous beginning of a flag (argparse's ``allow_abbrev``).
_ABBREVIATING = frozenset({"mii", "sglang"})

#: vLLM reads these before its parser does: vllm/utils/argparse_utils.py (0.13 to 0.33, also ``-O=3`` and ``-O 3``);
#: before, ``-O`` is a flag of the parser, which takes a value without a space.
_OPTIMIZATION = re.compile(r"-O(=?[0-3])?")

#: Suffixes that the Prometheus client adds to a metric's name, by its kind.
_SUFFIXES: Mapping[str, tuple[str, ...]] = {
    "counter": ("_total", "_created"),
    "gauge": ("",),
    "histogram": ("_bucket", "_sum", "_count", "_created"),
    "unknown": ("", "_total", "_bucket", "_sum", "_count"),
}


class EngineRelease(Struct, frozen=True):
    """One release of an engine; cheap to make, as it shares the engine's tables."""

    engine: EngineName
    version: str
    info: EngineInfo
    _index: int
    _data: Mapping[str, Any]

    @property
    def numbers(self) -> tuple[int, ...]:
        """Numbers of the version, such as ``(0, 27, 1)``."""
        return release_numbers(self.version)

    def knows_flag(self, flag: str) -> bool:
        """Whether the release's argument parser accepts the flag.

        Takes ``--max-model-len``, ``--max-model-len=8192``, ``-tp`` and ``--no-`` forms of on/off flags. vLLM also
        takes underscores, dotted keys of JSON flags (``--kv-transfer-config.kv_role``) and an optimization level
        without a space (``-O3``), and Python's plain parser an unambiguous beginning (SGLang's ``--tp`` for
        ``--tp-size``).
        """
        name = self._flag_name(flag)
        if self._has("flags", name):
            return True
        if self._has("negatable", f"--{name.removeprefix('--no-')}") and name.startswith("--no-"):
            return True
        if self.engine == "vllm":
            if _OPTIMIZATION.fullmatch(flag.strip()):
                return any(self._has("flags", known) for known in ("-O", "--optimization-level"))
            head, dot, _ = name.partition(".")
            return bool(dot) and self._has("flags", head)
        if self.engine in _ABBREVIATING and name.startswith("--") and len(name) > 3:
            return sum(known.startswith(name) for known in self.flags()) == 1
        return False

    def flags(self) -> tuple[str, ...]:
        """Every flag of the release, sorted."""
        return _flags(self.engine, self.version)

    def suggest_flag(self, flag: str) -> tuple[str, ...]:
        """Up to three flags of this release that are spelled alike."""
        return tuple(get_close_matches(self._flag_name(flag), self.flags(), n=3, cutoff=0.6))

    def added_in(self, flag: str) -> str | None:
        """First known release that has the flag, or ``None`` where none has."""
        spans = self._spans("flags", self._flag_name(flag))
        return self._versions[spans[0][0]] if spans else None

    def removed_in(self, flag: str) -> str | None:
        """First known release without the flag after one that had it, at or before this release."""
        before = [last for _, last in self._spans("flags", self._flag_name(flag)) if last < self._index]
        if not before or self.knows_flag(flag):
            return None
        return self._versions[max(before) + 1]

    def knows_env(self, name: str) -> bool:
        """Whether the release reads the environment variable.

        Only the engine's own variables are listed (``VLLM_…``); those of libraries below it are not.
        """
        if any(name.startswith(prefix) for prefix in self._data.get("env_prefixes", ())):
            return True
        return self._has("env", name)

    def env_removed_in(self, name: str) -> str | None:
        """First known release that no longer reads the variable, at or before this release."""
        before = [last for _, last in self._spans("env", name) if last < self._index]
        return None if not before or self.knows_env(name) else self._versions[max(before) + 1]

    def env_added_in(self, name: str) -> str | None:
        """First known release that reads the variable, or ``None`` where none does."""
        spans = self._spans("env", name)
        return self._versions[spans[0][0]] if spans else None

    def knows_metric(self, name: str) -> bool:
        """Whether the release exposes the time series by default, under exactly this name.

        Takes names as Prometheus shows them: ``vllm:num_preemptions_total``, ``…_seconds_bucket``. Metrics that the
        release shows only with ``--show-hidden-metrics-for-version`` are not known.
        """
        return name in _exposed(self.engine, self.version)

    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics as the release declares them (Prometheus adds ``_total``, ``_bucket`` and the like)."""
        return tuple(base for base, _ in self._metrics(hidden=False))

    def metric_kinds(self) -> tuple[tuple[str, str], ...]:
        """Each of :meth:`metrics` with its kind: ``counter``, ``gauge``, ``histogram`` or ``unknown``."""
        return tuple(self._metrics(hidden=False))

    def hidden_metrics(self) -> tuple[str, ...]:
        """Metrics that exist only with ``--show-hidden-metrics-for-version``."""
        return tuple(base for base, _ in self._metrics(hidden=True))

    def quantizations(self) -> tuple[str, ...]:
        """Values of the quantization flag, sorted."""
        return tuple(name for name in self._data.get("quantizations", {}) if self._has("quantizations", name))

    def min_compute_capability(self, quantization: str) -> int | None:
        """Lowest compute capability times ten that the release's kernels take, such as 75 for a T4.

        ``None`` where the release does not know the method or does not say. A method can start below its native
        capability through a weight-only fallback: see ``note`` of the engine.
        """
        found = self._valued("min_capability", quantization)
        return None if found is None else int(found)

    def pipeline_of(self, architecture: str) -> bool | None:
        """Whether the release cuts a model class into pipeline stages; ``None`` where it does not know the class."""
        if not self._has("architectures", architecture):
            return None
        return self._has("pipeline_architectures", architecture)

    @property
    def lists_architectures(self) -> bool:
        """Whether the catalog knows which model classes the engine's releases have."""
        return "architectures" in read_data(f"engines/{self.engine}.json")

    def has_architecture(self, architecture: str) -> bool:
        """Whether the release has code for a model class by its name in ``architectures``."""
        return self._has("architectures", architecture)

    def all2all_backends(self) -> tuple[str, ...]:
        """Values of the flag that says how tokens reach experts on other GPUs, sorted; empty where nobody knows."""
        return tuple(name for name in self._data.get("all2all_backends", {}) if self._has("all2all_backends", name))

    @property
    def brings_ray(self) -> bool:
        """Whether the release's package depends on Ray, so that its images have it."""
        return self._setting("brings_ray") is not None

    @property
    def gpu_memory_utilization(self) -> float | None:
        """Share of GPU memory the release claims by default, or ``None`` where it has no such fixed default."""
        found = self._setting("gpu_memory_utilization")
        return None if found is None else float(found)

    @property
    def ready_path(self) -> str:
        """Path that answers 200 when the release takes requests: its own, or the engine's."""
        return self._setting("ready_path") or self.info.server.ready_path

    @property
    def cuda(self) -> str | None:
        """CUDA version the release's wheel and official image are built for."""
        return self._setting("cuda")

    @property
    def cuda_major(self) -> int | None:
        """First number of ``cuda``."""
        return None if self.cuda is None else int(self.cuda.partition(".")[0])

    @property
    def vllm(self) -> str | None:
        """The vLLM inside, as the images' own pages state it; ``None`` where the engine is not built around one."""
        return self._setting("vllm")

    @property
    def torch(self) -> str | None:
        """PyTorch version the release pins."""
        return self._setting("torch")

    def images(self) -> tuple[EngineImage, ...]:
        """Every known image of this release: the official one first, then AWS Deep Learning Containers."""
        found = []
        official = self._data.get("official_image")
        if official is not None and self.cuda is not None:
            tag = official["tag"].format(version=self.version)
            found.append(
                EngineImage(
                    repository=official["repository"],
                    tag=tag,
                    engine_version=self.version,
                    cuda=self.cuda,
                    efa=official["efa"],
                    source=official["source"],
                )
            )
        found.extend(
            EngineImage(**row) for row in self._data.get("images", ()) if row["engine_version"] == self.version
        )
        return tuple(found)

    def image(self, *, efa: bool = False, platform: Platform = "kubernetes") -> EngineImage | None:
        """The image to use; with ``efa`` one that has the EFA userspace, or ``None`` where there is none."""
        for item in self.images():
            if item.platform == platform and (item.efa or not efa):
                return item
        return None

    def _flag_name(self, flag: str) -> str:
        """``--max_model_len=8192`` to ``--max-model-len``; keys after a dot keep their spelling."""
        name = flag.partition("=")[0].strip()
        if self.engine != "vllm":
            return name
        head, dot, rest = name.partition(".")
        return head.replace("_", "-") + dot + rest

    @property
    def _versions(self) -> tuple[str, ...]:
        return known_versions(self.engine)

    def _has(self, table: str, name: str) -> bool:
        return any(first <= self._index <= last for first, last in self._spans(table, name))

    def _spans(self, table: str, name: str) -> list[tuple[int, int]]:
        return _spans(self._data.get(table, {}).get(name, ""))

    def _valued(self, table: str, name: str) -> str | None:
        for value, text in self._data.get(table, {}).get(name, {}).items():
            if any(first <= self._index <= last for first, last in _spans(text)):
                found: str = value
                return found
        return None

    def _setting(self, name: str) -> str | None:
        return self._valued("settings", name)

    def _metrics(self, *, hidden: bool) -> list[tuple[str, str]]:
        table = self._data.get("hidden_metrics" if hidden else "metrics", {})
        return [
            (base, kind)
            for base, kinds in table.items()
            for kind, text in kinds.items()
            if any(first <= self._index <= last for first, last in _spans(text))
        ]


@cache
def _flags(engine: EngineName, version: str) -> tuple[str, ...]:
    """Every flag of a release, asked for by each argument of each container."""
    release = engine_release(engine, version)
    if release is None:
        return ()
    return tuple(name for name in release._data["flags"] if release._has("flags", name))  # noqa: SLF001  # the same module


@cache
def _exposed(engine: EngineName, version: str) -> frozenset[str]:
    """Every time series of a release, asked for by each alert of each endpoint."""
    release = engine_release(engine, version)
    known = release._metrics(hidden=False) if release else []  # noqa: SLF001  # the same module
    names = {base + suffix for base, kind in known for suffix in _SUFFIXES[kind]}
    return frozenset(names | {base for base, kind in known if kind == "counter" and base.endswith("_total")})


@cache
def engine_info(engine: EngineName) -> EngineInfo:
    """Status, ports and sources of an engine."""
    data = read_data(f"engines/{engine}.json")
    return EngineInfo(name=engine, sources=data["_source"], **data["info"])


@cache
def known_versions(engine: EngineName) -> tuple[str, ...]:
    """Every release in the catalog, oldest first."""
    return tuple(read_data(f"engines/{engine}.json")["versions"])


@cache
def engine_release(engine: EngineName, version: str) -> EngineRelease | None:
    """The release, or ``None`` where the catalog lacks it; ``v0.27.1`` and ``0.27.1`` are the same."""
    wanted = version.removeprefix("v")
    versions = known_versions(engine)
    if wanted not in versions:
        return None
    data = read_data(f"engines/{engine}.json")
    return EngineRelease(engine, wanted, engine_info(engine), versions.index(wanted), data)


def inner_release(release: EngineRelease) -> EngineRelease:
    """The release whose code runs the model: the vLLM inside a container, else the release itself.

    Where the catalog lacks that vLLM, the one before it is taken, or the oldest: builds of AWS's own carry numbers that
    vLLM never had (0.23.1 is built on 0.23.0).
    """
    if release.vllm is None:
        return release
    wanted = release_numbers(release.vllm)
    known = known_versions("vllm")
    version = next((item for item in reversed(known) if release_numbers(item) <= wanted), known[0])
    return engine_release("vllm", version) or release


def lists_architecture(engine: EngineName, architecture: str) -> bool:
    """Whether any release in the catalog has code for a model class by its name in ``architectures``."""
    return architecture in read_data(f"engines/{engine}.json")["architectures"]


def is_since(release: EngineRelease, since: str) -> bool:
    """Whether a release is ``since`` or later, by their order in the catalog; ``""`` is before all."""
    known = known_versions(release.engine)
    return not since or known.index(release.version) >= known.index(since)


def suggest_version(engine: EngineName, version: str) -> tuple[str, ...]:
    """Up to three known releases, the nearest to ``version`` by number first; the newest for what is no number."""
    versions = known_versions(engine)
    wanted = release_numbers(version)
    older = [item for item in versions if not wanted or release_numbers(item) <= wanted]
    newer = [item for item in versions if item not in older]
    found = [*reversed(older[-3:])]
    # A line without its patch means the newest patch of it.
    line = [item for item in newer if wanted and release_numbers(item)[: len(wanted)] == wanted]
    if line or (found and release_numbers(found[0])[: len(wanted)] == wanted != release_numbers(found[0])):
        return tuple([*reversed(line), *found][:3])
    # The release after it may be what was meant; the third is then older still.
    found[1:1] = newer[:1] if found else newer[:3]
    return tuple(found[:3])


def release_numbers(version: str) -> tuple[int, ...]:
    """``v0.27.1.post1`` to ``(0, 27, 1)``; nothing where it does not start with a number."""
    found = re.match(r"v?([0-9]{1,9}(?:\.[0-9]{1,9})*)", version)
    return tuple(int(part) for part in found[1].split(".")) if found else ()


@cache
def _spans(text: str) -> list[tuple[int, int]]:
    """``"0-4,7"`` to ``[(0, 4), (7, 7)]``: positions in the list of versions."""
    found = []
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found.append((int(first), int(last or first)))
    return found
