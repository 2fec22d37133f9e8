"""The contract between an endpoint and applications: one shape, wherever the endpoint runs.

An application that reads its contract at start-up need not know the target, and moving the model changes the parameter
and nothing in the application.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal, TypedDict

from msgspec import Struct
from msgspec.structs import asdict

from llminfra.catalog import regions
from llminfra.engines.vllm_tasks import PATHS
from llminfra.planning.endpoints.gateways import gateway_of, route_of
from llminfra.planning.plan.endpoint import EndpointPlan, RouterPlan
from llminfra.planning.plan.gateways import GatewayPlan
from llminfra.planning.plan.serving import Ec2EndpointPlan
from llminfra.spec.compute.sagemaker import SageMakerAsync

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan
    from llminfra.planning.plan.serving import SageMakerEndpointPlan, ServingPlan
    from llminfra.spec.base.secret import Secret
    from llminfra.spec.endpoint import Task

Protocol = Literal["openai", "sagemaker", "sagemaker-async"]


class Auth(Struct, frozen=True, kw_only=True):
    """How callers prove who they are: an API key by the name of its secret, a signature by IAM, or not at all.

    Behind a gateway ``secret`` is that of its only tenant; with several, or with ``oidc``, the gateway's own contract
    tells what there is (``gateway_contract``).
    """

    kind: Literal["none", "bearer", "sigv4", "oidc"]
    secret: str | None = None
    key: str | None = None
    service: str | None = None


class Contract(Struct, frozen=True, kw_only=True):
    """What an application needs to call a model.

    Attributes:
        version: Version of this shape.
        target: ``eks``, ``ec2``, ``sagemaker`` or ``sagemaker-async``.
        protocol: ``openai``: paths of the OpenAI API under ``address``; ``sagemaker``: the same JSON body, posted to
            ``address`` itself; ``sagemaker-async``: ``address`` takes the S3 location of such a body.
        address: URL.
        region: AWS region.
        model: Model name of the API.
        auth: How to prove who calls.
        output: Where answers are written, for asynchronous targets.
        component: SageMaker inference component to name in a call.
        task: What the model does where that is not to write text; else the key is left out, with ``paths``.
        paths: What callers post to, from the server's root; the first is the usual one.
    """

    target: str
    protocol: Protocol
    address: str
    region: str
    model: str
    auth: Auth
    output: str | None = None
    component: str | None = None
    version: int = 1
    task: Task | None = None
    paths: tuple[str, ...] = ()

    def as_json(self) -> str:
        """Value of the parameter: the same keys for every target."""
        told = {**asdict(self), "auth": asdict(self.auth), "paths": list(self.paths)}
        if self.task is None:
            del told["task"], told["paths"]
        return json.dumps(told, sort_keys=True)


def parameter_name(platform: str, endpoint: str) -> str:
    """Name of the SSM parameter that holds the contract."""
    return f"/llminfra/{platform}/endpoints/{endpoint}"


def queue_parameter_name(platform: str, queue: str) -> str:
    """Name of the SSM parameter that tells how to use a queue in front of an endpoint."""
    return f"/llminfra/{platform}/queues/{queue}"


def contract(item: EndpointPlan | RouterPlan | Ec2EndpointPlan | SageMakerEndpointPlan, plan: Plan) -> Contract:
    """The contract of a planned endpoint."""
    region = plan.platform.region
    if isinstance(item, RouterPlan):
        return Contract(
            target="eks",
            protocol="openai",
            address=f"http://{item.name}.{item.namespace}.svc.cluster.local:{item.port}/v1",
            region=region,
            model=item.served_name,
            auth=_bearer(item.spec.api_key),
        )
    if isinstance(item, EndpointPlan):
        gateway = gateway_of(plan, item.service)
        route = route_of(plan, item.service)
        inside = f"http://{item.service}.{item.namespace}.svc.cluster.local:{item.invocation.port}"
        return Contract(
            target="eks",
            protocol="openai",
            address=f"{inside if gateway is None else gateway.url}{route.prefix if route else ''}/v1",
            region=region,
            model=item.served_name,
            auth=_bearer(item.spec.api_key) if gateway is None else _at_gateway(gateway),
            **_does(item),
        )
    if isinstance(item, Ec2EndpointPlan):
        return Contract(
            target="ec2",
            protocol="openai",
            address=f"https://{item.on.domain_name}/v1",
            region=region,
            model=item.serving.served_name,
            auth=_bearer(item.serving.spec.api_key),
            **_does(item.serving),
        )
    delayed = isinstance(item.on, SageMakerAsync)
    return Contract(
        target=item.on.kind,
        protocol="sagemaker-async" if delayed else "sagemaker",
        address=f"https://runtime.sagemaker.{region}.{_suffix(region)}/endpoints/{endpoint_name(plan, item.name)}/"
        + ("async-invocations" if delayed else "invocations"),
        region=region,
        model=item.serving.served_name,
        auth=Auth(kind="sigv4", service="sagemaker"),
        output=item.on.output if isinstance(item.on, SageMakerAsync) else None,
        component=endpoint_name(plan, item.name) if item.to_zero else None,
        task=None if item.serving.task == "generate" else item.serving.task,
    )


class _Does(TypedDict):
    task: Task | None
    paths: tuple[str, ...]


def _does(item: ServingPlan) -> _Does:
    """Task and paths of what writes no text."""
    if item.task == "generate":
        return {"task": None, "paths": ()}
    return {"task": item.task, "paths": PATHS[item.task]}


def gateway_parameter_name(platform: str, gateway: str) -> str:
    """Name of the SSM parameter that holds a gateway's contract."""
    return f"/llminfra/{platform}/gateways/{gateway}"


