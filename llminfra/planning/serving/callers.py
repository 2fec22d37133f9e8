"""Who may call an endpoint: what a spec names as a door must be one where the endpoint runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.catalog.container_env import HUB_TOKEN

if TYPE_CHECKING:
    from llminfra.engines.invocation import Invocation
    from llminfra.planning.findings import Findings
    from llminfra.spec.endpoint import Endpoint


def check_key(endpoint: Endpoint, invocation: Invocation, findings: Findings) -> None:
    """Report an API key that the engine is never given, because it has no option for one: anyone may call it."""
    key = endpoint.api_key
    on = getattr(endpoint.on, "kind", "pool")
    if key is None or "sagemaker" in on or any(item.name != HUB_TOKEN for item in invocation.secret_env):
        return
    instead = "let a Gateway with tenants ask" if on == "pool" else "waive LLM_SRV_72"
    findings.error(
        "LLM_SEC_42",
        endpoint,
        f"endpoints.{endpoint.name}.api_key",
        "the engine asks no caller for a key, so this one protects nothing",
        found=f"api_key with {type(endpoint.engine).__name__}",
        expected="VLLM, SGLang, TGI or DeepSpeedMII, which check it, or a CustomServer that reads API_KEY",
        fix=f"use one of these; or leave api_key out, and {instead}",
    )


def check_namespaces(endpoint: Endpoint, findings: Findings) -> None:
    """Report namespaces beside a target outside the cluster, which no network policy guards."""
    on = getattr(endpoint.on, "kind", "pool")
    if on == "pool" or not endpoint.allow_from_namespaces:
        return
    findings.error(
        "LLM_SRV_49",
        endpoint,
        f"endpoints.{endpoint.name}.allow_from_namespaces",
        "the endpoint is outside the cluster, where no network policy knows namespaces",
        found=f"allow_from_namespaces={list(endpoint.allow_from_namespaces)} with {type(endpoint.on).__name__}",
        expected="no namespaces",
        fix="name the addresses of callers with Ec2(allow_from_cidrs=…)"
        if on == "ec2"
        else "leave it out, and grant the callers' roles sagemaker:InvokeEndpoint on the endpoint",
    )
