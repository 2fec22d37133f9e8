"""Stacks beside the cluster: endpoints on EC2 and SageMaker, queues, batch jobs and Bedrock, where they are planned."""

from __future__ import annotations

from collections.abc import Sequence

from llminfra.bindings import core
from llminfra.compiler.stacks.common import Built
from llminfra.planning.plan import Plan


def target_stacks(app: core.App, plan: Plan, built: Sequence[Built]) -> list[Built]:
    """Compile them; each comes after the stacks that it reads, and queues after the endpoints that they call."""
    found: list[Built] = []
    # Each is imported where it is planned: most platforms have none of them.
    if plan.ec2:
        from llminfra.compiler.stacks.ec2 import ec2_stack  # noqa: PLC0415  # where it is planned

        found.append(_after(ec2_stack(app, plan), built, {"network", "storage"}))
    if plan.sagemaker:
        from llminfra.compiler.stacks.sagemaker import sagemaker_stack  # noqa: PLC0415  # where it is planned

        found.append(_after(sagemaker_stack(app, plan), built, {"network", "storage"}))
    if plan.async_endpoints:
        from llminfra.compiler.stacks.async_endpoints import async_stack  # noqa: PLC0415  # where it is planned

        before = {"network", "cluster", "serving", "ec2", "sagemaker"}
        found.append(_after(async_stack(app, plan), [*built, *found], before))
    if plan.batches:
        from llminfra.compiler.stacks.batch import batch_stack  # noqa: PLC0415  # where it is planned

        found.append(_after(batch_stack(app, plan), built, {"network", "storage"}))
    if plan.bedrock is not None:
        from llminfra.compiler.stacks.bedrock import bedrock_stack  # noqa: PLC0415  # where it is planned

        found.append(_after(bedrock_stack(app, plan, plan.bedrock), built, {"cluster"} if plan.bedrock.pods else set()))
    return found


def _after(stack: Built, built: Sequence[Built], kinds: set[str]) -> Built:
    for earlier in built:
        if earlier.kind in kinds:
            stack.stack.add_dependency(earlier.stack)
    return stack
