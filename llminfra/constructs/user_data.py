"""User data of AL2023 nodes: a NodeConfig that EKS merges with its own."""

from __future__ import annotations

import base64
import json

_BOUNDARY = "llminfra-node-config"


def node_config(*, raid0: bool = False, max_pods: int | None = None, fast_image_pull: bool = False) -> str | None:
    """A NodeConfig as text; ``None`` where there is nothing to say.

    Args:
        raid0: Join the NVMe disks to one array for images, pods and logs.
        max_pods: Pods per node; ``None`` leaves it to nodeadm.
        fast_image_pull: Pull and unpack image layers in parallel.

    Source of the keys: awslabs/amazon-eks-ami nodeadm/doc/api.md (``node.eks.aws/v1alpha1``).
    """
    spec: dict[str, object] = {}
    if raid0:
        spec["instance"] = {"localStorage": {"strategy": "RAID0"}}
    if max_pods is not None:
        spec["kubelet"] = {"config": {"maxPods": max_pods}}
    if fast_image_pull:
        spec["featureGates"] = {"FastImagePull": True}
    if not spec:
        return None
    # JSON is YAML, and nodeadm reads YAML.
    return json.dumps({"apiVersion": "node.eks.aws/v1alpha1", "kind": "NodeConfig", "spec": spec}, indent=2)


def mime_user_data(config: str) -> str:
    """A NodeConfig as the MIME document that managed node groups want, base64."""
    lines = [
        "MIME-Version: 1.0",
        f'Content-Type: multipart/mixed; boundary="{_BOUNDARY}"',
        "",
        f"--{_BOUNDARY}",
        "Content-Type: application/node.eks.aws",
        "",
        config,
        f"--{_BOUNDARY}--",
        "",
    ]
    return base64.b64encode("\n".join(lines).encode()).decode()
