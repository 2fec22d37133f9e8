"""Jobs that copy models from the Hub into buckets, one for each model that a bucket must hold."""

from __future__ import annotations

import hashlib
import re

from msgspec import Struct

from llminfra.catalog.container_env import HUB_TOKEN
from llminfra.catalog.engines import engine_info, engine_release
from llminfra.charts.kubernetes import Image
from llminfra.charts.llm_server import ExternalSecret, ExternalSecretItem, Security, ServiceAccount
from llminfra.charts.weights_copy import CopyResources, HubToken, WeightsCopyValues
from llminfra.compiler.releases.names import SECRET_STORE, controller_nodes
from llminfra.constructs.basis.names import bounded
from llminfra.planning.plan import Plan
from llminfra.planning.plan.endpoint import EndpointPlan
from llminfra.planning.plan.serving import AdapterPlan

_NAME_LIMIT = 40
_COMMIT = re.compile(r"[0-9a-f]{40}")
# The Hub takes files of up to 50 GB, but safetensors shards of 5 GB and less are the rule; the system nodes' root
# volume must hold it beside the image.
_SCRATCH_GIB = 15
# Far below what a NAT gateway gives, so that only a copy that hangs runs out of time.
_SLOWEST_MB_PER_S = 50
_IMAGE_PULL_S = 1200


class WeightsCopy(Struct, frozen=True):
    """One model in one bucket; ``endpoint`` is one of those that read it."""

    name: str
    bucket: str
    key: str
    revision: str
    endpoint: EndpointPlan
    model_id: str

    @property
    def timeout_s(self) -> int:
        """How long the Job may take."""
        return _IMAGE_PULL_S + int(self.endpoint.weights.bytes_total / 1e6 / _SLOWEST_MB_PER_S)


def weights_copies(plan: Plan) -> dict[str, WeightsCopy]:
    """The copy that each endpoint waits for, by endpoint.

    There is none for a bucket that llminfra only reads, for a model without a pinned commit, and in a network without
    a way to the Hub: there, weights come by other means.
    """
    if plan.network.nat == "none" and plan.network.existing_vpc_id is None:
        return {}
    own = {item.name for item in plan.buckets if not item.existing}
    copies: dict[str, WeightsCopy] = {}
    for endpoint in plan.endpoints:
        bucket, key, revision = _bucket(endpoint, plan), endpoint.weights.key, endpoint.revision
        if bucket in own and bucket and key and revision and _COMMIT.fullmatch(revision):
            name = bounded(f"copy-{endpoint.spec.model.slug}-{revision[:7]}", _NAME_LIMIT)
            others = {copy.bucket for copy in copies.values() if copy.name == name}
            if others - {bucket}:
                name = bounded(f"{name}-{hashlib.sha256(bucket.encode()).hexdigest()[:6]}", _NAME_LIMIT)
            copies[endpoint.name] = WeightsCopy(name, bucket, key, revision, endpoint, endpoint.model_id)
    return copies


def adapter_copies(plan: Plan) -> dict[str, tuple[WeightsCopy, ...]]:
    """Copies of the adapters that each endpoint serves and that come from the Hub, by endpoint.

    There is none for adapters that lie in their bucket already, nor where :func:`weights_copies` has none.
    """
    if plan.network.nat == "none" and plan.network.existing_vpc_id is None:
        return {}
    own = {item.name for item in plan.buckets if not item.existing}
    found: dict[str, tuple[WeightsCopy, ...]] = {}
    for endpoint in plan.endpoints:
        copies = tuple(
            WeightsCopy(_adapter_job(item), item.bucket, item.key, item.revision, endpoint, item.model_id)
            for item in endpoint.adapters
            if item.model_id and item.revision and item.bucket in own
        )
        if copies:
            found[endpoint.name] = copies
    return found


def _adapter_job(adapter: AdapterPlan) -> str:
    """One Job for one adapter in one bucket, whoever serves it."""
    place = hashlib.sha256(f"{adapter.bucket}/{adapter.key}".encode()).hexdigest()[:8]
    return bounded(f"copy-adapter-{place}", _NAME_LIMIT)


def weights_copy_values(copy: WeightsCopy, plan: Plan, role_arn: str | None) -> WeightsCopyValues:
    """The Job, which runs on the system nodes."""
    call, token = copy.endpoint.invocation, copy.endpoint.spec.model.token
    secret_name = f"{copy.name}-token"
    return WeightsCopyValues(
        name=copy.name,
        image=copying_image(copy.endpoint),
        model_id=copy.model_id,
        revision=copy.revision,
        bucket=copy.bucket,
        prefix=f"{copy.key}/",
        region=plan.platform.region,
        token=HubToken(secret_name=secret_name, secret_key=HUB_TOKEN) if token else None,
        external_secrets=[
            ExternalSecret(
                name=secret_name,
                store_name=SECRET_STORE,
                data=[ExternalSecretItem(secret_key=HUB_TOKEN, remote_key=token.name, remote_property=token.key)],
            )
        ]
        if token
        else [],
        resources=CopyResources(cpu_millis=500, memory_mib=2048, scratch_gib=_SCRATCH_GIB),
        active_deadline_seconds=copy.timeout_s,
        service_account=ServiceAccount(name=copy.name, role_arn=role_arn),
        node_selector=controller_nodes(plan),
        security=Security(
            run_as_user=call.run_as_user or 10001,
            run_as_group=call.run_as_user or 10001,
            fs_group=call.run_as_user or 10001,
            read_only_root_filesystem=True,
        ),
    )


def copying_image(endpoint: EndpointPlan) -> Image:
    """An image with ``huggingface_hub`` and ``boto3``.

    vLLM's has both (vllm-project/vllm docker/Dockerfile: ``boto3``, ``runai-model-streamer[s3]``); that other engines'
    images do is not known, so their models are copied by vLLM's, too.
    """
    call = endpoint.invocation
    release = engine_release("vllm", engine_info("vllm").default_version)
    known = release.image() if release and endpoint.engine != "vllm" else None
    if known is not None:
        return Image(repository=known.repository, tag=known.tag, digest=known.digest)
    return Image(repository=call.image_repository, tag=call.image_tag, digest=call.image_digest)


def _bucket(endpoint: EndpointPlan, plan: Plan) -> str | None:
    weights = endpoint.weights
    if weights.kind == "lustre":
        return next((item.source_bucket for item in plan.lustre if item.name == weights.storage), None)
    return weights.storage
