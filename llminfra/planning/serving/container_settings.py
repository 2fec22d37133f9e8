"""What a user may add to a container: no secrets in plain text, no names that nothing can set, nothing said twice."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from llminfra.catalog.container_env import is_env_name, is_secret_env, is_secret_flag, is_secret_value
from llminfra.diagnostics import entry_path
from llminfra.engines import adapter
from llminfra.engines.decided import LLMINFRA, METRICS, field_of_flag, field_of_variable, field_that_said, flag_name
from llminfra.engines.untold import untold_endpoint_fields, untold_fields, untold_model_fields, untold_spread_fields
from llminfra.planning.findings import Findings
from llminfra.planning.served.endpoint_model import model_facts
from llminfra.spec.compute.ec2 import Ec2
from llminfra.spec.compute.gpu_pool import GpuPool
from llminfra.spec.errors.shape_errors import looks_like_credential

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llminfra.catalog.engines import EngineRelease
    from llminfra.engines.invocation import Invocation
    from llminfra.spec.base.spec import Spec
    from llminfra.spec.endpoint import Endpoint

_STORE = "store the value in AWS Secrets Manager, rotate it, and name it with "
_HUB_TOKENS = frozenset(
    {"HF_TOKEN", "HF_API_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACE_TOKEN", "--hf-token", "--huggingface-token"}
)
# Written once where the user's own list should count: the user's wins, and nothing is planned with it.
_YIELDING = frozenset({"--disable-access-log-for-endpoints"})


def check_untold(endpoint: Endpoint, findings: Findings) -> None:
    """Report settings that the server cannot be told: they would change the plan and not what runs.

    A quantization that the checkpoint has anyway is no wish.
    """
    facts = model_facts(endpoint, Findings())
    quantized = facts is not None and facts.quantization is not None
    kind, base = endpoint.engine.kind, f"endpoints.{endpoint.name}"
    told: list[tuple[Spec, str, tuple[str, ...]]] = [
        (endpoint.engine, "engine", untold_fields(kind)),
        (endpoint.model, "model", untold_model_fields(kind)),
        (endpoint, "", untold_endpoint_fields(kind)),
    ]
    if endpoint.parallelism is not None:
        told.append((endpoint.parallelism, "parallelism", untold_spread_fields(kind)))
    for where, part, names in told:
        for name in names:
            value = getattr(where, name)
            if value == type(where).model_fields[name].default or (name == "quantization" and quantized):
                continue
            findings.error(
                "LLM_FIT_44",
                endpoint,
                ".".join(step for step in (base, part, name) if step),
                f"{type(endpoint.engine).__name__} has no argument for {name}",
                found=f"{name}={value}",
                expected=f"no {name}",
                fix="remove extra_args, and set what vLLM takes by env={'OPTION_…': '…'}"
                if name == "extra_args"
                else f"remove {name}, or serve the model with VLLM",
            )


def check_known(endpoint: Endpoint, release: EngineRelease | None, findings: Findings) -> None:
    """Report flags and variables of the user that the engine's release does not have."""
    kind = endpoint.engine.kind
    for unknown in adapter(kind).unknown_options(endpoint, release):
        findings.error(
            "LLM_FIT_7",
            endpoint,
            unknown.path,
            unknown.message,
            found=unknown.name,
            fix=unknown.fix,
            expected=f"an option of {kind} {release.version if release else ''}".strip(),
            runtime_message=unknown.seen,
        )


