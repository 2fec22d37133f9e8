"""What a network without a way out cannot fetch: images outside ECR of the region, and weights of the Hub."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.catalog import regions
from llminfra.diagnostics import entry_path
from llminfra.planning.network.mirror import in_region
from llminfra.spec.engines.base import LlmEngine
from llminfra.spec.foundation.network import Network

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llminfra.engines.invocation import Invocation
    from llminfra.planning.findings import Findings
    from llminfra.planning.plan.endpoint import EndpointPlan
    from llminfra.planning.plan.infrastructure import ClusterPlan
    from llminfra.planning.plan.serving import Ec2EndpointPlan
    from llminfra.planning.plan.targets import BatchPlan
    from llminfra.spec.base.spec import Spec
    from llminfra.spec.foundation.images import ImageMirror
    from llminfra.spec.platform import Platform

_CODE = "LLM_NET_28"


def check_closed_network(
    platform: Platform,
    cluster: ClusterPlan | None,
    endpoints: Iterable[EndpointPlan],
    ec2: Iterable[Ec2EndpointPlan],
    batches: Iterable[BatchPlan],
    findings: Findings,
) -> None:
    """Report what would wait for ever for an image or for weights; a VPC that is already there may have a way out."""
    # The declaration, because the plan of a network with errors is a placeholder without NAT.
    network = platform.network
    if platform.images is not None and not platform.images.broken:
        _check_mirror(platform, platform.images, findings)
    if not isinstance(network, Network) or network.broken or network.nat != "none":
        return
    for pods in endpoints:
        _check_image(pods.spec, f"endpoints.{pods.called}.engine.image", pods.invocation, platform, findings)
        _check_hub(pods.spec, f"endpoints.{pods.called}.weights", pods.weights.kind, findings)
    for instances in ec2:
        path, served = f"endpoints.{instances.serving.name}", instances.serving
        _check_image(served.spec, f"{path}.engine.image", served.invocation, platform, findings)
        _check_hub(served.spec, f"{path}.weights", served.weights.kind, findings)
    for batch in batches:
        path, served = f"batches.{batch.name}", batch.serving
        _check_image(batch.spec, f"{path}.engine.image", served.invocation, platform, findings)
        _check_hub(batch.spec, f"{path}.weights", served.weights.kind, findings)
        # A job that spans instances has its runner in the engine's container.
        if batch.spec.runner_image is None and served.nodes == 1:
            findings.error(
                _CODE,
                batch.spec,
                f"{path}.runner_image",
                "the runner's image comes from a public registry and its packages from PyPI, and this network has no "
                "way there",
                found="nat='none' and no runner_image",
                expected=f"an image with Python 3.11 and boto3 in ECR of {platform.region}",
                fix="set runner_image=Image(…)",
            )
    if cluster is not None and platform.images is None:
        _warn_of_controllers(platform, findings)
    if platform.images is not None and platform.images.pull_through:
        findings.warning(
            "LLM_NET_29",
            platform.images,
            "images.pull_through",
            "ECR fetches nothing for a pull that comes through an endpoint of the VPC: the first pull of each image "
            "must come from elsewhere",
            found="pull_through=True with nat='none'",
            expected="images that are there before a node asks for them",
            fix="pull what `llminfra images` marks with cache once from a machine with a way out, and waive this; or "
            "leave pull_through out and copy everything",
            runtime_message="ImagePullBackOff",
        )
    if cluster is not None:
        _warn_of_others(platform, network, findings)


def _warn_of_others(platform: Platform, network: Network, findings: Findings) -> None:
    """Who is told and asked over the internet; a proxy or a connected network may lead there."""
    observability = platform.own_observability
    receivers = observability.receivers if observability is not None else ()
    for index, receiver in enumerate(receivers):
        if receiver.kind != "sns":
            findings.warning(
                "LLM_NET_31",
                network,
                entry_path("observability.receivers", index),
                f"alerts go to {receiver.kind} over the internet, and this network has no way there: nobody hears them",
                found=f"{receiver.kind} with nat='none'",
                expected="SnsAlerts(…): SNS has an endpoint in the VPC, and passes alerts on",
                fix="use SnsAlerts(…), and subscribe whoever shall hear",
                runtime_message="Notify for alerts failed",
            )
    for gateway in platform.gateways:
        if not gateway.broken and gateway.oidc is not None:
            findings.warning(
                "LLM_NET_31",
                gateway,
                f"gateways.{gateway.name}.oidc.jwks_uri",
                "Envoy fetches the keys of the issuer, and this network has no way to the internet: no token is good",
                found=f"{gateway.oidc.jwks_uri} with nat='none'",
                expected="an issuer in the VPC or in a network that is connected to it",
                fix="publish the keys where the VPC reaches them, and waive this; or leave oidc out, and give "
                "tenants an api_key",
                runtime_message="Jwks remote fetch is failed",
            )


def _check_mirror(platform: Platform, mirror: ImageMirror, findings: Findings) -> None:
    """A mirror elsewhere is reached over the internet, and ECR reads secrets of its own account and region alone."""
    if not in_region(mirror.registry, platform.region):
        findings.error(
            "LLM_NET_30",
            mirror,
            "images.registry",
            f"this registry is not in {platform.region}: each pull leaves the region, and endpoints of the VPC do not "
            "lead there",
            found=mirror.registry,
            expected=_own_registry(platform, mirror.registry[:12]),
            fix="name the registry of the platform's region, and let ECR replicate into it",
        )
    account = platform.account_id
    if account and mirror.create and not mirror.registry.startswith(f"{account}."):
        findings.error(
            "LLM_NET_30",
            mirror,
            "images.registry",
            "the stack images makes repositories in the platform's own account, and this registry is another's",
            found=mirror.registry,
            expected=_own_registry(platform, account),
            fix="name the registry of this account, or set create=False",
        )
    where = ":".join(("", platform.region, mirror.registry[:12], ""))
    for host, secret in sorted(mirror.credentials.items()):
        if where not in secret:
            findings.error(
                "LLM_NET_30",
                mirror,
                f"images.credentials.{host}",
                "ECR reads credentials of a cache rule only from its own account and region",
                found=secret,
                expected=f"a secret of {mirror.registry[:12]} in {platform.region}",
                fix="create the secret there, its name beginning with ecr-pullthroughcache/",
                runtime_message="SecretNotFoundException",
            )


def _own_registry(platform: Platform, account: str) -> str:
    known = regions.get(platform.region)
    return f"{account}.dkr.ecr.{platform.region}.{known.dns_suffix if known else 'amazonaws.com'}"


def _check_image(spec: Spec, path: str, invocation: Invocation, platform: Platform, findings: Findings) -> None:
    if platform.images is not None or in_region(invocation.image_repository, platform.region):
        return
    registry = _own_registry(platform, "<account>")
    name = invocation.image_repository.rpartition("/")[2]
    findings.error(
        _CODE,
        spec,
        path,
        "the engine's image lies where this network has no way to",
        found=f"{invocation.image_repository} with nat='none'",
        expected=f"an image in ECR of {platform.region}, which an endpoint of the VPC reaches",
        fix="declare Platform(images=ImageMirror(…)) and copy what `llminfra images` lists; or copy this image and "
        f"name it with image=Image(repository='{registry}/{name}', tag={invocation.image_tag!r}, …); or set "
        "nat='single'",
        runtime_message=f'Failed to pull image "{invocation.image_repository}:{invocation.image_tag}": i/o timeout',
    )


def _check_hub(spec: Spec, path: str, kind: str, findings: Findings) -> None:
    engine = getattr(spec, "engine", None)
    if kind != "hub" or not isinstance(engine, LlmEngine):
        return
    findings.error(
        _CODE,
        spec,
        path,
        "weights come from the Hugging Face Hub, to which this network has no way",
        found="no storage, with nat='none'",
        expected="weights in a bucket",
        fix="declare a ModelBucket and copy the model there from a machine that reaches the Hub; or set nat='single'",
    )


def _warn_of_controllers(platform: Platform, findings: Findings) -> None:
    findings.warning(
        "LLM_NET_29",
        platform.network,
        "network.nat",
        "images of the cluster's controllers lie in public registries, and this network has no way there",
        found="nat='none' with a cluster",
        expected="copies of them in ECR of the region, or a route of your own",
        fix="declare Platform(images=ImageMirror(…)) and copy what `llminfra images` lists, or set nat='single'",
        runtime_message="ImagePullBackOff",
    )
