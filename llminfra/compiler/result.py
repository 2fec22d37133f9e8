"""What a synthesis wrote."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct


class StackInfo(Struct, frozen=True):
    """One synthesized stack.

    Attributes:
        name: Stack name, ``<platform>-<kind>``.
        path: Folder with ``cdk.tf.json``, where Terraform runs.
        dependencies: Stacks that must be applied before.
        platform: Platform name.
        resources: Number of Terraform resources (data sources not counted).
    """

    name: str
    path: Path
    dependencies: tuple[str, ...]
    platform: str
    resources: int


class SynthResult(Struct, frozen=True):
    """A synthesized folder.

    Attributes:
        out_dir: The folder.
        stacks: Stacks in an order in which they can be applied.
        manifest: Path of ``manifest.json``, which has the same order and dependencies.
    """

    out_dir: Path
    stacks: tuple[StackInfo, ...]
    manifest: Path
