"""What is emitted for a plan: Terraform JSON with the values of its releases, stack by stack and no more than asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from llminfra.bindings.pipeline import pipelined
from llminfra.bindings.synth import open_app, synthesize
from llminfra.compiler.stacks.async_endpoints import async_stack
from llminfra.compiler.stacks.batch import batch_stack
from llminfra.compiler.stacks.bedrock import bedrock_stack
from llminfra.compiler.stacks.cluster import cluster_stack
from llminfra.compiler.stacks.ec2 import ec2_stack
from llminfra.compiler.stacks.images import images_stack
from llminfra.compiler.stacks.network import network_stack
from llminfra.compiler.stacks.platform import platform_stack
from llminfra.compiler.stacks.sagemaker import sagemaker_stack
from llminfra.compiler.stacks.serving import serving_stack
from llminfra.compiler.stacks.storage import storage_stack
from llminfra.planning.plan import Plan

Stack = Callable[[Any], object]


def stacks_of(plan: Plan) -> Mapping[str, Stack]:
    """What builds each stack of the plan in an app, those that most fields end in first."""
    mirror, bedrock = plan.platform.images, plan.bedrock
    found: dict[str, Stack | None] = {
        "serving": (lambda app: serving_stack(app, plan)) if plan.endpoints else None,
        "ec2": (lambda app: ec2_stack(app, plan)) if plan.ec2 else None,
        "sagemaker": (lambda app: sagemaker_stack(app, plan)) if plan.sagemaker else None,
        "async": (lambda app: async_stack(app, plan)) if plan.async_endpoints else None,
        "batch": (lambda app: batch_stack(app, plan)) if plan.batches else None,
        "bedrock": (lambda app: bedrock_stack(app, plan, bedrock)) if bedrock is not None else None,
        "storage": (lambda app: storage_stack(app, plan)) if plan.buckets or plan.lustre else None,
        "platform": (lambda app: platform_stack(app, plan)) if plan.cluster is not None else None,
        "images": (lambda app: images_stack(app, plan, mirror)) if mirror is not None and mirror.create else None,
        "network": lambda app: network_stack(app, plan),
        "cluster": (lambda app: cluster_stack(app, plan)) if plan.cluster is not None else None,
    }
    return {name: build for name, build in found.items() if build is not None}


def emitted(plan: Plan, name: str) -> str:
    """One stack of the plan, as Terraform reads it."""
    with TemporaryDirectory() as folder:
        app = open_app(Path(folder))
        with pipelined():
            stacks_of(plan)[name](app)
        (path,) = synthesize(app)
        return path.read_text(encoding="utf-8")
