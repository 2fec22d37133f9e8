"""The serving stack: a role and a release for each endpoint, after the Jobs that fetch their weights."""

from __future__ import annotations

from collections.abc import Sequence

from llminfra.bindings import core
from llminfra.compiler.contracts import BucketOutputs, ClusterContract, NetworkContract, StorageContract
from llminfra.compiler.releases.llm_server import llm_server_values
from llminfra.compiler.releases.nccl_preflight import has_preflight, nccl_preflight_values
from llminfra.compiler.releases.pd_router import pd_router_values
from llminfra.compiler.releases.weights_copy import weights_copy_values
from llminfra.compiler.stacks.common import Built, open_stack, pod_identity, read
from llminfra.compiler.stacks.copied_weights import checked_uploads
from llminfra.compiler.stacks.gateways import gateway_resources
from llminfra.compiler.stacks.local_charts import local_chart
from llminfra.constructs.basis.iam import PodIdentity, Role, Statement, pod_role
from llminfra.constructs.basis.kms import uses_key
from llminfra.constructs.basis.names import identifier
from llminfra.constructs.basis.providers import helm_provider
from llminfra.constructs.basis.scope import Scope
from llminfra.constructs.cluster.helm_release import HelmRelease, helm_release
from llminfra.constructs.endpoint_contract import endpoint_contract
from llminfra.planning.endpoints.contract import contract
from llminfra.planning.plan import Plan
from llminfra.planning.plan.endpoint import EndpointPlan
from llminfra.planning.plan.made_names import preflight_name
from llminfra.planning.plan.serving import AdapterPlan
from llminfra.planning.storage.weights_copies import WeightsCopy, adapter_copies, weights_copies
from llminfra.spec.compute.capacity import CapacityBlock

# Time for a node to come and for its first image, on top of what the pod itself may take.
_NODE_AND_IMAGE_S = 1800
_JOB_MARGIN_S = 300
# Nothing runs when it is installed.
_PREFLIGHT_INSTALL_S = 120
# Two small images on a node that is there.
_ROUTER_START_S = 300


def serving_stack(app: core.App, plan: Plan) -> Built:
    """Compile the endpoints of a plan."""
    scope = open_stack(app, plan, "serving", with_helm=True)
    cluster = ClusterContract.read(read(scope, plan, "cluster"), plan)
    stored = bool(plan.buckets or plan.lustre)
    storage = StorageContract.read(read(scope, plan, "storage"), plan) if stored else None
    helm_provider(
        scope.stack,
        region=plan.platform.region,
        cluster_name=cluster.name,
        endpoint=cluster.endpoint,
        ca_certificate=cluster.ca_certificate,
    )
    identity = pod_identity(plan, cluster)
    charts: set[str] = set()
    copies = weights_copies(plan) if storage else {}
    adapters = adapter_copies(plan) if storage else {}
    jobs = [*copies.values(), *(item for each in adapters.values() for item in each)]
    copied = {
        copy.name: _copy(scope, plan, copy, storage, identity, charts)
        for copy in {item.name: item for item in jobs}.values()
        if storage
    }
    for endpoint in plan.endpoints:
        make = scope.under(endpoint.declared_path)
        role = _role(scope, plan, endpoint, storage, identity)
        role_arn = role.arn if role and identity.kind == "irsa" else None
        weights = [copied[copies[endpoint.name].name]] if endpoint.name in copies else []
        weights += [copied[item.name] for item in adapters.get(endpoint.name, ())]
        weights += checked_uploads(make, plan, endpoint, storage, {f"{item.bucket}/{item.key}" for item in jobs})
        helm_release(
            make,
            HelmRelease(
                id=endpoint.name,
                namespace=endpoint.namespace,
                chart=local_chart("llm-server", charts),
                values=llm_server_values(endpoint, plan, storage, role_arn, scope.account_id),
                timeout_s=timeout_s(endpoint),
                wait=waits(endpoint, plan),
                after=[*(role.ready if role else ()), *weights],
            ),
        )
        if endpoint.part_of is None:
            endpoint_contract(make, endpoint.name, contract(endpoint, plan))
        if has_preflight(endpoint):
            helm_release(
                make,
                HelmRelease(
                    id=preflight_name(endpoint.name),
                    namespace=endpoint.namespace,
                    chart=local_chart("nccl-preflight", charts),
                    values=nccl_preflight_values(endpoint, plan),
                    timeout_s=_PREFLIGHT_INSTALL_S,
                ),
            )
    for router in plan.routers:
        make = scope.under(f"endpoints.{router.name}")
        helm_release(
            make,
            HelmRelease(
                id=router.name,
                namespace=router.namespace,
                chart=local_chart("pd-router", charts),
                values=pd_router_values(router, plan),
                timeout_s=_ROUTER_START_S + router.grace_s,
            ),
        )
        endpoint_contract(make, router.name, contract(router, plan))
    network = NetworkContract.read(read(scope, plan, "network"), plan) if plan.gateways else None
    for gateway in plan.gateways:
        if network is not None:
            gateway_resources(scope, plan, gateway, network, cluster, charts)
    scope.finish()
    return Built("serving", scope.stack, frozenset(charts))


