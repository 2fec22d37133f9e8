"""Kinds of Terraform stacks that a platform is made of."""

from __future__ import annotations

from typing import Literal

StackKind = Literal[
    "images", "network", "cluster", "storage", "platform", "serving", "ec2", "sagemaker", "async", "batch", "bedrock"
]
