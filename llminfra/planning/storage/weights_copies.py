"""Models and adapters that buckets must hold for endpoints on pools: a Job of the cluster copies each from the Hub."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from msgspec import Struct

from llminfra.catalog.engines import engine_info, engine_release
from llminfra.planning.plan.made_names import bounded
from llminfra.planning.storage.commits import is_commit

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan
    from llminfra.planning.plan.endpoint import EndpointPlan
    from llminfra.planning.plan.serving import AdapterPlan

_NAME_LIMIT = 40
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
    filled = _filled(plan)
    copies: dict[str, WeightsCopy] = {}
    for endpoint in plan.endpoints:
        bucket, key, revision = bucket_of_weights(endpoint, plan), endpoint.weights.key, endpoint.revision
        if bucket in filled and bucket and key and is_commit(revision):
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
    filled = _filled(plan)
    found: dict[str, tuple[WeightsCopy, ...]] = {}
    for endpoint in plan.endpoints:
        copies = tuple(
            WeightsCopy(_adapter_job(item), item.bucket, item.key, item.revision, endpoint, item.model_id)
            for item in endpoint.adapters
            if item.model_id and item.revision and item.bucket in filled
        )
        if copies:
            found[endpoint.name] = copies
    return found


def _filled(plan: Plan) -> set[str]:
    """Buckets that Jobs fill: those that llminfra makes, where there is a way to the Hub."""
    if plan.network.nat == "none" and plan.network.existing_vpc_id is None:
        return set()
    return {item.name for item in plan.buckets if not item.existing}


def _adapter_job(adapter: AdapterPlan) -> str:
    """One Job for one adapter in one bucket, whoever serves it."""
    place = hashlib.sha256(f"{adapter.bucket}/{adapter.key}".encode()).hexdigest()[:8]
    return bounded(f"copy-adapter-{place}", _NAME_LIMIT)


def bucket_of_weights(endpoint: EndpointPlan, plan: Plan) -> str | None:
    """The bucket that the weights come from, through a file system or not; ``None``: they come from elsewhere."""
    weights = endpoint.weights
    if weights.kind == "lustre":
        return next((item.source_bucket for item in plan.lustre if item.name == weights.storage), None)
    return weights.storage


def copying_image(endpoint: EndpointPlan) -> tuple[str, str | None, str | None]:
    """Repository, tag and digest of an image with ``huggingface_hub`` and ``boto3``.

    vLLM's has both (vllm-project/vllm docker/Dockerfile: ``boto3``, ``runai-model-streamer[s3]``); that other engines'
    images do is not known, so their models are copied by vLLM's, too.
    """
    call = endpoint.invocation
    release = engine_release("vllm", engine_info("vllm").default_version)
    known = release.image() if release and endpoint.engine != "vllm" else None
    if known is not None:
        return known.repository, known.tag, known.digest
    return call.image_repository, call.image_tag, call.image_digest
