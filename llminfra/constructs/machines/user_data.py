"""User data of AL2023 nodes: a NodeConfig that EKS merges with its own."""

from __future__ import annotations

import base64
import json
import shlex
from collections.abc import Mapping, Sequence

from llminfra.assets import modules_dir
from llminfra.catalog.eks import ContainerLimits

_BOUNDARY = "llminfra-node-config"


def node_config(
    *,
    raid0: bool = False,
    max_pods: int | None = None,
    fast_image_pull: bool = False,
    images_elsewhere: bool = False,
    limits: ContainerLimits | None = None,
) -> str | None:
    """A NodeConfig as text; ``None`` where there is nothing to say.

    Args:
        raid0: Join the NVMe disks to one array for images, pods and logs.
        max_pods: Pods per node; ``None`` leaves it to nodeadm.
        fast_image_pull: Pull and unpack image layers in parallel.
        images_elsewhere: Leave containerd's folder off the array: a volume of its own is mounted there.
        limits: Limits of all containers; ``None`` leaves the image's own.

    Source of the keys: awslabs/amazon-eks-ami nodeadm/doc/api.md (``node.eks.aws/v1alpha1``).
    """
    spec: dict[str, object] = {}
    storage: dict[str, object] = {"strategy": "RAID0"} if raid0 else {}
    if images_elsewhere:
        storage["disabledMounts"] = ["Containerd"]
    if storage:
        spec["instance"] = {"localStorage": storage}
    if max_pods is not None:
        spec["kubelet"] = {"config": {"maxPods": max_pods}}
    if fast_image_pull:
        spec["featureGates"] = {"FastImagePull": True}
    if limits is not None:
        spec["containerd"] = {"baseRuntimeSpec": {"process": {"rlimits": _rlimits(limits)}}}
    if not spec:
        return None
    # JSON is YAML, and nodeadm reads YAML.
    return json.dumps({"apiVersion": "node.eks.aws/v1alpha1", "kind": "NodeConfig", "spec": spec}, indent=2)


def _rlimits(limits: ContainerLimits) -> list[dict[str, object]]:
    """Both, because a list replaces the image's own."""
    locked = limits.memlock_bytes
    return [
        {"type": "RLIMIT_NOFILE", "soft": limits.nofile_soft, "hard": limits.nofile_hard},
        {"type": "RLIMIT_MEMLOCK", "soft": locked, "hard": locked},
    ]


def boot_script(name: str, settings: Mapping[str, str]) -> str:
    """A script of ``modules/nodes`` that runs at this boot and every later one, with its settings.

    cloud-init runs it, and nodeadm starts the kubelet only after cloud-init
    (awslabs/amazon-eks-ami nodeadm-run.service: ``After=nodeadm-config.service cloud-final.service``).
    """
    path = f"/var/lib/cloud/scripts/per-boot/llminfra-{name}"
    body = (modules_dir() / "nodes" / name).read_text(encoding="utf-8")
    first, _, rest = body.partition("\n")
    exports = "".join(f"export {key}={shlex.quote(value)}\n" for key, value in sorted(settings.items()))
    return f"#!/bin/bash\ncat >{path} <<'LLMINFRA'\n{first}\n{exports}{rest}LLMINFRA\nchmod 0755 {path}\nexec {path}\n"


def mime_user_data(config: str, scripts: Sequence[str] = ()) -> str:
    """A NodeConfig, and scripts if there are any, as the MIME document that nodes of both kinds read."""
    parts = [
        ("application/node.eks.aws", config),
        *(('text/x-shellscript; charset="us-ascii"', script) for script in scripts),
    ]
    lines = [
        "MIME-Version: 1.0",
        f'Content-Type: multipart/mixed; boundary="{_BOUNDARY}"',
        "",
        *(line for kind, text in parts for line in (f"--{_BOUNDARY}", f"Content-Type: {kind}", "", text)),
        f"--{_BOUNDARY}--",
        "",
    ]
    return "\n".join(lines)


def encoded(document: str) -> str:
    """User data as launch templates want it, base64; Karpenter encodes what it is given itself."""
    return base64.b64encode(document.encode()).decode()
