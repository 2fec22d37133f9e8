"""Reading a log and holding it against a plan: the work of ``llminfra log``."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from llminfra.catalog.models.config_file import read_config
from llminfra.cli.fitting.request import check_gpu, unknown_model
from llminfra.cli.log_page.view import known_errors, log_view
from llminfra.cli.terminal.failures import json_failures
from llminfra.cli.terminal.output import print_result, stdout_console, write_json
from llminfra.diagnostics import UsageError
from llminfra.planning.memory import FitCase, fit_line
from llminfra.planning.memory.inputs.keys import renamed
from llminfra.rules.recognize import recognize
from llminfra.rules.registry import rules
from llminfra.start_logs.case import assumed, logged_case
from llminfra.start_logs.compare import Verdict, compare, compare_phases, judge_log
from llminfra.start_logs.declared import differences, served_by
from llminfra.start_logs.read import read_log
from llminfra.start_logs.told import Told, plain, plain_errors

if TYPE_CHECKING:
    from llminfra.planning.plan.serving import ServingPlan
    from llminfra.rules.recognize import Recognized
    from llminfra.start_logs.record import StartLog


def show_log(
    file: Path,
    specs: Sequence[Path],
    *,
    endpoint: str | None,
    given: dict[str, Any],
    config: Path | None,
    as_json: bool,
) -> bool:
    """Print what a log tells beside the plan; whether all of it is fine.

    Raises:
        UsageError: The file cannot be read, has no start of a known engine, or leaves the model or endpoint open.
        SpecError: A spec failed.
    """
    if "gpu" in given:
        check_gpu(given["gpu"])
    if endpoint is not None and not specs:
        msg = "--endpoint names one of a spec: add the SPEC"
        raise UsageError(msg)
    if config is not None:
        given = {**given, "config": read_config(config)[1]}
    text = _read(file)
    start = read_log(text)
    known = () if start is not None and start.started else recognize(text, rules())
    if start is None:
        return _only_errors(file, known, as_json=as_json)
    try:
        with json_failures(as_json):
            told = _of_spec(start, specs, endpoint, given) if specs else _of_log(start, given)
    except UsageError:
        # What is known of its errors helps without the model, too.
        if known and not as_json:
            print_result(known_errors(known), stdout_console())
        raise
    # Of a lack of memory the figures say more than the rules that know its words.
    of_memory = start.failure.line if start.failure is not None else 0
    told = replace(told, known=tuple(item for item in known if item.line != of_memory))
    if as_json:
        write_json(plain(told))
    else:
        print_result(log_view(told), stdout_console())
    return told.fine


def _only_errors(file: Path, known: Sequence[Recognized], *, as_json: bool) -> bool:
    """Print the errors of a log that has no start; False, because it has some.

    Raises:
        UsageError: It has none either.
    """
    if not known:
        name = "stdin" if str(file) == "-" else file
        msg = (
            f"{name} has no line that vLLM, SGLang or Text Generation Inference prints while it starts, and no error"
            " that a rule knows; what a pod printed is `kubectl logs POD`, before its last restart `kubectl logs POD"
            " --previous`"
        )
        raise UsageError(msg)
    if as_json:
        write_json({"ok": False, "known_errors": plain_errors(known)})
    else:
        print_result(known_errors(known), stdout_console())
    return False


def _read(file: Path) -> str:
    try:
        data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        msg = f"cannot read {file}: {error.strerror or error}"
        raise UsageError(msg) from None
    return data.decode("utf-8", errors="replace")


def _of_log(start: StartLog, given: dict[str, Any]) -> Told:
    from llminfra.planning.selection.ways_out import ways_out  # for starts that failed

    logged = logged_case(start, given)
    if not logged.known:
        name = str(given.get("model") or logged.named)
        if not name:
            msg = "the log does not name its model: say --model ID"
            raise UsageError(msg)
        if "model" not in given and "/" in name.strip("/") and not name.startswith((".", "/", "~")):
            raise unknown_model(name)
        msg = f"the log calls the model {name!r}, which is none of the catalog: say --model ID, or --config config.json"
        raise UsageError(msg)
    result = fit_line(json.dumps(logged.case))
    if result.error:
        raise UsageError(result.error)
    case = FitCase.model_validate(renamed(logged.case))
    tight = start.failure is not None and (result.fits is False or result.tight)
    return Told(
        log=start,
        case=logged.case,
        planned=result,
        rows=compare(start, result),
        verdict=judge_log(start, result),
        open=assumed(start, logged.case, result),
        ways=ways_out(case, result) if tight else (),
    )


def _of_spec(start: StartLog, specs: Sequence[Path], endpoint: str | None, given: dict[str, Any]) -> Told:
    from llminfra.rules.specs import plan_specs  # only with a spec

    plans = plan_specs(specs)
    path, serving = _one(
        served_by(plans, start, endpoint), [path for plan in plans for path, _ in plan.served], endpoint
    )
    differs, verdict = differences(start, serving.fit), judge_log(start, serving.fit)
    if differs and not verdict.holds:
        verdict = Verdict(holds=False, text="it runs otherwise than declared, so the figures are not those of the plan")
    return Told(
        log=start,
        case=logged_case(start, given).case,
        planned=serving.fit,
        rows=(*compare(start, serving.fit), *compare_phases(start, serving.startup)),
        verdict=verdict,
        differs=differs,
        endpoint=path,
    )


def _one(
    found: Sequence[tuple[str, ServingPlan]], known: Sequence[str], endpoint: str | None
) -> tuple[str, ServingPlan]:
    if len(found) == 1:
        return found[0]
    names = ", ".join(path.partition(".")[2] for path in known)
    what = f"no endpoint {endpoint!r}" if endpoint is not None else "which endpoint the log is of is not clear"
    msg = f"{what}: say --endpoint NAME, one of {names}" if names else "the specs serve no model with an engine"
    raise UsageError(msg)
