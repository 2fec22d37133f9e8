"""``llminfra fit``: memory of one serving configuration, or of one a line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llminfra.cli.options import AsJson
from llminfra.diagnostics import UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType


def fit(
    model: Annotated[
        str | None, typer.Argument(metavar="MODEL", help="Hugging Face id of the model, or its folder.")
    ] = None,
    gpu: Annotated[str | None, typer.Option(help="GPU such as H100-80GB, or an EC2 instance type.")] = None,
    tp: Annotated[
        int | None, typer.Option("--tp", "--tensor-parallel", "--tensor-parallel-size", help="Tensor parallel size.")
    ] = None,
    pp: Annotated[
        int | None,
        typer.Option("--pp", "--pipeline-parallel", "--pipeline-parallel-size", help="Pipeline parallel size."),
    ] = None,
    dp: Annotated[
        int | None, typer.Option("--dp", "--data-parallel", "--data-parallel-size", help="Data parallel size.")
    ] = None,
    expert_parallel: Annotated[bool | None, typer.Option("--ep", help="Spread experts over all GPUs.")] = None,
    max_model_len: Annotated[
        str | None, typer.Option(help="Context length in tokens: 32768, 32,768 or 32K; 32k is 32,000, as in vLLM.")
    ] = None,
    max_num_seqs: Annotated[int | None, typer.Option(help="Most sequences in a batch.")] = None,
    max_num_batched_tokens: Annotated[str | None, typer.Option(help="Most tokens in a scheduler step.")] = None,
    gpu_memory_utilization: Annotated[
        str | None,
        typer.Option(
            "--gpu-memory-utilization", "--mem-fraction-static", help="Share of GPU memory, 0 to 1 or a percentage."
        ),
    ] = None,
    quantization: Annotated[str | None, typer.Option(help="fp8, awq, gptq, mxfp4, …")] = None,
    dtype: Annotated[str | None, typer.Option(help="bfloat16, float16, float32 or auto.")] = None,
    kv_cache_dtype: Annotated[str | None, typer.Option(help="auto, fp8, nvfp4, …")] = None,
    block_size: Annotated[int | None, typer.Option(help="Tokens per cache block.")] = None,
    enforce_eager: Annotated[bool | None, typer.Option("--enforce-eager", help="Without CUDA graphs.")] = None,
    language_model_only: Annotated[
        bool | None, typer.Option("--language-model-only", help="Text alone: towers for images and sound stay out.")
    ] = None,
    limit_mm_per_prompt: Annotated[
        str | None, typer.Option(help='Most images, videos, clips of a request, as {"image": 4} or image=4,video=0.')
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(help="generate, embed, rerank, classify, reward or transcribe; default: what it was made for."),
    ] = None,
    enable_lora: Annotated[
        bool | None, typer.Option("--enable-lora", help="Places for LoRA adapters; so do the next four options.")
    ] = None,
    max_loras: Annotated[
        int | None, typer.Option("--max-loras", "--max-loras-per-batch", help="Adapters on the GPU at once.")
    ] = None,
    max_lora_rank: Annotated[int | None, typer.Option(help="Largest rank of an adapter.")] = None,
    lora_target_modules: Annotated[
        str | None, typer.Option(help="Modules that have places, as q_proj,v_proj; all of them where left out.")
    ] = None,
    fully_sharded_loras: Annotated[
        bool | None, typer.Option("--fully-sharded-loras", help="Both matrices of an adapter are cut by the ranks.")
    ] = None,
    draft: Annotated[
        str | None,
        typer.Option(
            "--draft",
            "--draft-model",
            "--spec-model",
            "--speculative-draft-model-path",
            help="Hugging Face id of what guesses tokens: an EAGLE head, a small model.",
        ),
    ] = None,
    draft_config: Annotated[
        Path | None, typer.Option(help="Its config.json, or its folder, for a draft that the catalog lacks.")
    ] = None,
    draft_tp: Annotated[
        int | None,
        typer.Option("--draft-tp", "--draft-tensor-parallel-size", help="Its tensor parallel size; the model's."),
    ] = None,
    speculative_method: Annotated[
        str | None,
        typer.Option(
            "--speculative-method", "--spec-method", help="mtp, eagle, eagle3, dflash, medusa, draft_model, ngram …"
        ),
    ] = None,
    speculative_config: Annotated[
        str | None, typer.Option("--speculative-config", "-sc", help="The same as the JSON that vLLM takes.")
    ] = None,
    speculative_tokens: Annotated[
        int | None,
        typer.Option(
            "--speculative-tokens",
            "--spec-tokens",
            "--num-speculative-tokens",
            help="Tokens that are guessed in a step.",
        ),
    ] = None,
    engine: Annotated[str | None, typer.Option(help="vllm, sglang, tgi, trtllm, djl-lmi or mii.")] = None,
    engine_version: Annotated[
        str | None, typer.Option(help="Such as 0.11.0; without it the release that a spec gets, too.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="A config.json, or its folder, for a model that the catalog lacks.")
    ] = None,
    jsonl: Annotated[
        Path | None, typer.Option(help="Read one case a line (- for stdin), write one result a line.", allow_dash=True)
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option(min=1, help="Requests of full length that a replica must hold; callers of the figures of speed."),
    ] = None,
    region: Annotated[str | None, typer.Option(help="Region of the prices; us-east-1.")] = None,
    prompt_tokens: Annotated[int | None, typer.Option(min=1, help="Typical prompt; 1024.")] = None,
    output_tokens: Annotated[int | None, typer.Option(min=1, help="Typical answer; 256.")] = None,
    sort: Annotated[str | None, typer.Option(help="Instance types by price of instance, replica or tokens.")] = None,
    purchase: Annotated[
        str | None,
        typer.Option(help="Prices of on-demand, spot, reserved, savings-plan or capacity-block instances."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compute the memory of one serving configuration per GPU, and tell what it costs and how fast it is.

    Without --gpu, list every instance type with the spread that a plan takes there, its speed and its price. Several
    values with commas between them (--engine vllm,sglang --quantization none,fp8) are compared, a row each.

    Exits with 1 when the configuration does not fit or holds fewer requests than --concurrency, or nothing does.
    """
    wishes = {
        "concurrency": concurrency,
        "region": region,
        "prompt_tokens": prompt_tokens,
        "output_tokens": output_tokens,
        "sort_by": sort,
        "purchase": purchase,
    }
    wishes = {name: value for name, value in wishes.items() if value is not None}
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
        "language_model_only": language_model_only,
        "limit_mm_per_prompt": limit_mm_per_prompt,
        "task": task,
        "enable_lora": enable_lora,
        "max_loras": max_loras,
        "max_lora_rank": max_lora_rank,
        "lora_target_modules": lora_target_modules,
        "fully_sharded_loras": fully_sharded_loras,
        "draft_model": draft,
        "draft_tensor_parallel": draft_tp,
        "speculative_method": speculative_method,
        "speculative_tokens": speculative_tokens,
        "speculative_config": speculative_config,
        "engine": engine,
        "engine_version": engine_version,
    }
    given = {name: value for name, value in given.items() if value is not None}
    if jsonl is not None:
        if model is not None or given or wishes or config is not None or draft_config is not None:
            msg = "--jsonl takes everything from its lines; leave out MODEL and the other options"
            raise UsageError(msg)
        _stream(jsonl)
        return
    if not (model or "").strip() and config is None:
        msg = "name a MODEL, or pass --config or --jsonl"
        raise UsageError(msg)
    config = config or _local(model or "")
    case: dict[str, object] = {"model": model or str(config), **given}
    _add_config(case, draft_config, "draft_config")
    if _compared(case, config, as_json, wishes):
        return
    if gpu is None:
        _list(case, config, as_json, wishes)
        return
    _one(case, config, as_json, wishes)


