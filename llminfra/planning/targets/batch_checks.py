"""What AWS Batch cannot do: jobs over several instances on spot, in arrays, over zones, in any image.

Sources: AWS Batch User Guide, "Multi-node parallel jobs", "Compute environment considerations for MNP", "Elastic Fabric
Adapter"; API Reference, ``ContainerProperties`` (no entry point).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llminfra.planning.findings import Findings
    from llminfra.planning.plan.infrastructure import PoolPlan
    from llminfra.planning.plan.serving import ServingPlan
    from llminfra.spec.services.batch import BatchInference


def check_fabric(item: BatchInference, pool: PoolPlan, findings: Findings) -> bool:
    """Report EFA that the queue cannot have; true when it is fine."""
    if not item.on.efa:
        return True
    path = f"endpoints.{item.name}.on"
    names = ", ".join(item.on.instance_types)
    fine = True
    if len(item.on.instance_types) > 1:
        fine = False
        findings.error(
            "LLM_CAP_22",
            item.on,
            f"{path}.instance_types",
            "EFA takes one instance type, because the network cards of a launch template fit one type",
            found=names,
            expected=f"one type, for example {item.on.instance_types[0]}",
            fix="keep one type, or drop efa=True",
        )
    elif not pool.main_type.efa_interfaces:
        fine = False
        findings.error(
            "LLM_CAP_21",
            item.on,
            f"{path}.efa",
            f"{names} has no Elastic Fabric Adapter",
            found=f"{names} with efa=True",
            expected="a type with EFA, for example p5.48xlarge",
            fix="use a larger type, or drop efa=True",
        )
    if len(item.on.zones) > 1:
        fine = False
        findings.error(
            "LLM_CAP_24",
            item.on,
            f"{path}.zones",
            "EFA traffic does not cross zones",
            found=", ".join(item.on.zones),
            expected="one zone",
            fix=f"keep one, for example zones=[{item.on.zones[0]!r}]",
        )
    if item.on.spot:
        fine = False
        findings.error(
            "LLM_BAT_4",
            item.on,
            f"{path}.spot",
            "AWS Batch runs no job over several instances on spot",
            found="efa=True, spot=True",
            expected="spot=False",
            fix="set spot=False; with reservation=CapacityBlock(…) the instances are there when the job starts",
            runtime_message="Multi-node parallel jobs aren't supported on compute environments that use Spot Instances",
        )
    if item.jobs > 1:
        fine = False
        findings.error(
            "LLM_BAT_5",
            item,
            f"endpoints.{item.name}.jobs",
            "a job over several instances cannot be an array",
            found=f"jobs={item.jobs}, efa=True",
            expected="jobs=1",
            fix="set jobs=1; for more at once declare another BatchInference over other files",
        )
    return fine


def check_lines(item: BatchInference, serving: ServingPlan, findings: Findings) -> bool:
    """Report a model whose requests are no lines of JSON; true when it is fine."""
    if serving.task != "transcribe":
        return True
    findings.error(
        "LLM_TASK_17",
        item,
        f"endpoints.{item.name}.model",
        "the runner posts lines of JSON to the engine, and recordings are posted as forms",
        found=serving.model_id,
        expected="a model that writes, embeds, reranks or classifies",
        fix="transcribe by an Endpoint on a GpuPool or on Ec2, with an AsyncEndpoint in front of it",
    )
    return False


def check_image(item: BatchInference, serving: ServingPlan, findings: Findings) -> bool:
    """Report an image whose entry point would start the same server on every node; true when it is fine."""
    if serving.nodes == 1:
        return True
    path = f"endpoints.{item.name}.engine"
    backend = getattr(item.engine, "distributed_executor_backend", "mp")
    if backend != "mp":
        findings.error(
            "LLM_SRV_48",
            item,
            f"{path}.distributed_executor_backend",
            "nodes of a job start the engine's own processes; nothing starts a Ray cluster on them",
            found=backend,
            expected="mp",
            fix="leave distributed_executor_backend out, or use a GpuPool",
        )
        return False
    image = getattr(item.engine, "image", None)
    if image is not None and image.efa:
        return True
    call = serving.invocation
    findings.error(
        "LLM_BAT_6",
        item,
        f"{path}.image",
        "every node runs the runner, which starts its rank of the engine; AWS Batch cannot replace the entry point of "
        "an image, and that of AWS' own images with EFA starts a server without ranks",
        found=f"{call.image_repository}:{call.image_tag}",
        expected="Image(…, efa=True) without entry point, with the engine, Python and boto3",
        fix=f"build `FROM {call.image_repository}:{call.image_tag}` with `ENTRYPOINT []`, and name it with image=…",
    )
    return False
