"""What nodes of a pool are told at boot, whoever starts them: NodeConfig, scripts, and the volume with images."""

from __future__ import annotations

from llminfra.catalog import eks
from llminfra.constructs.machines.user_data import boot_script, encoded, mime_user_data, node_config
from llminfra.planning.plan.infrastructure import PoolPlan
from llminfra.planning.storage.node_cache import NODE_CACHE_DIR, NODE_CACHE_USER
from llminfra.spec.compute.gpu_sharing import Mig

IMAGE_DEVICE = "/dev/xvdb"
IMAGE_VOLUME_MIB_PER_S = 600
"""Throughput of the volume with images; 125 MiB/s, which gp3 includes, would be the slowest part of a start."""
IMAGE_VOLUME_IOPS = 6000
_IMAGE_LABEL = "llm-images"
"""Label of the file system, given by ``modules/nodes/build_image_snapshot.sh``."""


def managed_user_data(pool: PoolPlan) -> str | None:
    """User data of a launch template, base64; ``None`` where there is nothing to say."""
    config, scripts = _config(pool, raid0=pool.raid0, max_pods=pool.max_pods), _scripts(pool)
    return encoded(mime_user_data(config or _EMPTY_CONFIG, scripts)) if config or scripts else None


def karpenter_user_data(pool: PoolPlan) -> str | None:
    """User data of an EC2NodeClass as text; Karpenter itself adds the array and the number of pods."""
    config, scripts = _config(pool, raid0=False, max_pods=None), _scripts(pool)
    return mime_user_data(config or _EMPTY_CONFIG, scripts) if scripts else config


def _config(pool: PoolPlan, *, raid0: bool, max_pods: int | None) -> str | None:
    snapshot = pool.spec.image_snapshot is not None
    return node_config(
        raid0=raid0,
        max_pods=max_pods,
        # Parallel pulls need a snapshotter of their own, which does not see the images of a volume.
        fast_image_pull=pool.raid0 and not snapshot,
        images_elsewhere=pool.raid0 and snapshot,
        # libfabric locks the memory that it registers with EFA, and engines run without root.
        limits=eks.container_limits() if pool.efa_per_node else None,
    )


_EMPTY_CONFIG = '{"apiVersion": "node.eks.aws/v1alpha1", "kind": "NodeConfig", "spec": {}}'


def _scripts(pool: PoolPlan) -> list[str]:
    sharing, gpu = pool.spec.sharing, pool.main_type.gpu
    scripts = []
    if isinstance(sharing, Mig) and gpu is not None:
        slices = str(pool.gpus_per_node // gpu.count)
        scripts.append(boot_script("mig.sh", {"MIG_PROFILE": sharing.profile, "MIG_SLICES": slices}))
    if pool.spec.image_snapshot is not None:
        scripts.append(boot_script("image_volume.sh", {"IMAGE_VOLUME_LABEL": _IMAGE_LABEL}))
    if pool.node_cache:
        settings = {
            "NODE_CACHE_ARRAY": NODE_CACHE_DIR.rpartition("/")[0],
            "NODE_CACHE_DIR": NODE_CACHE_DIR,
            "NODE_CACHE_USER": str(NODE_CACHE_USER),
        }
        scripts.append(boot_script("node_cache.sh", settings))
    return scripts
