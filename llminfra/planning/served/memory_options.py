"""Options beside the spec's fields that change memory: counted where the memory model can, else a finding.

Which they are is in ``catalog/data/memory_options.json``. What is loaded beside the model, a draft model or places for
adapters, is in ``beside_model.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llminfra.catalog.datafile import read_data
from llminfra.catalog.models.drafts import load_draft
from llminfra.engines.given import Given, given_options, json_value, last, switched_on

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from llminfra.catalog.engines import EngineRelease
    from llminfra.catalog.models import ModelFacts
    from llminfra.planning.findings import Findings
    from llminfra.planning.memory import FitCase
    from llminfra.spec.endpoint import Endpoint


_RUNNERS = {"VLLM_USE_V1": "use_v1", "VLLM_USE_V2_MODEL_RUNNER": "use_v2"}


def memory_data() -> dict[str, Any]:
    """The parsed data file; callers must not change it."""
    return read_data("memory_options.json")


def options_of(endpoint: Endpoint, release: EngineRelease | None) -> tuple[Given, ...]:
    """What the user gave the engine beside its fields."""
    engine = endpoint.engine
    return given_options(engine.kind, tuple(getattr(engine, "extra_args", ())), engine.env, release)


def counted(case: FitCase, facts: ModelFacts, options: Sequence[Given], env: Mapping[str, str]) -> FitCase:
    """The case with what the options say and the memory model counts.

    Block size, context ranks, images and sound, tables of n-grams, drafted tokens, how sums of ranks go, and which of
    two engines a release runs.
    """
    update: dict[str, Any] = {}
    names: Mapping[str, str] = memory_data()["counted"].get(case.engine, {})
    for item in options:
        if item.flag in names and item.number:
            update[names[item.flag]] = item.number
    words: Mapping[str, dict[str, Any]] = memory_data()["counted_words"].get(case.engine, {})
    update |= {
        words[item.flag]["key"]: item.value
        for item in options
        if item.flag in words and item.value in words[item.flag]["values"]
    }
    switches: Mapping[str, str] = memory_data()["counted_switches"].get(case.engine, {})
    update |= {field: True for flag, field in switches.items() if switched_on(options, flag) is not None}
    update |= _media(case, options) | _ngrams(case, options)
    update |= _guesses(case, facts, options)
    for name, field in _RUNNERS.items() if case.engine == "vllm" else ():
        if (asked := env.get(name, "").strip()) in {"0", "1"}:
            update[field] = asked == "1"
    return case.model_copy(update=update) if update else case


def _guesses(case: FitCase, facts: ModelFacts, options: Sequence[Given]) -> dict[str, Any]:
    """How many tokens are guessed, and whether by the model's own layers, which take memory.

    A draft of the catalog is added by ``beside_model.py``; till then guesses are as free as n-grams are.
    """
    tokens = drafted_tokens(case.engine, options)
    if not tokens:
        return {}
    if is_mtp(case.engine, options):
        return {"speculative_tokens": tokens, "speculative_method": "mtp"} if facts.mtp_layers else {}
    return {"speculative_tokens": tokens, "speculative_method": "ngram"}


def _media(case: FitCase, options: Sequence[Given]) -> dict[str, Any]:
    """What options say of images, videos and clips; an argument counts after the spec's field, as the engine reads."""
    names = memory_data()["media"].get(case.engine)
    if names is None:
        return {}
    found: dict[str, Any] = {}
    limits = {key: _count(value) for key, value in (json_value(options, names["limits"]) or {}).items()}
    if known := {key: count for key, count in limits.items() if count is not None}:
        found["limit_mm_per_prompt"] = known
    if switched_on(options, names["text_alone"]) is not None:
        found["language_model_only"] = True
    ranks = last(options, names["tower_ranks"])
    if ranks is not None and ranks.value in {"weights", "data"}:
        found["mm_encoder_tp_mode"] = ranks.value
    return found


def _ngrams(case: FitCase, options: Sequence[Given]) -> dict[str, Any]:
    """Where a table of n-grams is, as far as the options say."""
    names = memory_data()["ngrams"].get(case.engine)
    if names is None:
        return {}
    host = (json_value(options, names["config"]) or {}).get(names["key"])
    return {"ngrams_on_host": host} if isinstance(host, bool) else {}


def _count(value: object) -> int | None:
    """The limit of one modality, which may come with sizes."""
    value = value.get("count") if isinstance(value, dict) else value
    text = str(value)
    return int(text) if text.isdigit() else None


def draft_option(engine: str, options: Sequence[Given]) -> Given | None:
    """The option that asks for a draft."""
    table = memory_data()["draft"].get(engine)
    if table is None:
        return None
    return last(options, *table["config"], *(name for names in table["flags"].values() for name in names))


def draft_settings(engine: str, options: Sequence[Given]) -> dict[str, Any]:
    """``model``, ``tokens``, ``method`` and ``tensor`` of a draft, as far as they are given and can be read."""
    table = memory_data()["draft"].get(engine)
    if table is None:
        return {}
    config = json_value(options, *table["config"]) or {}
    found = {key: config[name] for key, name in table["keys"].items() if config.get(name)}
    for key, names in table["flags"].items():
        if (item := last(options, *names)) is not None:
            found[key] = item.value
    return found


