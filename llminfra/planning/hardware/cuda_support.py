"""Whether an engine and the CUDA of its image have code for a GPU, and whether the node's driver runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llminfra.catalog.engines import engine_release, known_versions, release_numbers
from llminfra.planning.facts import numbers
from llminfra.planning.hardware.gpu_problem import GpuProblem, dotted, from_capability

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llminfra.catalog.engines import EngineRelease
    from llminfra.catalog.gpus import Gpu

_BLACKWELL = 100
_NO_IMAGE = "CUDA error: no kernel image is available for execution on the device"


def built_for(gpu: Gpu, engine: str, release: EngineRelease | None) -> Iterator[GpuProblem]:
    """The engine has kernels for the GPU's generation, and so has the CUDA of its image, where that is known."""
    cuda_major = release.cuda_major if release else None
    least = int(_fact("least_capability").get("mii" if engine == "deepspeed" else engine, 0))
    if gpu.capability < least:
        yield GpuProblem(
            code="LLM_FIT_27",
            fatal=True,
            field="engine.version",
            message=f"{engine} has no kernels for {gpu.product}",
            found=f"compute capability {gpu.compute_capability}",
            expected=from_capability(least),
            fix="use a newer GPU",
            runtime_message=f"GPUs with compute capability below {dotted(least)} are not supported."
            if engine == "vllm"
            else None,
        )
    dropped = _dropped(cuda_major)
    if gpu.capability < dropped:
        last = _last_with_code(gpu, release) if release is not None else None
        yield GpuProblem(
            code="LLM_FIT_27",
            fatal=True,
            field="engine.version",
            message=f"CUDA {cuda_major} has no code for {gpu.product}",
            found=f"CUDA {cuda_major} on compute capability {gpu.compute_capability}",
            expected=f"{from_capability(dropped)}, or an image with an older CUDA",
            fix=f"use a newer GPU, or a release of the engine with CUDA 12{f', such as {last}' if last else ''}",
            runtime_message=_NO_IMAGE,
        )
    if engine == "vllm" and release is not None and gpu.capability >= _BLACKWELL and _is_too_old(release):
        later = known_versions(release.engine)[known_versions(release.engine).index(release.version) + 1 :]
        found = (engine_release(release.engine, version) for version in later)
        first = next((item.version for item in found if item is not None and not _is_too_old(item)), None)
        yield GpuProblem(
            code="LLM_FIT_27",
            fatal=True,
            field="engine.version",
            message=f"CUDA {release.cuda} has no code for {gpu.product}",
            found=f"CUDA {release.cuda} on compute capability {gpu.compute_capability}",
            expected="an image with CUDA 12.8 or later",
            fix=f"set version={first!r} or a later one" if first else "use a GPU before Blackwell",
            runtime_message=_NO_IMAGE,
        )


def _is_too_old(release: EngineRelease) -> bool:
    """The CUDA of the release was made before Blackwell."""
    return release.cuda is not None and release_numbers(release.cuda) <= release_numbers(_fact("cuda_before_blackwell"))


def _dropped(cuda_major: int | None) -> int:
    """Compute capability, times ten, below which a CUDA release makes no code."""
    return int(_fact("cuda_drops_below").get(str(cuda_major), 0))


def _last_with_code(gpu: Gpu, release: EngineRelease) -> str | None:
    """The newest release of the engine before this one whose CUDA still has code for the GPU."""
    older = known_versions(release.engine)[: known_versions(release.engine).index(release.version)]
    found = (engine_release(release.engine, version) for version in reversed(older))
    known = (item for item in found if item is not None and item.cuda_major is not None)
    return next((item.version for item in known if gpu.capability >= _dropped(item.cuda_major)), None)


def driver_problem(cuda_major: int | None, driver_version: str, driver_cuda_major: int) -> GpuProblem | None:
    """The image's CUDA against the node's driver; ``None`` where they go together or the image's is unknown."""
    if cuda_major is None or cuda_major <= driver_cuda_major:
        return None
    return GpuProblem(
        code="LLM_FIT_29",
        fatal=True,
        field="engine.image",
        message=f"the image needs CUDA {cuda_major}, and the nodes' driver {driver_version} has CUDA "
        f"{driver_cuda_major}",
        found=f"CUDA {cuda_major}",
        expected=f"CUDA {driver_cuda_major} or below",
        fix="use an engine version built for the driver's CUDA, or a newer node image",
        runtime_message="CUDA error: the provided PTX was compiled with an unsupported toolchain; "
        "forward compatibility was attempted on non supported HW",
    )


def _fact(name: str) -> Any:
    return numbers("gpu_support")[name]["value"]