def gateway_contract(item: GatewayPlan, plan: Plan) -> str:
    """Value of a gateway's parameter: where it is, which models it routes, and how each tenant proves who it is."""
    oidc = item.spec.oidc
    by_path = {route.endpoint: [f"{item.url}{path}" for path in route.led_by] for route in item.routes if route.paths}
    return json.dumps(
        {
            "version": 1,
            "protocol": "openai",
            "address": f"{item.url}/v1",
            "region": plan.platform.region,
            "models": [model for route in item.routes for model in route.models],
            "auth": _at_gateway(item).kind,
            "tenants": {
                each.name: {"secret": each.api_key.name, "key": each.api_key.key} if each.api_key else {}
                for each in item.spec.tenants
            },
            "issuer": oidc.issuer if oidc else None,
            "audiences": list(oidc.audiences) if oidc else [],
        }
        | ({"paths": by_path} if by_path else {}),
        sort_keys=True,
    )


def _at_gateway(gateway: GatewayPlan) -> Auth:
    if gateway.spec.oidc is not None:
        return Auth(kind="oidc")
    keys = [item.api_key for item in gateway.spec.tenants if item.api_key is not None]
    if not keys:
        return Auth(kind="none")
    return _bearer(keys[0]) if len(keys) == 1 else Auth(kind="bearer")


def endpoint_name(plan: Plan, name: str) -> str:
    """Name of a SageMaker endpoint (at most 63 characters: a platform has 24, an endpoint 32)."""
    return f"{plan.platform.name}-{name}"


def sagemaker_log_group(plan: Plan, item: SageMakerEndpointPlan) -> str:
    """The log group that SageMaker writes what containers say to, whoever made it.

    Containers of an inference component have one by its name, which is the endpoint's (Amazon SageMaker AI Developer
    Guide, "Log groups and streams that Amazon SageMaker AI sends to CloudWatch Logs"; awslabs and aws-samples name it
    ``/aws/sagemaker/InferenceComponents/<component>``).
    """
    kind = "InferenceComponents" if item.to_zero else "Endpoints"
    return f"/aws/sagemaker/{kind}/{endpoint_name(plan, item.name)}"


def _bearer(secret: Secret | None) -> Auth:
    return Auth(kind="none") if secret is None else Auth(kind="bearer", secret=secret.name, key=secret.key)


def _suffix(region: str) -> str:
    found = regions.get(region)
    return found.dns_suffix if found else "amazonaws.com"