def _list(case: dict[str, object], config: Path | None, as_json: bool, wishes: dict[str, Any]) -> None:
    from llminfra.cli.fitting.asked import find_options, plain_options  # when it runs
    from llminfra.cli.fitting.instance_types import options_view
    from llminfra.cli.fitting.wish import Wish

    _add_config(case, config)
    wish = Wish(**wishes)
    asked, options = find_options(case, wish, config=config)
    _answer(
        lambda: plain_options(asked, options),
        lambda width: options_view(asked, options, wish, width),
        as_json=as_json,
        fits=any(option.fits for option in options),
    )


def _compared(case: dict[str, object], config: Path | None, as_json: bool, wishes: dict[str, Any]) -> bool:
    """Whether an option names several values, and was answered by a row for each combination."""
    if not any("," in str(text) for text in (*case.values(), *wishes.values())):
        return False
    from llminfra.cli.fitting.compare import compare, compared_view, plain_rows, several  # when it runs
    from llminfra.cli.fitting.wish import Wish

    lists = several({**case, "purchase": wishes.get("purchase")})
    if not lists:
        return False
    _add_config(case, config)
    wish = Wish(**wishes)
    rows = compare(case, lists, wish, config=config)
    _answer(
        lambda: plain_rows(rows),
        lambda width: compared_view(rows, wish, width),
        as_json=as_json,
        fits=any(row.option.fits for row in rows),
    )
    return True


