"""Whether an engine's release has code for a model at all: the first thing that it looks up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.catalog.task_classes import missing_class

if TYPE_CHECKING:
    from llminfra.catalog.engines import EngineRelease
    from llminfra.catalog.models import ModelFacts
    from llminfra.planning.findings import Findings
    from llminfra.spec.endpoint import Endpoint


def check_class(endpoint: Endpoint, facts: ModelFacts, release: EngineRelease | None, findings: Findings) -> bool:
    """Report a model that writes text and that the release has no code for; false where it would not start.

    An image of one's own may bring code of its own, and a class that no release has may be run by the Transformers
    library's: both are warnings.
    """
    missing = missing_class(release, facts.architecture, facts.task) if release is not None else None
    if release is None or missing is None or facts.task != "generate":
        return True
    engine, path = release.engine, f"endpoints.{endpoint.name}.engine.version"
    at = f"{engine} {release.version}"
    words = f"Model architectures ['{missing.name}'] are not supported for now."
    if engine == "mii":
        words = f"ValueError: Unsupported model type {facts.model_type}"
    if missing.elsewhere and endpoint.engine.image is None:
        known = missing.since or missing.until
        findings.error(
            "LLM_FIT_56",
            endpoint,
            path,
            f"{at} has no code for {missing.name}",
            found=at,
            expected=f"{engine} {missing.elsewhere}",
            fix=f"leave version out, or set version={known!r} or {'a later' if missing.since else 'an earlier'} one",
            runtime_message=words,
        )
        return False
    findings.warning(
        "LLM_FIT_57",
        endpoint,
        path,
        f"{at} has no code for {missing.name}"
        + ("; the image may" if endpoint.engine.image is not None else ", and no other release that is known here has"),
        found=at,
        expected=f"{engine} {missing.elsewhere}" if missing.elsewhere else "a release with the model's class",
        fix="make sure that the image has it"
        if endpoint.engine.image is not None
        else "try it on one node first: the Transformers library's class, if there is one, is slower and takes other "
        "memory; or serve it by a CustomServer",
        runtime_message=words,
    )
    return True