def _copy(
    scope: Scope,
    plan: Plan,
    copy: WeightsCopy,
    storage: StorageContract,
    identity: PodIdentity,
    charts: set[str],
) -> core.TerraformElement:
    """A Job that fills one prefix of a bucket, with a role that writes there and nowhere else."""
    make = scope.under(f"endpoints.{copy.endpoint.part_of or copy.endpoint.name}.model")
    role = pod_role(
        make,
        copy.name,
        identity=identity,
        namespace=copy.endpoint.namespace,
        service_account=copy.name,
        description=f"{plan.platform.name}: copies {copy.model_id} into {copy.bucket}",
        inline={"weights": writes_weights(storage.buckets[copy.bucket], copy.key, scope)},
        pods_follow=True,
    )
    return helm_release(
        make,
        HelmRelease(
            id=copy.name,
            namespace=copy.endpoint.namespace,
            chart=local_chart("weights-copy", charts),
            values=weights_copy_values(copy, plan, role.arn if identity.kind == "irsa" else None),
            timeout_s=copy.timeout_s + _JOB_MARGIN_S,
            wait_for_jobs=True,
            after=role.ready,
        ),
    )


def timeout_s(endpoint: EndpointPlan) -> int:
    """How long Helm waits: a node, an image, and one start after the other where pods are replaced one by one."""
    in_turn = 1 if endpoint.rollout == "surge" else max(1, endpoint.min_replicas)
    startup = endpoint.startup
    each = startup.budget_s + startup.copy_patience_s + endpoint.drain.grace_s
    return _NODE_AND_IMAGE_S + in_turn * each


def waits(endpoint: EndpointPlan, plan: Plan) -> bool:
    """Whether an apply waits for the endpoint: not for machines that come when a capacity block begins."""
    return not isinstance(plan.pool(endpoint.pool).spec.capacity, CapacityBlock) and endpoint.min_replicas > 0


def _role(
    scope: Scope,
    plan: Plan,
    endpoint: EndpointPlan,
    storage: StorageContract | None,
    identity: PodIdentity,
) -> Role | None:
    """A role that reads the endpoint's own model and adapters and keeps its kernels; none where nothing is in S3."""
    weights = endpoint.weights
    if storage is None:
        return None
    inline: dict[str, Sequence[Statement]] = {}
    if weights.kind in {"bucket", "mountpoint", "nvme"} and weights.storage and weights.key:
        bucket = storage.buckets[weights.storage]
        inline["weights"] = reads_weights(bucket, weights.key, scope, with_listing=weights.kind == "nvme")
    if (cache := endpoint.compile_cache) is not None:
        inline["kernels"] = keeps_kernels(storage.buckets[cache.bucket], cache.key, scope)
    for bucket_name in dict.fromkeys(item.bucket for item in endpoint.adapters):
        here = [item for item in endpoint.adapters if item.bucket == bucket_name]
        inline[f"adapters-{identifier(bucket_name)}"] = reads_adapters(storage.buckets[bucket_name], here, scope)
    if not inline:
        return None
    return pod_role(
        scope.under(endpoint.declared_path),
        f"endpoint-{endpoint.name}",
        identity=identity,
        namespace=endpoint.namespace,
        service_account=endpoint.service_account,
        description=f"{plan.platform.name}: endpoint {endpoint.name} reads its weights",
        inline=inline,
        pods_follow=True,
    )


