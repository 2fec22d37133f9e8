"""Calls a model by its contract: the same application code for EKS, EC2 and SageMaker, real-time and asynchronous."""

from __future__ import annotations

import json
import sys
import time
import urllib.request
import uuid
from typing import Any

# botocore names services by their endpoint, signatures by another name.
_RUNTIME = "sagemaker-runtime"


def read_contract(session: Any, platform: str, endpoint: str) -> dict[str, Any]:
    """The contract of an endpoint; ``session`` is a ``boto3.Session``."""
    name = f"/llminfra/{platform}/endpoints/{endpoint}"
    found: dict[str, Any] = json.loads(session.client("ssm").get_parameter(Name=name)["Parameter"]["Value"])
    if found["version"] != 1:
        raise ValueError(f"{name} has version {found['version']}, this client knows 1")
    return found


def as_tenant(session: Any, contract: dict[str, Any], platform: str, gateway: str, tenant: str) -> dict[str, Any]:
    """The contract with the key of a tenant, for an endpoint behind a gateway that has several."""
    name = f"/llminfra/{platform}/gateways/{gateway}"
    told: dict[str, Any] = json.loads(session.client("ssm").get_parameter(Name=name)["Parameter"]["Value"])
    return {**contract, "auth": {**contract["auth"], **told["tenants"][tenant]}}


def chat(session: Any, contract: dict[str, Any], messages: list[dict[str, str]], *, timeout_s: float = 600) -> str:
    """Ask a model and return its answer."""
    answer = _ask(session, contract, {"messages": messages}, timeout_s)
    return str(answer["choices"][0]["message"]["content"])


def embed(session: Any, contract: dict[str, Any], texts: list[str], *, timeout_s: float = 60) -> list[list[float]]:
    """One vector for each text, in their order; the contract's task is ``embed``."""
    answer = _ask(session, contract, {"input": texts}, timeout_s)
    return [item["embedding"] for item in sorted(answer["data"], key=lambda item: item["index"])]


def rerank(
    session: Any, contract: dict[str, Any], query: str, documents: list[str], *, timeout_s: float = 60
) -> list[tuple[int, float]]:
    """Positions in ``documents`` with their scores, best first; the contract's task is ``rerank``."""
    answer = _ask(session, contract, {"query": query, "documents": documents}, timeout_s)
    found = [(int(item["index"]), float(item["relevance_score"])) for item in answer["results"]]
    return sorted(found, key=lambda item: -item[1])


def _ask(session: Any, contract: dict[str, Any], asked: dict[str, Any], timeout_s: float) -> Any:
    call = {"openai": _openai, "sagemaker": _sagemaker, "sagemaker-async": _sagemaker_async}[contract["protocol"]]
    return json.loads(call(session, contract, json.dumps({"model": contract["model"], **asked}).encode(), timeout_s))


def _url(contract: dict[str, Any]) -> str:
    """Contracts of what writes no text name their paths, counted from the server's root."""
    address = str(contract["address"])
    paths = contract.get("paths")
    return f"{address.removesuffix('/v1')}{paths[0]}" if paths else f"{address}/chat/completions"


def _openai(session: Any, contract: dict[str, Any], body: bytes, timeout_s: float) -> bytes:
    headers = {"Content-Type": "application/json"}
    auth = contract["auth"]
    if auth["kind"] == "bearer":
        if auth["secret"] is None:
            raise ValueError("the gateway has several tenants: say by as_tenant(…) which one calls")
        secret = session.client("secretsmanager").get_secret_value(SecretId=auth["secret"])["SecretString"]
        headers["Authorization"] = f"Bearer {json.loads(secret)[auth['key']] if auth['key'] else secret}"
    request = urllib.request.Request(_url(contract), body, headers)  # noqa: S310  # the address of the contract
    with urllib.request.urlopen(request, timeout=timeout_s) as response:  # noqa: S310  # the address of the contract
        answer: bytes = response.read()
    return answer


def _name(contract: dict[str, Any]) -> str:
    """The endpoint's name stands in its address: ``…/endpoints/<name>/invocations``."""
    return str(contract["address"].rsplit("/", 2)[1])


def _sagemaker(session: Any, contract: dict[str, Any], body: bytes, timeout_s: float) -> bytes:
    del timeout_s  # SageMaker ends a request after 60 seconds
    client = session.client(_RUNTIME, region_name=contract["region"])
    part = {"InferenceComponentName": contract["component"]} if contract["component"] else {}
    response = client.invoke_endpoint(EndpointName=_name(contract), ContentType="application/json", Body=body, **part)
    answer: bytes = response["Body"].read()
    return answer


def _sagemaker_async(session: Any, contract: dict[str, Any], body: bytes, timeout_s: float) -> bytes:
    s3 = session.client("s3")
    bucket, _, prefix = contract["output"].removeprefix("s3://").partition("/")
    key = f"{prefix}-requests/{uuid.uuid4()}.json"
    s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json")
    told = session.client(_RUNTIME, region_name=contract["region"]).invoke_endpoint_async(
        EndpointName=_name(contract), ContentType="application/json", InputLocation=f"s3://{bucket}/{key}"
    )
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        for location, failed in ((told["OutputLocation"], False), (told.get("FailureLocation"), True)):
            answer = _object(s3, location) if location else None
            if answer is not None:
                if failed:
                    raise RuntimeError(answer.decode(errors="replace"))
                return answer
        time.sleep(2)
    raise TimeoutError(f"no answer at {told['OutputLocation']} after {timeout_s:.0f} s")


def _object(s3: Any, location: str) -> bytes | None:
    bucket, _, key = location.removeprefix("s3://").partition("/")
    try:
        content: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except s3.exceptions.NoSuchKey:
        return None
    return content


if __name__ == "__main__":
    import boto3

    here = boto3.Session()
    question = [{"role": "user", "content": " ".join(sys.argv[3:])}]
    sys.stdout.write(chat(here, read_contract(here, sys.argv[1], sys.argv[2]), question) + "\n")
