"""What the trial of Triton's kernels leaves on the device when nothing has been tried before.

A kernel that spills registers has its stack in the device's memory, and the driver reserves it for every thread that
the device can hold. It grows with the largest stack that any launch asked for and does not shrink again, so a shape
that is tried once and rejected is paid for until the process ends. ``data/triton_trials.json`` has the stacks.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from llminfra.catalog.datafile import read_json
from llminfra.catalog.models.mixers import GatedDeltaNet
from llminfra.planning.memory.releases.engine_profile import parse_version

if TYPE_CHECKING:
    from llminfra.catalog.gpus import Gpu
    from llminfra.catalog.models.facts import ModelFacts
    from llminfra.planning.memory.releases.engine_profile import EngineProfile


@cache
def trial_data() -> dict[str, Any]:
    """The parsed data file; callers must not change it."""
    return read_json("llminfra.planning.memory", "triton_trials.json")


def trial_bytes(facts: ModelFacts, profile: EngineProfile, gpu: Gpu | None, *, tried: bool) -> int:
    """Local memory that trials leave on one device, beyond what every process has.

    Args:
        facts: The model; layers with the gated delta rule have kernels that are tried.
        profile: The release, which comes with a release of Triton.
        gpu: The device; None is not known, and nothing is counted.
        tried: Whether an earlier start left its choices in Triton's cache.
    """
    data = trial_data()
    threads = data["resident_threads"].get(str(gpu.capability)) if gpu is not None else None
    if tried or gpu is None or threads is None:
        return 0
    mixers = {layer.mixer for layer in facts.layers if isinstance(layer.mixer, GatedDeltaNet)}
    frame = max((_gated_delta_frame(mixer, profile, gpu) for mixer in mixers), default=0)
    return max(0, frame - int(data["default_stack_bytes"])) * gpu.multiprocessors * int(threads)


def _gated_delta_frame(mixer: GatedDeltaNet, profile: EngineProfile, gpu: Gpu) -> int:
    """Stack of a thread of the largest shape that is tried, in bytes; 0 where no shape of that size is tried."""
    table = trial_data()["gated_delta"]
    if gpu.capability != table["capability"] or min(mixer.key_dim, mixer.value_dim) < table["head_dim"]:
        return 0
    ratio = str(mixer.value_heads // mixer.key_heads)
    frame = 0
    for row in table["frame_bytes"]:
        since = parse_version(row["from"])
        if since is not None and since <= profile.version:
            frame = int(row.get(ratio, frame))
    return frame
