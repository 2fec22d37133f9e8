"""What the planner knows about an endpoint's model: from the catalog or from a local ``config.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llminfra.catalog import models
from llminfra.catalog.models import ModelFacts
from llminfra.planning.memory import FitCase, estimate

if TYPE_CHECKING:
    from llminfra.planning.findings import Findings
    from llminfra.spec.endpoint import Endpoint


def model_facts(endpoint: Endpoint, findings: Findings) -> ModelFacts | None:
    """The architecture of the endpoint's model; ``None`` leaves a finding that names the ways to give it."""
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
            expected=", ".join(close) if close else "an id that `llminfra fit --list` shows",
            fix="use one of the ids above; or give its config.json with Model(config='path/config.json'); or read it "
            "once from the Hub with `llminfra model fetch`",
        )
    return facts


def checkpoint_bytes(facts: ModelFacts) -> int:
    """Bytes of the checkpoint's weights as they are read from storage: one rank, as the checkpoint is quantized."""
    weights_gib = estimate(facts, FitCase(model=facts.model_id, tensor_parallel=1)).weights_gib_per_gpu
    return int((weights_gib or 0.0) * 2**30)


def _from_file(endpoint: Endpoint, name: str, findings: Findings) -> ModelFacts | None:
    folder = Path(endpoint.model.origin[0]).parent if endpoint.model.origin else Path()
    file = folder / name
    try:
        config: Any = json.loads(file.read_text(encoding="utf-8"))
        return ModelFacts.from_hf_config(config, model_id=endpoint.model.id)
    except (OSError, ValueError) as error:
        findings.error(
            "LLM_FIT_13",
            endpoint,
            f"endpoints.{endpoint.name}.model.config",
            "the model's config.json cannot be used",
            found=f"{file}: {error}",
            expected="the config.json of a Hugging Face model",
            fix="download config.json of the model's repository and name its path, relative to the spec file",
        )
        return None
