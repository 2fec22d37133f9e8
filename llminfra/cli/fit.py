"""``llminfra fit``: memory of one serving configuration, or of one a line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from llminfra.cli.options import AsJson
from llminfra.diagnostics import UsageError


def fit(
    model: Annotated[str | None, typer.Argument(metavar="MODEL", help="Hugging Face id of the model.")] = None,
    gpu: Annotated[str | None, typer.Option(help="GPU such as H100-80GB, or an EC2 instance type.")] = None,
    tp: Annotated[int | None, typer.Option("--tp", "--tensor-parallel", help="Tensor parallel size.")] = None,
    pp: Annotated[int | None, typer.Option("--pp", "--pipeline-parallel", help="Pipeline parallel size.")] = None,
    dp: Annotated[int | None, typer.Option("--dp", "--data-parallel", help="Data parallel size.")] = None,
    expert_parallel: Annotated[bool | None, typer.Option("--ep", help="Spread experts over all GPUs.")] = None,
    max_model_len: Annotated[int | None, typer.Option(help="Context length, tokens.")] = None,
    max_num_seqs: Annotated[int | None, typer.Option(help="Most sequences in a batch.")] = None,
    max_num_batched_tokens: Annotated[int | None, typer.Option(help="Most tokens in a scheduler step.")] = None,
    gpu_memory_utilization: Annotated[float | None, typer.Option(help="Share of GPU memory, 0 to 1.")] = None,
    quantization: Annotated[str | None, typer.Option(help="fp8, awq, gptq, …")] = None,
    dtype: Annotated[str | None, typer.Option(help="bfloat16, float16 or auto.")] = None,
    kv_cache_dtype: Annotated[str | None, typer.Option(help="auto or fp8.")] = None,
    block_size: Annotated[int | None, typer.Option(help="Tokens per cache block.")] = None,
    enforce_eager: Annotated[bool | None, typer.Option("--enforce-eager", help="Without CUDA graphs.")] = None,
    engine: Annotated[str | None, typer.Option(help="vllm, sglang, tgi or deepspeed.")] = None,
    engine_version: Annotated[str | None, typer.Option(help="Such as 0.11.0.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="A config.json, for a model that the catalog lacks.", dir_okay=False)
    ] = None,
    jsonl: Annotated[
        Path | None, typer.Option(help="Read one case a line (- for stdin), write one result a line.", allow_dash=True)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compute the memory of one serving configuration per GPU: weights, KV cache, concurrency.

    Exits with 1 when the configuration does not fit.
    """
    given = {
        "gpu": gpu,
        "tensor_parallel": tp,
        "pipeline_parallel": pp,
        "data_parallel": dp,
        "expert_parallel": expert_parallel,
        "max_model_len": max_model_len,
        "max_num_seqs": max_num_seqs,
        "max_num_batched_tokens": max_num_batched_tokens,
        "gpu_memory_utilization": gpu_memory_utilization,
        "quantization": quantization,
        "dtype": dtype,
        "kv_cache_dtype": kv_cache_dtype,
        "block_size": block_size,
        "enforce_eager": enforce_eager,
        "engine": engine,
        "engine_version": engine_version,
    }
    given = {name: value for name, value in given.items() if value is not None}
    if jsonl is not None:
        if model is not None or given or config is not None:
            msg = "--jsonl takes everything from its lines; leave out MODEL and the other options"
            raise UsageError(msg)
        _stream(jsonl)
        return
    if model is None and config is None:
        msg = "name a MODEL, or pass --config or --jsonl"
        raise UsageError(msg)
    _one({"model": model or str(config), **given}, config, as_json)


def _stream(path: Path) -> None:
    """Results come line by line, so that a reader of a pipe sees each as soon as it is there."""
    import sys  # noqa: PLC0415  # loaded when the command runs

    from llminfra.planning.memory import fit_jsonl  # noqa: PLC0415

    if str(path) == "-":
        for line in fit_jsonl(sys.stdin):
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
        return
    try:
        with path.open(encoding="utf-8") as lines:
            for line in fit_jsonl(lines):
                sys.stdout.write(f"{line}\n")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"cannot read {path}: {error}"
        raise UsageError(msg) from None


def _one(given: dict[str, object], config: Path | None, as_json: bool) -> None:
    import json  # noqa: PLC0415  # loaded when the command runs

    from llminfra.planning.memory import fit_line  # noqa: PLC0415

    if config is not None:
        try:
            given["config"] = json.loads(config.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            msg = f"cannot read {config}: {error}"
            raise UsageError(msg) from None
    result = fit_line(json.dumps(given))
    if as_json:
        from llminfra.cli.output import write_json  # noqa: PLC0415

        write_json(result.model_dump(mode="json"))
    else:
        from llminfra.cli.fit_view import fit_view  # noqa: PLC0415  # rich only for people
        from llminfra.cli.output import print_result, stdout_console  # noqa: PLC0415

        console = stdout_console()
        print_result(fit_view(result, console.width), console)
    if result.error or result.fits is False:
        raise typer.Exit(1)
