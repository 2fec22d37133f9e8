"""Limits on what requests bring beside text, for models that take nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.planning.memory.releases.engine_profile import parse_version
from llminfra.spec.engines.vllm import VLLM

if TYPE_CHECKING:
    from llminfra.catalog.engines import EngineRelease
    from llminfra.catalog.models import ModelFacts
    from llminfra.planning.findings import Findings
    from llminfra.spec.endpoint import Endpoint

LAST_THAT_REFUSES = (0, 10, 0)
"""``_init_multimodal_config`` of vllm/config.py 0.10.0 raises; vllm/config/__init__.py 0.10.2 does not."""


def check_media(endpoint: Endpoint, facts: ModelFacts, release: EngineRelease | None, findings: Findings) -> None:
    """Report limits that stop an old vLLM, because its model takes text alone."""
    engine = endpoint.engine
    if facts.encoders or release is None or not isinstance(engine, VLLM):
        return
    field = next((name for name in ("language_model_only", "limit_mm_per_prompt") if getattr(engine, name)), None)
    version = parse_version(release.version)
    if field is None or version is None or version > LAST_THAT_REFUSES:
        return
    findings.error(
        "LLM_FIT_48",
        endpoint,
        f"endpoints.{endpoint.name}.engine.{field}",
        f"{facts.model_id} takes text alone, and vLLM {release.version} refuses limits on images for it",
        found=f"{field}={getattr(engine, field)!r}",
        expected="no limits on images, videos and clips",
        fix=f"remove {field}",
        runtime_message="ValueError: `limit_mm_per_prompt` is only supported for multimodal models.",
    )