def _answer(plain: Callable[[], object], view: Callable[[int], RenderableType], *, as_json: bool, fits: bool) -> None:
    """Print it for a program or for a person; exit with 1 where nothing fits."""
    from llminfra.cli.terminal.output import print_result, stdout_console, write_json  # when it runs

    if as_json:
        write_json(plain())
    else:
        console = stdout_console()
        print_result(view(console.width), console)
    if not fits:
        raise typer.Exit(1)


def _local(model: str) -> Path | None:
    from llminfra.cli.fitting.request import local_config  # loaded when the command runs

    return local_config(model)


def _add_config(case: dict[str, object], config: Path | None, key: str = "config") -> None:
    from llminfra.catalog.models.config_file import read_config  # loaded when the command runs

    if config is not None:
        _, case[key] = read_config(config)


def _stream(path: Path) -> None:
    """Results come line by line, so that a reader of a pipe sees each as soon as it is there."""
    import sys  # loaded when the command runs

    from llminfra.planning.memory import fit_jsonl

    if str(path) == "-":
        # Bytes, because one that is not UTF-8 must not stop the lines after it.
        for line in fit_jsonl(sys.stdin.buffer):
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
        return
    try:
        with path.open("rb") as lines:
            for line in fit_jsonl(lines):
                sys.stdout.write(f"{line}\n")
    except BrokenPipeError:
        raise
    except OSError as error:
        msg = f"cannot read {path}: {error.strerror or error}"
        raise UsageError(msg) from None


def _one(given: dict[str, object], config: Path | None, as_json: bool, wishes: dict[str, Any]) -> None:
    from llminfra.cli.fitting.asked import check_wish
    from llminfra.cli.fitting.home import find_home, plain_home
    from llminfra.cli.fitting.machine import batch_words, machine_line
    from llminfra.cli.fitting.request import check_beside, copies_note, read_case, size_note, unknown_model
    from llminfra.cli.fitting.wish import Wish
    from llminfra.cli.terminal.output import print_result, stdout_console, write_json
    from llminfra.planning.memory.judged import judge
    from llminfra.planning.selection.ways_out import wants, ways_out

    wish = Wish(**wishes)
    check_wish(wish)
    _add_config(given, config)
    case = read_case(given)
    check_beside(case)
    result = judge(case)
    if notes := (*size_note(case, config), *copies_note(case, result)):
        result = result.model_copy(update={"findings": (*result.findings, *notes)})
    ways = () if result.error else ways_out(case, result, wished=wish.concurrency)
    home = find_home(given, case, result, wish, config=config)
    if as_json:
        plain = result.model_dump(mode="json")
        write_json({**plain, "ways_out": [way.plain() for way in ways], **plain_home(home)})
    elif result.error:
        raise unknown_model(case.model) if case.config is None else UsageError(result.error)
    else:
        from llminfra.cli.fitting.home_view import home_lines
        from llminfra.cli.fitting.view import fit_view  # rich only for people

        console = stdout_console()
        beside = tuple(home_lines(home, case, wish)) if result.fits else ()
        machine, batch = machine_line(case, result), batch_words(case, result)
        view = fit_view(
            result, console.width, machine=machine, batch=batch, ways=ways, beside=beside, wished=wish.concurrency
        )
        print_result(view, console)
    if result.error:
        raise typer.Exit(2)
    if result.fits is False or (wish.concurrency > 1 and wants(result, wish.concurrency)):
        raise typer.Exit(1)
