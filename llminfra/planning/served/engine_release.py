"""Which release of an engine an endpoint runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.catalog import engines as catalog
from llminfra.catalog import sagemaker
from llminfra.catalog.task_classes import missing_class, pinned_version

if TYPE_CHECKING:
    from llminfra.catalog.engines import EngineRelease
    from llminfra.catalog.models import ModelFacts
    from llminfra.planning.findings import Findings
    from llminfra.spec.endpoint import Endpoint


def find_release(endpoint: Endpoint, facts: ModelFacts | None, findings: Findings) -> EngineRelease | None:
    """The declared release, or the pinned one: another than that where it has no code for the model.

    ``None`` for custom servers, and with a finding where it is unknown.
    """
    engine = endpoint.engine
    if engine.kind == "custom":
        return None
    info = catalog.engine_info(engine.kind)
    version = engine.version or info.default_version
    if engine.version is None and engine.image is None and facts is not None:
        version = pinned_version(engine.kind, facts.architecture, facts.task, facts.config_type)
    release = catalog.engine_release(engine.kind, version)
    path = f"endpoints.{endpoint.name}.engine"
    if release is None:
        known = catalog.suggest_version(engine.kind, version)
        findings.error(
            "LLM_FIT_8",
            endpoint,
            f"{path}.version",
            f"the catalog does not know {engine.kind} {version}",
            found=version,
            expected=", ".join(known),
            fix=f"use {known[0]}"
            + (f", or leave version out for {info.default_version}" if known[0] != info.default_version else ""),
        )
    if info.status != "maintained":
        findings.warning(
            "LLM_SRV_20",
            endpoint,
            path,
            info.status_note,
            found=f"{engine.kind} ({info.status})",
            expected="an engine that is maintained: vLLM or SGLang",
            fix="use VLLM(…) or SGLang(…); the other settings keep their names",
        )
    return release


def why_release(endpoint: Endpoint, facts: ModelFacts, version: str) -> str:
    """Why another release than the pinned one was taken; empty where it was not, or was declared."""
    engine = endpoint.engine
    if engine.kind == "custom" or engine.version is not None or engine.image is not None:
        return ""
    pinned = catalog.engine_info(engine.kind).default_version
    release = catalog.engine_release(engine.kind, pinned)
    if version == pinned or release is None:
        return ""
    missing = missing_class(release, facts.architecture, facts.task, facts.config_type)
    if missing is not None:
        return f"{engine.kind} {version}, since {pinned} has no code for {missing.name}"
    return f"{engine.kind} {version}, since {pinned} has no image for what this needs"


def release_with_efa(endpoint: Endpoint, facts: ModelFacts, findings: Findings) -> EngineRelease | None:
    """The newest release for the model that has an image with EFA userspace, where the user left it to the planner."""
    engine = endpoint.engine
    if engine.kind == "custom":
        return None
    releases = [catalog.engine_release(engine.kind, version) for version in catalog.known_versions(engine.kind)]
    able = [
        release
        for release in releases
        if release is not None
        and release.image(efa=True) is not None
        and missing_class(release, facts.architecture, facts.task, facts.config_type) is None
    ]
    if engine.version is None and able:
        return able[-1]
    findings.error(
        "LLM_FIT_14",
        endpoint,
        f"endpoints.{endpoint.name}.engine",
        "a replica over several nodes talks over EFA, and the image of this version has no EFA userspace: NCCL would "
        "fall back to TCP without a word",
        found=f"{engine.kind} {engine.version}" if engine.version else engine.kind,
        expected="one of: " + ", ".join(release.version for release in able) if able else "an image with EFA",
        fix=("use one of these versions, or " if able else "") + "name an own image with Image(…, efa=True)",
        runtime_message="NET/OFI Unable to find a protocol that worked; NCCL INFO Using network Socket",
    )
    return None


def release_for_sagemaker(endpoint: Endpoint, facts: ModelFacts | None, findings: Findings) -> EngineRelease | None:
    """The declared release, else the pinned one, else the newest that has an image for SageMaker."""
    engine = endpoint.engine
    release = find_release(endpoint, facts, findings)
    if release is None or engine.kind == "custom" or engine.image is not None:
        return release
    if sagemaker.image(release) is not None:
        return release
    releases = [catalog.engine_release(engine.kind, version) for version in catalog.known_versions(engine.kind)]
    able = [item for item in releases if item is not None and sagemaker.image(item) is not None]
    if engine.version is None and able:
        return able[-1]
    findings.error(
        "LLM_SRV_42",
        endpoint,
        f"endpoints.{endpoint.name}.engine",
        "AWS publishes no SageMaker image of this engine",
        found=f"{engine.kind} {release.version}",
        expected="one of: " + ", ".join(item.version for item in able[-3:])
        if able
        else "VLLM, SGLang, DJLServing or TGI",
        fix="use one of these, or name an image in ECR with Image(…)",
    )
    return release