def drafted_tokens(engine: str, options: Sequence[Given]) -> int | None:
    """Tokens that are guessed in a step."""
    text = str(draft_settings(engine, options).get("tokens", ""))
    return int(text) if text.isdigit() else None


def is_mtp(engine: str, options: Sequence[Given]) -> bool:
    """Whether the model's own layers guess the tokens; SGLang calls them EAGLE without a draft model, too."""
    settings = draft_settings(engine, options)
    method = str(settings.get("method", "")).lower()
    return method.endswith(("mtp", "nextn")) or (engine == "sglang" and method == "eagle" and "model" not in settings)


def check_options(endpoint: Endpoint, facts: ModelFacts, options: Sequence[Given], findings: Findings) -> bool:
    """Report options whose memory is not in the plan; false where they make another model of it."""
    kind = endpoint.engine.kind
    known = len(findings.items)
    _check_overrides(endpoint, options, findings)
    rows: Mapping[str, dict[str, str]] = memory_data()["uncounted"].get(kind, {})
    for item in options:
        if item.flag in rows and not item.off:
            _uncounted(endpoint, item.path, item.flag, rows[item.flag], findings)
    variables: Mapping[str, dict[str, Any]] = memory_data()["variables"].get(kind, {})
    for name, value in endpoint.engine.env.items():
        if name in variables and value.strip() not in variables[name].get("harmless", ()):
            _uncounted(endpoint, f"env.{name}", name, variables[name], findings)
    for path, changes, do in _unknown_draft(kind, facts, options):
        _uncounted(endpoint, path, "a draft", {"changes": changes, "do": do}, findings)
    return not any(item.severity == "error" for item in findings.items[known:])


def _uncounted(endpoint: Endpoint, path: str, name: str, row: Mapping[str, str], findings: Findings) -> None:
    findings.warning(
        "LLM_FIT_47",
        endpoint,
        f"endpoints.{endpoint.name}.engine.{path}",
        f"the plan does not count what this changes: {row['changes']}",
        found=name,
        expected="settings that the memory is planned with",
        fix=row["do"],
    )


def _unknown_draft(kind: str, facts: ModelFacts, options: Sequence[Given]) -> Iterator[tuple[str, str, str]]:
    """Drafts whose weights are in no catalog: path, what they change, what to do."""
    given = draft_option(kind, options)
    if given is None:
        return
    settings = draft_settings(kind, options)
    if not settings:
        yield given.path, "a draft that cannot be read from this text", "write it as one JSON object"
        return
    method = str(settings.get("method") or "").lower()
    if method in memory_data()["no_draft"]:
        return
    model = settings.get("model")
    if is_mtp(kind, options):
        if not facts.mtp_layers:
            yield (
                given.path,
                f"the layers that guess tokens, which the catalog does not know of {facts.model_id}",
                "measure a start, and keep memory for them with a lower gpu_memory_utilization",
            )
        return
    draft = load_draft(str(model or ""))
    if draft is not None and draft.target_hidden not in {0, facts.hidden_size}:
        yield (
            given.path,
            f"{draft.model_id} takes states of {draft.target_hidden} values, and {facts.model_id} has others",
            "take the draft that was made for the model",
        )
    elif draft is None:
        yield (
            given.path,
            f"the weights and the cache of {model or f'a draft by method {method}'}, which is not in the catalog",
            "take a draft model of the catalog, or keep memory for it with a lower gpu_memory_utilization",
        )


def _check_overrides(endpoint: Endpoint, options: Sequence[Given], findings: Findings) -> None:
    flag = memory_data()["overrides"].get(endpoint.engine.kind)
    given = last(options, flag) if flag else None
    if given is None:
        return
    read = json_value(options, flag)
    keys = sorted(_keys(read or {}) & set(memory_data()["sizing_keys"]))
    path = f"endpoints.{endpoint.name}.engine.{given.path}"
    if keys:
        findings.error(
            "LLM_FIT_46",
            endpoint,
            path,
            "this makes another model of the one whose memory and layout are planned",
            found=", ".join(keys),
            expected=f"no {flag} of sizes",
            fix='remove it, and name the changed model with Model(config="config.json")',
        )
        return
    if read and _top_keys(read) <= set(memory_data()["counted_keys"]):
        return
    row = {
        "changes": "the model's configuration" + ("" if read else ", by a text that cannot be read"),
        "do": "keep it if it changes no sizes; the plan is made of the checkpoint's own configuration",
    }
    _uncounted(endpoint, given.path, flag, row, findings)


def _top_keys(value: dict[str, Any]) -> set[str]:
    """Keys of the configuration and of its text part."""
    nested = value.get("text_config")
    inner = _top_keys(nested) if isinstance(nested, dict) else set()
    return ({key.partition(".")[0] for key in value} - ({"text_config"} if inner else set())) | inner


def _keys(value: dict[str, Any]) -> set[str]:
    return set(value) | {
        name
        for key, item in value.items()
        for name in (_keys(item) if isinstance(item, dict) else {key.rpartition(".")[2]})
    }
