"""What the FSx for Lustre CSI driver may do: look file systems up. Volumes are static; it creates and deletes none."""

from __future__ import annotations

from llminfra.constructs.basis.iam import Statement
from llminfra.constructs.basis.scope import Scope


def looks_up_file_systems(scope: Scope) -> Statement:
    """Statement for the driver's controller, for its own region.

    FSx cannot restrict the action to a file system: a statement that names one allows nothing (Service Authorization
    Reference, "Actions, resources, and condition keys for Amazon FSx": ``DescribeFileSystems`` has no resource types).
    """
    return Statement(
        sid="LookUpFileSystems",
        actions=["fsx:DescribeFileSystems"],
        resources=["*"],
        conditions=[("StringEquals", "aws:RequestedRegion", [scope.region])],
    )