def reads_weights(
    bucket: BucketOutputs, prefix: str, scope: Scope, *, with_listing: bool = False
) -> Sequence[Statement]:
    """List and read one prefix, and decrypt through S3 only; ``with_listing`` adds the note that it is complete."""
    listing = [f"{bucket.arn}/{prefix}.complete.json"] if with_listing else []
    statements = [
        Statement(sid="ReadWeights", actions=["s3:GetObject"], resources=[f"{bucket.arn}/{prefix}/*", *listing]),
        Statement(
            sid="ListWeights",
            actions=["s3:ListBucket"],
            resources=[bucket.arn],
            conditions=[("StringLike", "s3:prefix", [prefix, f"{prefix}/*"])],
        ),
    ]
    return [*statements, *uses_key("DecryptWeights", bucket.key_arn, scope, "kms:Decrypt")]


def reads_adapters(bucket: BucketOutputs, adapters: Sequence[AdapterPlan], scope: Scope) -> Sequence[Statement]:
    """Read the adapters alone, and list what is mounted above them.

    Folders on the way are asked for by their names, as if they were files (awslabs/mountpoint-s3, superblock.rs:
    HeadObject beside the listing), and what may not be read is an error there, not a file that is missing.
    """
    keys = list(dict.fromkeys(item.key for item in adapters))
    mounted = list(dict.fromkeys(item.mounted for item in adapters))
    above = dict.fromkeys(
        f"{item.mounted}/{'/'.join(parts[: count + 1])}"
        for item in adapters
        if (parts := item.key.removeprefix(item.mounted).strip("/").split("/")) != [""]
        for count in range(len(parts))
    )
    statements = [
        Statement(
            sid="ReadAdapters",
            actions=["s3:GetObject"],
            resources=[f"{bucket.arn}/{each}" for each in (*above, *(f"{key}/*" for key in keys))],
        ),
        Statement(
            sid="ListAdapters",
            actions=["s3:ListBucket"],
            resources=[bucket.arn],
            conditions=[("StringLike", "s3:prefix", [each for prefix in mounted for each in (prefix, f"{prefix}/*")])],
        ),
    ]
    return [*statements, *uses_key("DecryptWeights", bucket.key_arn, scope, "kms:Decrypt")]


def keeps_kernels(bucket: BucketOutputs, key: str, scope: Scope) -> Sequence[Statement]:
    """Read and write one object of kernels, and use the bucket's key for it through S3 only."""
    statements = [
        Statement(sid="KeepKernels", actions=["s3:GetObject", "s3:PutObject"], resources=[f"{bucket.arn}/{key}"])
    ]
    return [*statements, *uses_key("EncryptKernels", bucket.key_arn, scope, "kms:GenerateDataKey", "kms:Decrypt")]


def writes_weights(bucket: BucketOutputs, prefix: str, scope: Scope) -> Sequence[Statement]:
    """Write one prefix and the note beside it that it is complete, and encrypt through S3 only.

    Listing is not bound to the prefix: without it, S3 answers "forbidden" for a file that is not there yet.
    """
    statements = [
        Statement(
            sid="WriteWeights",
            actions=["s3:PutObject", "s3:GetObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
            resources=[f"{bucket.arn}/{prefix}/*", f"{bucket.arn}/{prefix}.complete.json"],
        ),
        Statement(sid="SeeWhatIsThere", actions=["s3:ListBucket"], resources=[bucket.arn]),
    ]
    return [*statements, *uses_key("EncryptWeights", bucket.key_arn, scope, "kms:GenerateDataKey", "kms:Decrypt")]
