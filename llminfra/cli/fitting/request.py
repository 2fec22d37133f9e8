"""Options of ``llminfra fit`` to a case: what no engine knows is an error of the call, not a result."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from llminfra.catalog.models.quantization_names import FORMATS
from llminfra.diagnostics import UsageError
from llminfra.planning.memory.inputs.case import CATALOG_NAMES

if TYPE_CHECKING:
    from llminfra.planning.memory import FitCase, FitResult

_FLAGS: Mapping[str, str] = {
    "tensor_parallel": "--tp",
    "pipeline_parallel": "--pp",
    "data_parallel": "--dp",
    "expert_parallel": "--ep",
    "model": "MODEL",
    "draft_model": "--draft",
    "draft_tensor_parallel": "--draft-tp",
}
_DTYPES: Mapping[str, str] = {"half": "float16", "fp16": "float16", "bf16": "bfloat16", "float": "float32"}
_OWN_BUILD = re.compile(r"dev|rc|post|\+|[0-9]a[0-9]|[0-9]b[0-9]")


def read_case(given: Mapping[str, object]) -> FitCase:
    """The case that the options describe, at the engine's pinned release where none is named.

    Raises:
        UsageError: An option is out of range, or names what nobody knows.
    """
    from pydantic import ValidationError  # loaded when the command runs

    from llminfra.planning.memory import FitCase
    from llminfra.planning.memory.inputs.keys import renamed
    from llminfra.planning.memory.inputs.refused import refusals

    try:
        case = FitCase.model_validate(renamed(given))
    except ValidationError as error:
        raise UsageError("; ".join(refusals(error.errors(), _flag, repr))) from None
    except ValueError as error:
        raise UsageError(_in_flags(str(error))) from None
    if case.engine not in CATALOG_NAMES:
        raise UsageError(_unknown("--engine", case.engine, tuple(CATALOG_NAMES)))
    case = case.model_copy(update={"engine_version": _version(case)})
    _check_names(case)
    if case.gpu is not None:
        check_gpu(case.gpu)
    dtype = (case.dtype or "auto").lower().removeprefix("torch.")
    method = (case.quantization or "none").lower()
    return case.model_copy(
        update={
            "dtype": None if dtype == "auto" else _DTYPES.get(dtype, dtype),
            "kv_cache_dtype": case.kv_cache_dtype and case.kv_cache_dtype.lower(),
            "quantization": None if method == "none" else method,
        }
    )


def check_beside(case: FitCase) -> None:
    """Whether what is asked for beside the model is known and goes with it.

    Raises:
        UsageError: A draft that nobody knows or that is another model's, adapters of modules that it has not.
    """
    from llminfra.catalog.models import ModelConfigError
    from llminfra.planning.memory.beside.asked import guesses_unnamed, problem
    from llminfra.planning.memory.estimate import facts_for

    try:
        facts = facts_for(case)
    except ModelConfigError:
        return  # what is wrong with the model itself is told where it is computed
    wrong = None if facts is None else problem(facts, case) or guesses_unnamed(facts, case)
    if wrong is not None:
        raise UsageError(_in_flags(wrong))


def local_config(name: str) -> Path | None:
    """The file or folder that a MODEL is, as engines take it; ``None`` for one of the catalog, and where none is."""
    from llminfra.catalog.models import load_model

    path = Path(name).expanduser()
    file = path / "config.json" if path.is_dir() else path
    there = file.suffix == ".json" and file.is_file()
    return path if there and load_model(name) is None else None


def size_note(case: FitCase, config: Path | None) -> tuple[str, ...]:
    """What is said where the weights beside a config.json are not as large as its shapes."""
    from llminfra.planning.memory.estimate import facts_for
    from llminfra.planning.served.endpoint_model import differing_size

    if config is None:
        return ()
    facts = facts_for(case.model_copy(update={"quantization": None}))
    found = None if facts is None else differing_size(facts, config / "config.json" if config.is_dir() else config)
    return (
        () if found is None else (f"LLM_FIT_37: the weights are not as large as their config.json suggests: {found}",)
    )


def copies_note(case: FitCase, result: FitResult) -> tuple[str, ...]:
    """Repositories of the catalog that have the weights of a model by the method that its own lack."""
    from llminfra.catalog.models import known_models

    method = (case.quantization or "").lower()
    if not method or not any(item.startswith("LLM_FIT_23:") for item in (result.reason, *result.findings)):
        return ()
    base = case.model.rpartition("/")[2].lower()
    parts = [(name, name.rpartition("/")[2].lower()) for name in known_models()]
    found = [name for name, own in parts if own.startswith(base) and method in own[len(base) :]]
    return (f"the catalog has {', '.join(found[:3])}",) if found else ()


def unknown_model(name: str) -> UsageError:
    """The error for a model that neither the catalog nor a file describes."""
    from shlex import quote  # only for what goes wrong

    from llminfra.catalog.models import suggest

    if name.startswith(("./", "../", "/", "~")):
        return UsageError(f"unknown model {name!r}: no config.json is there")
    close = ", ".join(suggest(name))
    fetched = quote(f"{(name.rpartition('/')[2] or 'model')}.json")
    return UsageError(
        f"unknown model {name!r}{f'; did you mean {close}?' if close else '.'} Another model's config.json goes with"
        f" --config: `llminfra model fetch {quote(name)} -o {fetched}` gets it from the Hub, then add --config"
        f" {fetched}"
    )


def _flag(name: str) -> str:
    return _FLAGS.get(name, f"--{name.replace('_', '-')}")


def _in_flags(text: str) -> str:
    """What is said of inputs, said of options."""
    return re.sub(r"`(\w+)`", lambda found: _flag(found.group(1)), text)


def _unknown(flag: str, text: object, known: tuple[str, ...]) -> str:
    near = tuple(get_close_matches(str(text).lower(), known, n=3, cutoff=0.76))
    guess = f"did you mean {', '.join(near)}? Known" if near else "known"
    return f"{flag} {text!r} is not known; {guess}: {', '.join(known)}"


def _version(case: FitCase) -> str:
    from llminfra.catalog.engines import engine_info, known_versions, suggest_version
    from llminfra.catalog.model_code import is_named_release
    from llminfra.catalog.task_classes import pinned_version
    from llminfra.planning.memory.estimate import facts_for
    from llminfra.planning.memory.releases.engine_profile import parse_version
    from llminfra.planning.memory.stated import MODELLED

    engine, text = case.engine, case.engine_version
    name = CATALOG_NAMES[engine]
    if text is None:
        facts = facts_for(case)
        if facts is None:
            return engine_info(name).default_version
        return pinned_version(name, facts.architecture, facts.task, facts.config_type)
    stated = text.strip().removeprefix("v")
    known = known_versions(name)
    whole = f"{stated}.0" if re.fullmatch(r"\d+\.\d+", stated) else stated
    if whole in known or is_named_release(name, whole):
        return whole
    numbers, oldest, newest = parse_version(stated), parse_version(known[0]), parse_version(known[-1])
    if numbers and oldest and newest and engine in MODELLED:
        # The memory rules know releases that the catalog of flags and images does not: nobody should deploy them.
        # SGLang's catalog holds the last patch of each line, so others exist; vLLM's is complete.
        between = bool(_OWN_BUILD.search(stated)) or engine != "vllm"
        if (0, 0, 0) < numbers < oldest or (between and numbers <= newest):
            return stated
    close = ", ".join(suggest_version(name, stated))
    span = f"{known[0]} to {known[-1]}"
    raise UsageError(f"--engine-version {text!r}: {engine} has no such release; did you mean {close}? Known: {span}")


def _check_names(case: FitCase) -> None:
    from llminfra.engines.untold import untold_spread_fields
    from llminfra.planning.memory.releases.engine_profile import engine_data

    options = engine_data()["options"]
    dtype = (case.dtype or "auto").lower().removeprefix("torch.")
    if dtype not in {*options["dtype"], *_DTYPES}:
        raise UsageError(_unknown("--dtype", case.dtype, tuple(options["dtype"])))
    if (case.kv_cache_dtype or "auto").lower() not in options["kv_cache_dtype"]:
        raise UsageError(_unknown("--kv-cache-dtype", case.kv_cache_dtype, tuple(options["kv_cache_dtype"])))
    if case.block_size is not None and case.block_size not in options["block_size"]:
        known = ", ".join(str(item) for item in options["block_size"])
        raise UsageError(f"--block-size {case.block_size} is not one that engines take: {known}")
    for field in ("language_model_only", "limit_mm_per_prompt") if case.engine != "vllm" else ():
        if getattr(case, field):
            raise UsageError(f"{_flag(field)} is counted for vllm alone, and this is {case.engine}: leave it out")
    for part in untold_spread_fields(CATALOG_NAMES[case.engine]):
        field = f"{part}_parallel"
        if (getattr(case, field) or 1) > 1 or getattr(case, field) is True:
            raise UsageError(f"{_flag(field)}: {case.engine} cannot be told of it; leave it out, or take --engine vllm")
    if case.quantization is not None and case.quantization.lower() not in (*(names := _quantizations(case)), *FORMATS):
        raise UsageError(_unquantized(case.quantization, (*names, *FORMATS)))


def _unquantized(text: str, known: tuple[str, ...]) -> str:
    """A method that nobody knows; GGUF is a file format, whose memory is computed for no engine."""
    if text.lower() == "gguf":
        return (
            f"--quantization {text!r}: weights in GGUF files are not computed; name the repository that they were made"
            " from, with --quantization fp8, or one with AWQ or GPTQ weights"
        )
    return _unknown("--quantization", text, known)


def _quantizations(case: FitCase) -> tuple[str, ...]:
    from typing import get_args

    from llminfra.planning.memory.doubts import release_of
    from llminfra.spec.models.model import Quantization

    release = release_of(case)
    return tuple(sorted({"none", *get_args(Quantization), *(release.quantizations() if release else ())}))


def check_gpu(text: str) -> None:
    """Whether a GPU or an instance type has this name.

    Raises:
        UsageError: None has; it carries the nearest.
    """
    from llminfra.catalog import instances
    from llminfra.catalog.gpus import find_gpu, gpu_of_stated_size, gpus, is_of_other_maker

    lowered = text.strip().lower()
    typed = instances.get(lowered.removeprefix("ml."))
    if typed is not None:
        if typed.gpu is None:
            raise UsageError(f"--gpu {text!r}: the instance type has no GPU")
        return
    if (why := instances.excluded(lowered.removeprefix("ml."))) is not None:
        raise UsageError(f"--gpu {text!r}: {why}")
    if is_of_other_maker(lowered):
        raise UsageError(f"--gpu {text!r} is not an NVIDIA device: there are no figures for it here, and no plan")
    if find_gpu(text) is not None or gpu_of_stated_size(text) is not None:
        return
    names = {name: gpu.name for gpu in gpus().values() for name in (gpu.name, *gpu.aliases)}
    found = [names[item] for item in get_close_matches(lowered, names, n=3, cutoff=0.5)]
    close = tuple(dict.fromkeys(found)) or tuple(gpus())[:6]
    if "." in lowered:
        close = instances.suggest(lowered) or close
    raise UsageError(
        f"--gpu {text!r} is neither a GPU nor an EC2 instance type with one; did you mean {', '.join(close)}?"
    )
