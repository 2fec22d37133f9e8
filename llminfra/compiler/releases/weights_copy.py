"""The Job that copies a model or an adapter from the Hub into a bucket."""

from __future__ import annotations

from llminfra.catalog.container_env import HUB_TOKEN
from llminfra.charts.kubernetes import Image
from llminfra.charts.llm_server import ExternalSecret, ExternalSecretItem, Security, ServiceAccount
from llminfra.charts.weights_copy import CopyResources, HubToken, WeightsCopyValues
from llminfra.compiler.releases.names import controller_nodes, secret_store
from llminfra.planning.plan import Plan
from llminfra.planning.storage.weights_copies import WeightsCopy, copying_image

# The Hub takes files of up to 50 GB, but safetensors shards of 5 GB and less are the rule; the system nodes' root
# volume must hold it beside the image.
_SCRATCH_GIB = 15


def weights_copy_values(copy: WeightsCopy, plan: Plan, role_arn: str | None) -> WeightsCopyValues:
    """The Job, which runs on the system nodes."""
    call, token = copy.endpoint.invocation, copy.endpoint.spec.model.token
    secret_name = f"{copy.name}-token"
    repository, tag, digest = copying_image(copy.endpoint)
    return WeightsCopyValues(
        name=copy.name,
        image=Image(repository=repository, tag=tag, digest=digest),
        model_id=copy.model_id,
        revision=copy.revision,
        bucket=copy.bucket,
        prefix=f"{copy.key}/",
        region=plan.platform.region,
        token=HubToken(secret_name=secret_name, secret_key=HUB_TOKEN) if token else None,
        external_secrets=[
            ExternalSecret(
                name=secret_name,
                store_name=secret_store(plan),
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
