"""Shared GPUs: what a node offers, what a replica may take, and what is refused."""

import datetime as dt
import json
import os
import subprocess
from pathlib import Path

import pytest

from llminfra import (
    VLLM,
    Cluster,
    Endpoint,
    GpuPool,
    Mig,
    Model,
    Parallelism,
    Platform,
    SGLang,
    TimeSlicing,
)
from llminfra.catalog.gpus import find_gpu, gpus
from llminfra.catalog.mig import mig_profiles
from llminfra.compiler.releases.gpu_agents import nvidia_device_plugin_values
from llminfra.constructs.machines.user_data import boot_script, mime_user_data
from llminfra.diagnostics import SpecError
from llminfra.diagnostics import errors as errors_of
from llminfra.planning import plan_platform
from llminfra.planning.plan import Plan

DAY = dt.date(2026, 11, 23)
HALVES = Mig(profile="3g.40gb", tenants=["a", "b"])
TURNS = TimeSlicing(replicas=4, tenants=["a"])


def plan(sharing=HALVES, *, types=("p5.48xlarge",), engine=None, model="Qwen/Qwen3-0.6B", **changes) -> Plan:
    cluster = changes.pop("cluster", Cluster())
    parallelism = changes.pop("parallelism", None)
    pool = GpuPool(name="shared", instance_types=types, nodes=(1, 2), sharing=sharing, **changes)
    endpoint = Endpoint(
        name="chat",
        model=Model(id=model),
        engine=engine or VLLM(max_model_len=4096, max_num_seqs=16),
        on=pool,
        parallelism=parallelism,
    )
    return plan_platform(
        Platform(name="p", region="us-east-1", cluster=cluster, pools=[pool], endpoints=[endpoint]), today=DAY
    )


def errors(*args, **changes) -> set[str]:
    try:
        return {item.code for item in errors_of(plan(*args, **changes).diagnostics)}
    except SpecError as error:
        return {item.code for item in errors_of(error.diagnostics)}


def test_a_slice_is_a_gpu_of_its_own() -> None:
    planned = plan()
    (pool,) = planned.pools
    (endpoint,) = planned.endpoints
    assert planned.ok
    assert (pool.gpus_per_node, pool.gpu) == (16, "h100-80gb-mig-3g.40gb")
    assert pool.provisioner == "managed"
    assert endpoint.replicas_per_node == 16
    assert endpoint.parallelism.gpus == 1
    assert endpoint.resources.gpus == 1
    whole = plan(sharing=None).endpoints[0]
    assert endpoint.fit.kv_cache_memory_gib < whole.fit.kv_cache_memory_gib / 1.9
    assert endpoint.resources.memory_mib <= whole.resources.memory_mib / 2


def test_a_model_larger_than_the_slice_does_not_fit_though_it_fits_the_gpu() -> None:
    assert errors(model="Qwen/Qwen3-32B") == {"LLM_FIT_1"}
    assert errors(sharing=None, model="Qwen/Qwen3-32B") == set()


def test_time_slices_divide_the_memory_share() -> None:
    planned = plan(TURNS, types=("g6e.xlarge",))
    (endpoint,) = planned.endpoints
    assert planned.pools[0].gpus_per_node == 4
    (used,) = (float(item.partition("=")[2]) for item in endpoint.invocation.args if "--gpu-memory-util" in item)
    assert 0.2 < used <= 0.25
    assert endpoint.fit.gpu_memory_utilization == used


@pytest.mark.parametrize(
    ("code", "sharing", "changes"),
    [
        ("LLM_CAP_10", TimeSlicing(replicas=2, tenants=["a", "b"]), {}),
        ("LLM_CAP_33", Mig(profile="3g.71gb", tenants=["a"]), {}),
        ("LLM_CAP_33", Mig(profile="1g.10gb", tenants=["a"]), {"types": ("g6e.xlarge",)}),
        ("LLM_CAP_34", HALVES, {"efa": True}),
        ("LLM_CAP_35", HALVES, {"provisioner": "karpenter"}),
        ("LLM_CAP_36", HALVES, {"parallelism": Parallelism(tensor=2)}),
        ("LLM_CAP_37", TURNS, {"engine": SGLang(max_model_len=4096)}),
        ("LLM_CAP_37", TURNS, {"engine": VLLM(gpu_memory_utilization=0.5)}),
    ],
)
def test_what_cannot_work_is_refused(code, sharing, changes) -> None:
    assert errors(sharing, **changes) == {code}


def test_a_declared_share_is_kept() -> None:
    planned = plan(TURNS, engine=VLLM(max_model_len=2048, max_num_seqs=8, gpu_memory_utilization=0.2))
    assert planned.ok
    assert planned.endpoints[0].fit.gpu_memory_utilization == 0.2


