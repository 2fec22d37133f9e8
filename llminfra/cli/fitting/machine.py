"""The machine that a configuration of ``llminfra fit`` was judged on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llminfra.catalog.gpus import Gpu
    from llminfra.planning.memory import FitCase, FitResult


def device_of(case: FitCase) -> Gpu | None:
    """The GPU that was taken for what ``--gpu`` says."""
    from llminfra.catalog.gpus import find_gpu, gpu_of_stated_size
    from llminfra.planning.memory.refusals import on_device

    name = on_device(case).gpu
    return (find_gpu(name) or gpu_of_stated_size(name)) if name else None


def machine_line(case: FitCase, result: FitResult) -> str:
    """Engine, release, and the GPUs that were taken, with the memory that their driver reports."""
    from llminfra.catalog import instances

    gpu = device_of(case)
    text = f"{result.engine} {result.engine_version}"
    if gpu is None:
        return text
    count = (result.tensor_parallel or 1) * (result.pipeline_parallel or 1) * (case.data_parallel or 1)
    text += f" on {count} × {gpu.product}, {gpu.memory_gib:.1f} GiB each"
    typed = instances.get((case.gpu or "").strip().lower().removeprefix("ml."))
    if typed is not None and typed.gpu is not None:
        return f"{text}; {typed.name} has {typed.gpu.count}"
    return f"{text} ({gpu.memory_source})" if not gpu.tflops else text


def batch_words(case: FitCase, result: FitResult) -> str:
    """How many sequences were counted with where nobody said it, and what a spec has then; empty: both are the same."""
    from llminfra.planning.served.engine_settings import MAX_NUM_SEQS

    taken = result.max_num_seqs
    if case.max_num_seqs is not None or taken is None or taken == MAX_NUM_SEQS:
        return ""
    own = f"at most {taken:,} sequences in a batch, the engine's default"
    return f"{own}; a plan has {MAX_NUM_SEQS:,} where a spec says none"


def types_with(gpu: str) -> tuple[str, ...]:
    """Instance types that ``--gpu`` means: the one that it names, or all with that device; none where none has it.

    Raises:
        UsageError: There is no such device.
    """
    from llminfra.catalog import instances
    from llminfra.catalog.gpus import find_gpu
    from llminfra.cli.fitting.request import check_gpu

    check_gpu(gpu)
    name = gpu.strip().lower().removeprefix("ml.")
    if instances.get(name) is not None:
        return (name,)
    device = find_gpu(gpu)
    return tuple(
        item.name for item in instances.all_gpu_types() if item.gpu and device and find_gpu(item.gpu.device) == device
    )
