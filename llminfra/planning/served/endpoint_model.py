"""What the planner knows about an endpoint's model: from the catalog or from a local ``config.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from llminfra.catalog import models
from llminfra.catalog.models import ModelConfigError, ModelFacts
from llminfra.catalog.models.config_file import config_file, read_config
from llminfra.planning.memory import FitCase, estimate
from llminfra.planning.served.checkpoint import CheckpointFile, describe_checkpoint
from llminfra.planning.served.config_overrides import stretched
from llminfra.planning.served.task import task_facts

if TYPE_CHECKING:
    from llminfra.planning.findings import Findings
    from llminfra.spec.endpoint import Endpoint

# Engines pad, repack and keep a few tensors beside the checkpoint's.
_SIZE_TOLERANCE = 0.05


def model_facts(endpoint: Endpoint, findings: Findings) -> ModelFacts | None:
    """The endpoint's model as it is served: its architecture, for what it does; ``None`` leaves a finding."""
    found = _architecture(endpoint, findings)
    return None if found is None else task_facts(endpoint, found, findings)


def _architecture(endpoint: Endpoint, findings: Findings) -> ModelFacts | None:
    """The architecture; ``None`` leaves a finding that names the ways to give it."""
    model = endpoint.model
    path = f"endpoints.{endpoint.name}.model"
    if model.config is not None:
        return _from_file(endpoint, model.config, findings)
    facts = models.load_model(model.id)
    if facts is None:
        close = models.suggest(model.id)
        findings.error(
            "LLM_FIT_3",
            endpoint,
            f"{path}.id",
            "the catalog does not know this model, and a guess would prove nothing",
            found=model.id,
            expected=", ".join(close) if close else "an id of the catalog, which has none like this, or a config.json",
            fix=("use one of these ids; or " if close else "")
            + "give its config.json with Model(config='path/config.json'), and to `llminfra fit` with --config; "
            f"`llminfra model fetch {model.id}` writes one from the Hub (pip install 'llminfra[hub]')",
        )
        return None
    if not facts.verified:
        findings.warning(
            "LLM_INPUT_6",
            endpoint,
            f"{path}.id",
            "the catalog's shapes of this model were not compared with its config.json, and a proof rests on them",
            found=f"{facts.num_layers} layers, hidden size {facts.hidden_size}, vocabulary {facts.vocab_size}",
            expected="shapes that were read from the model's config.json, or weights that were measured",
            fix=f"name the file with Model(config=…); `llminfra model fetch {model.id}` writes it from the Hub",
        )
    return stretched(facts, models.catalog_config(facts.model_id), endpoint.engine)


def checkpoint_bytes(endpoint: Endpoint, facts: ModelFacts, findings: Findings) -> int:
    """Bytes of the checkpoint as they are read from storage: stated by a file beside the spec, else computed.

    Where both are known and differ, the memory model does not know all of the model's shapes, and a finding says so.
    """
    computed = _computed_bytes(facts)
    if endpoint.model.config is None:
        return computed
    file = config_file(_config_path(endpoint, endpoint.model.config))
    stated = _described(file)
    if stated.weights_bytes is None:
        return computed
    if (found := differing_size(facts, file)) is not None:
        findings.warning(
            "LLM_FIT_37",
            endpoint,
            f"endpoints.{endpoint.name}.model.config",
            "the weights are not as large as their config.json suggests, so the memory estimate is off by as much",
            found=found,
            expected=f"a difference of at most {_SIZE_TOLERANCE:.0%}",
            fix="check that config.json and weights belong together; leave room in gpu_memory_utilization",
        )
    return stated.weights_bytes


def bytes_of(facts: ModelFacts, config_file: Path | None) -> int:
    """Bytes of a checkpoint as they are read: stated by the files beside its config.json, else computed."""
    stated = None if config_file is None else _described(config_file).weights_bytes
    return _computed_bytes(facts) if stated is None else stated


def differing_size(facts: ModelFacts, config_file: Path) -> str | None:
    """Bytes of the weights by the model's shapes, and by the files beside its config.json, where they differ."""
    computed, stated = _computed_bytes(facts), _described(config_file)
    if stated.weights_bytes is None or abs(computed / stated.weights_bytes - 1) <= _SIZE_TOLERANCE:
        return None
    return f"{computed / 1e9:,.1f} GB computed, {stated.weights_bytes / 1e9:,.1f} GB stated by {stated.source}"


def _computed_bytes(facts: ModelFacts) -> int:
    weights_gib = estimate(facts, FitCase(model=facts.model_id, tensor_parallel=1)).weights_gib_per_gpu
    return int((weights_gib or 0.0) * 2**30)


def _config_path(endpoint: Endpoint, name: str) -> Path:
    folder = Path(endpoint.model.origin[0]).parent if endpoint.model.origin else Path()
    return folder / name


def _longest_input(config: Path) -> int | None:
    """``max_seq_length`` of a ``sentence_bert_config.json`` beside the file, which engines take before the model's own.

    ``_get_and_verify_max_len``, vllm/config/model.py 0.27.1.
    """
    try:
        found: Any = json.loads((config.parent / "sentence_bert_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    longest = found.get("max_seq_length") if isinstance(found, dict) else None
    return longest if isinstance(longest, int) and longest > 0 else None


def _described(file: Path) -> CheckpointFile:
    try:
        config: Any = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return CheckpointFile()
    return describe_checkpoint(file, config) if isinstance(config, dict) else CheckpointFile()


def _from_file(endpoint: Endpoint, name: str, findings: Findings) -> ModelFacts | None:
    file = _config_path(endpoint, name)
    try:
        file, config = read_config(file)
        facts = ModelFacts.from_hf_config(config, model_id=endpoint.model.id)
    except ModelConfigError as error:
        findings.error(
            "LLM_FIT_13",
            endpoint,
            f"endpoints.{endpoint.name}.model.config",
            "the model's config.json cannot be used",
            found=str(error) if str(file) in str(error) else f"{file}: {error}",
            expected="the config.json of a Hugging Face model",
            fix="download config.json of the model's repository and name its path, relative to the spec file",
        )
        return None
    stated = describe_checkpoint(file, config)
    for note in facts.notes:
        findings.warning(
            "LLM_INPUT_4",
            endpoint,
            f"endpoints.{endpoint.name}.model.config",
            "the model's config.json leaves something open",
            found=note,
            expected="a config.json that says every shape, of a model type that is known",
            fix="write the key into config.json, or take the file of the published checkpoint",
        )
    facts = stretched(facts, config, endpoint.engine)
    if (longest := _longest_input(file)) is not None and facts.task != "generate":
        facts = replace(facts, max_position_embeddings=min(facts.max_position_embeddings or longest, longest))
    return replace(facts, revision=stated.revision, gated=stated.gated, source=stated.source or str(file))