def test_the_cluster_autoscaler_starts_shared_nodes_itself() -> None:
    planned = plan(cluster=Cluster(autoscaler="cluster-autoscaler"))
    assert planned.pools[0].provisioner == "cluster-autoscaler"


def test_slices_of_a_device_never_have_more_memory_than_it() -> None:
    for device in json.loads((Path(__file__).parents[2] / "llminfra/catalog/data/mig_profiles.json").read_text())[
        "devices"
    ]:
        whole = gpus()[device]
        for profile in mig_profiles(device).values():
            found = find_gpu(f"{device}-mig-{profile.name}")
            assert found is not None
            assert found.compute_capability == whole.compute_capability
            assert found.nvlink_gbps == 0
            assert profile.count * profile.memory_gib <= whole.memory_gib
            assert profile.count * profile.memory_eighths <= 8
            assert profile.count * profile.compute_sevenths <= 7


def test_no_slice_of_an_unknown_profile_or_device() -> None:
    assert find_gpu("h100-80gb-mig-3g.71gb") is None
    assert find_gpu("l4-24gb-mig-1g.10gb") is None
    assert find_gpu("toaster-mig-1g.10gb") is None


def test_the_device_plugin_reads_the_configuration_that_the_node_names() -> None:
    planned = plan()
    values = nvidia_device_plugin_values(planned).to_values()
    assert "migStrategy" not in values, "an environment variable would win over the configuration"
    maps = {name: json.loads(text) for name, text in values["config"]["map"].items()}
    assert maps["mig"]["flags"]["migStrategy"] == "single"
    assert maps[values["config"]["default"]]["flags"]["migStrategy"] == "none"
    assert planned.pools[0].labels["nvidia.com/device-plugin.config"] == "mig"
    sliced = nvidia_device_plugin_values(plan(TURNS)).to_values()["config"]["map"]["time-slicing-4"]
    assert json.loads(sliced)["sharing"]["timeSlicing"] == {
        "failRequestsGreaterThanOne": True,
        "resources": [{"name": "nvidia.com/gpu", "replicas": 4}],
    }
    assert nvidia_device_plugin_values(plan(sharing=None)).config is None


_NVIDIA_SMI = """#!/bin/bash
echo "$*" >>"$STATE/calls"
case "$*" in
  "-mig 1") [[ -n "${REFUSED:-}" ]] || touch "$STATE/enabled" ;;
  *mig.mode.current*) for _ in 0 1; do [[ -e "$STATE/enabled" ]] && echo Enabled || echo Disabled; done ;;
  *query-gpu=index*) printf '0\\n1\\n' ;;
  "mig -cgi "*) touch "$STATE/sliced" ;;
  "-L")
    for gpu in 0 1; do
      echo "GPU $gpu: NVIDIA H100 80GB HBM3 (UUID: GPU-$gpu)"
      [[ -e "$STATE/sliced" ]] && printf '  MIG 3g.40gb     Device  %s: (UUID: MIG-%s)\\n' 0 "$gpu" 1 "$gpu"
    done
    true ;;
esac
"""


def _boot(tmp_path: Path, **env: str) -> tuple[int, list[str]]:
    tools = tmp_path / "bin"
    tools.mkdir(exist_ok=True)
    for name, text in {
        "nvidia-smi": _NVIDIA_SMI,
        "systemctl": '#!/bin/bash\necho "systemctl $*" >>"$STATE/calls"\n',
    }.items():
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    script = Path(__file__).parents[2] / "modules/nodes/mig.sh"
    settings = {"MIG_PROFILE": "3g.40gb", "MIG_SLICES": "2", "STATE": str(tmp_path), **env}
    done = subprocess.run(
        ["bash", str(script)],
        env={"PATH": f"{tools}:{os.environ['PATH']}", **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, (tmp_path / "calls").read_text().splitlines()


def test_the_node_is_cut_into_slices_once(tmp_path: Path) -> None:
    code, calls = _boot(tmp_path)
    assert code == 0
    assert "mig -cgi 3g.40gb,3g.40gb -C" in calls
    assert not any(item.startswith("systemctl") for item in calls)
    code, calls = _boot(tmp_path)
    assert code == 0
    assert calls.count("mig -cgi 3g.40gb,3g.40gb -C") == 1


def test_a_node_that_is_not_cut_as_wished_stays_out(tmp_path: Path) -> None:
    code, calls = _boot(tmp_path, MIG_SLICES="3")
    assert code != 0
    assert "systemctl mask --runtime --now kubelet.service" in calls


def test_user_data_carries_the_script_beside_the_node_configuration() -> None:
    text = mime_user_data("{}", [boot_script("mig.sh", {"MIG_PROFILE": "3g.40gb"})])
    assert text.count("--llminfra-node-config\n") == 2
    assert 'Content-Type: text/x-shellscript; charset="us-ascii"\n\n#!/bin/bash\n' in text
    assert "export MIG_PROFILE=3g.40gb\n" in text
