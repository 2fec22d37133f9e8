"""What the FSx for Lustre CSI driver may do: look file systems up. Volumes are static; it creates and deletes none."""

from __future__ import annotations

from llminfra.constructs.basis.iam import Statement
from llminfra.constructs.basis.scope import Scope


def looks_up_file_systems(scope: Scope) -> Statement:
    """Statement for the driver's controller."""
    return Statement(
        sid="LookUpFileSystems",
        actions=["fsx:DescribeFileSystems"],
        resources=[scope.arn("fsx", "file-system/*")],
    )
