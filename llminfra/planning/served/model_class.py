"""Whether an engine's release has code for a model at all: the first thing that it looks up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.catalog.engines import inner_release
from llminfra.catalog.model_code import REFUSES_UNKNOWN, engines_with_code, missing_code, refusal_words
from llminfra.catalog.tgi_models import Served, costs, pages, served_by
from llminfra.engines.tensorrt_llm import brings_its_own, named_release

if TYPE_CHECKING:
    from llminfra.catalog.engines import EngineRelease
    from llminfra.catalog.models import ModelFacts
    from llminfra.catalog.task_classes import MissingClass
    from llminfra.planning.findings import Findings
    from llminfra.spec.endpoint import Endpoint


def check_class(endpoint: Endpoint, facts: ModelFacts, release: EngineRelease | None, findings: Findings) -> bool:
    """Report a model that writes text and that the release has no code for; false where it would not start.

    An image of one's own may bring code of its own, as may a repository whose code is trusted, and a class that no
    release has may be run by the Transformers library's: these are warnings.
    """
    if release is None or facts.task != "generate":
        return True
    engine = release.engine
    missing = missing_code(facts, engine, release, named_numbers(endpoint))
    if missing is None:
        _check_library(endpoint, facts, release, findings)
        return True
    own = _brings_code(endpoint)
    refused = not own and bool(missing.elsewhere or missing.inside or engine in REFUSES_UNKNOWN)
    by_tag = engine == "trtllm"
    at = f"{engine} {endpoint.engine.image.tag}" if by_tag and endpoint.engine.image else f"{engine} {release.version}"
    if (inner := inner_release(release)) is not release:
        at += f" (vLLM {inner.version} inside)"
    path = f"endpoints.{endpoint.name}.engine.version"
    words = refusal_words(engine, missing, facts)
    if refused:
        findings.error(
            "LLM_FIT_56",
            endpoint,
            f"endpoints.{endpoint.name}.engine.image" if by_tag else path,
            f"{at} has no code for {missing.name}",
            found=at,
            expected=_expected(engine, missing),
            fix=_other_release(endpoint, missing, facts),
            runtime_message=words,
        )
        return False
    findings.warning(
        "LLM_FIT_57",
        endpoint,
        path,
        f"{at} has no code for {missing.name}{_instead(endpoint, facts)}",
        found=at,
        expected=_expected(engine, missing),
        fix=_try_it(endpoint, facts),
        runtime_message=words,
    )
    return True


def _expected(engine: str, missing: MissingClass) -> str:
    if missing.inside:
        return f"{missing.inside}, which no container has that is known here"
    return f"{engine} {missing.elsewhere}" if missing.elsewhere else "a release with the model's class"


def named_numbers(endpoint: Endpoint) -> tuple[int, ...]:
    """Numbers of the release that the image's tag says, for TensorRT-LLM, which has no other name here."""
    image = endpoint.engine.image
    return named_release(image) if endpoint.engine.kind == "trtllm" and image is not None else ()


def without_flash(endpoint: Endpoint) -> bool:
    """Whether TGI is told to leave its attention out, without which it has code for hardly any model."""
    told = endpoint.engine.env.get("USE_FLASH_ATTENTION", "")
    return endpoint.engine.kind == "tgi" and told.lower() == "false"


def _brings_code(endpoint: Endpoint) -> bool:
    """Whether something that nobody knows here may have the code: an image of one's own, or the repository."""
    engine = endpoint.engine
    if engine.kind == "trtllm":
        return engine.image is None or not named_release(engine.image) or brings_its_own(engine)
    return engine.image is not None or (engine.kind == "tgi" and endpoint.model.trust_remote_code)


def _instead(endpoint: Endpoint, facts: ModelFacts) -> str:
    if endpoint.engine.image is not None:
        return "; the image may"
    if endpoint.engine.kind == "tgi":
        return f"; the code of {facts.model_id} is trusted, and may be served whole on one GPU"
    return ", and no other release that is known here has"


def _other_release(endpoint: Endpoint, missing: MissingClass, facts: ModelFacts) -> str:
    known = missing.since or missing.until
    if known is None:
        engines = engines_with_code(facts)
        return f"use {' or '.join(engines)}, which have its class" if engines else "serve it by a CustomServer"
    if endpoint.engine.kind == "trtllm":
        return f"name an image of TensorRT-LLM {missing.elsewhere}"
    return f"leave version out, or set version={known!r} or {'a later' if missing.since else 'an earlier'} one"


def _try_it(endpoint: Endpoint, facts: ModelFacts) -> str:
    if endpoint.engine.image is not None:
        return "make sure that the image has it"
    if endpoint.engine.kind == "tgi":
        return f"try it on one node first, or use {' or '.join(engines_with_code(facts)) or 'a CustomServer'}"
    return (
        "try it on one node first: the Transformers library's class, if there is one, is slower and takes other "
        "memory; or serve it by a CustomServer"
    )


def _check_library(endpoint: Endpoint, facts: ModelFacts, release: EngineRelease, findings: Findings) -> None:
    """TGI gives types without code of its own to the Transformers library."""
    if release.engine != "tgi" or not facts.config_type or endpoint.engine.image is not None:
        return
    kind, off = facts.config_type, without_flash(endpoint)
    how = Served.WHOLE if off else served_by(release.numbers, kind)
    if how is Served.OWN and pages(release.numbers, kind):
        return
    at = f"tgi {release.version}"
    words = f"{at} serves {kind}" if how is Served.OWN else f"{at} has no code of its own for {kind}"
    words += " without flash attention" if off else ""
    words += " " if how is Served.OWN else ", and serves it by the Transformers library: "
    findings.warning(
        "LLM_FIT_66",
        endpoint,
        f"endpoints.{endpoint.name}.engine",
        words + costs(how),
        found=f"model_type {kind!r} on {at}",
        expected="a type that TGI has code for, or an engine that has the class",
        fix=f"use {' or '.join(engines_with_code(facts)) or 'a CustomServer'}, or try it on one node first",
    )