def check_literals(endpoint: Endpoint, findings: Findings) -> None:
    """Report secrets in plain text, and variables that no shell accepts, in what the user gave the engine."""
    base = f"endpoints.{endpoint.name}.engine"
    engine = endpoint.engine
    for name, value in engine.env.items():
        shaped = _is_secret(value)
        if shaped or (value and is_secret_env(name)):
            findings.error(
                "LLM_SEC_1",
                endpoint,
                f"{base}.env.{name}" if not _is_secret(name) else f"{base}.env",
                "the value of this variable looks like a credential" if shaped else f"{name} holds a secret",
                found="a literal (not shown)",
                expected="a reference to a secret",
                fix=_instead(name),
            )
        elif not is_env_name(name):
            findings.error(
                "LLM_SPEC_1",
                endpoint,
                f"{base}.env",
                "this is no name of an environment variable",
                found="a literal with the shape of a token (not shown)" if _is_secret(name) else repr(name),
                expected="letters, digits and underscores, not starting with a digit, for example VLLM_LOGGING_LEVEL",
                fix="correct the name",
            )
    for where, index, argument, previous in _arguments(endpoint):
        flag = argument.partition("=")[0]
        if is_secret_flag(argument) or is_secret_flag(previous) or _is_secret(argument):
            if is_secret_flag(previous) and not argument.startswith("-"):
                continue  # the value of the flag before, which was reported
            findings.error(
                "LLM_SEC_1",
                endpoint,
                entry_path(f"{base}.{where}", index),
                f"{flag} takes a secret on the command line, where ps and every log show it"
                if is_secret_flag(argument)
                else "this argument looks like a credential",
                found="a literal (not shown)",
                expected="a reference to a secret",
                fix=_instead(flag.replace("_", "-")),
            )


def check_overrides(
    endpoint: Endpoint, release: EngineRelease | None, invocation: Invocation, findings: Findings
) -> None:
    """Report arguments and variables that say again what a field says, or what llminfra writes itself.

    The engine would take the last, which is the user's: another context length, spread or share of memory than the
    one whose fit was proved.
    """
    engine = endpoint.engine
    base, kind = f"endpoints.{endpoint.name}.engine", engine.kind
    given = tuple(getattr(engine, "extra_args", ()))
    written = {flag_name(kind, item, release) for item in (Counter(invocation.args) - Counter(given))} - _YIELDING
    for index, argument in enumerate(given):
        flag = flag_name(kind, argument, release)
        if flag is None or is_secret_flag(argument):
            continue
        field = field_of_flag(kind, flag)
        if field is not None or flag in written:
            name = argument.partition("=")[0]
            _report(endpoint, entry_path(f"{base}.extra_args", index), name, field_that_said(kind, flag), findings)
    own = {*invocation.cache_env, *invocation.field_env, *(item.name for item in invocation.secret_env)}
    for name in engine.env:
        field = field_of_variable(kind, name)
        if field is not None or name in own:
            _report(endpoint, f"{base}.env.{name}", name, field or LLMINFRA, findings)


def _report(endpoint: Endpoint, path: str, name: str, field: str, findings: Findings) -> None:
    if field == METRICS:
        if not isinstance(endpoint.on, GpuPool | Ec2):
            return  # nothing scrapes the others
        findings.error(
            "LLM_FIT_42",
            endpoint,
            path,
            f"{name} switches off the series that scaling, alerts and dashboards read",
            found=name,
            expected="an engine that tells what it does",
            fix=f"remove {name}",
        )
        return
    if field and not field[0].isupper() and not field.startswith("parallelism"):
        field = f"{type(endpoint.engine).__name__}({field}…)"
    elif field.startswith("parallelism"):
        field = f"Endpoint({field})"
    findings.error(
        "LLM_FIT_42",
        endpoint,
        path,
        f"{field.rstrip()} decides this, and the plan is computed from it; {name} would overrule it in the container"
        if field
        else f"llminfra sets {name} itself: probes, Services, volumes and ranks rely on it",
        found=name,
        expected=field or "nothing",
        fix=f"remove {name} and set {field}" if field else f"remove {name}",
    )


def _arguments(endpoint: Endpoint) -> Iterator[tuple[str, int, str, str]]:
    """Field, index, argument and the one before it."""
    for where in ("extra_args", "command", "args"):
        previous = ""
        for index, argument in enumerate(getattr(endpoint.engine, where, ())):
            yield where, index, argument, previous
            previous = "" if "=" in argument else argument


def _is_secret(text: str) -> bool:
    return is_secret_value(text) or looks_like_credential(text)


def _instead(name: str) -> str:
    if name in _HUB_TOKENS:
        return f'{_STORE}Model(token=Secret(name="…"))'
    if name.startswith("AWS_"):
        return "remove it and rotate the key: containers have a role of their own and need no keys"
    if name.endswith(("_API_KEY", "-api-key")):
        return f'{_STORE}Endpoint(api_key=Secret(name="…"))'
    return f'{_STORE}Secret(name="…"): Endpoint(api_key=…) or Model(token=…)'
