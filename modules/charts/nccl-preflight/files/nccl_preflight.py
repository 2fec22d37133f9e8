"""Sums a tensor over all GPUs of a few nodes, and says which network NCCL chose for it.

Runs in the engine's own image, whose libraries are what is in question. Log lines: NVIDIA/nccl (``Using network``) and
aws/aws-ofi-nccl (``NET/OFI Selected provider is``). Exits with 1 where the network is not the expected one.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

_PROVIDER = re.compile(r"NET/OFI Selected [Pp]rovider is ([\w;-]+)")
_NETWORK = re.compile(r"Using network ([^\n]+)")
_LOGS = Path(os.environ.get("LOG_DIR", "/tmp"))  # noqa: S108  # the only writable directory of the pod
_PORT = 29400
_WAIT_S = 900


def read_logs(text: str) -> dict[str, list[str]]:
    """Networks and libfabric providers that NCCL names in its log, and whether GPUs are read by the card itself."""
    return {
        "networks": sorted({item.strip() for item in _NETWORK.findall(text)}),
        "providers": sorted(set(_PROVIDER.findall(text))),
        "gpu_direct": ["GDRDMA"] if "GDRDMA" in text else [],
    }


def verdict(seen: dict[str, list[str]], expected: str) -> str:
    """Empty where the network is the expected one, else what is wrong."""
    sockets = [name for name in seen["networks"] if name.startswith("Socket")]
    if sockets:
        return "NCCL fell back to TCP sockets: the image lacks the EFA userspace, or the pod has no EFA interface"
    if expected not in seen["providers"]:
        names = ", ".join(seen["providers"] + seen["networks"]) or "none"
        return f"expected the provider {expected}, found {names}"
    return ""


def say(result: dict[str, object]) -> None:
    """One line of JSON in the pod's log."""
    sys.stdout.write(f"{json.dumps(result)}\n")


def leader() -> str:
    """Name of the first pod: Kubernetes calls the pods of an indexed Job by the Job's name and their index."""
    job = socket.gethostname().rpartition("-")[0]
    return f"{job}-0.{os.environ['SUBDOMAIN']}"


def wait_for(name: str, *, attempts: int = _WAIT_S // 5) -> None:
    """Until DNS knows the first pod.

    Raises:
        OSError: it does not.
    """
    for _ in range(attempts):
        try:
            socket.getaddrinfo(name, _PORT)
        except OSError:
            time.sleep(5)
        else:
            return
    msg = f"{name} did not appear: are all nodes of the pool there?"
    raise OSError(msg)


def worker() -> None:
    """One rank: three sums, of which the last is timed."""
    import torch  # noqa: PLC0415  # in the image, not where the chart is tested
    import torch.distributed as dist  # noqa: PLC0415

    rank, local = int(os.environ["RANK"]), int(os.environ["LOCAL_RANK"])
    torch.cuda.set_device(local)
    dist.init_process_group("nccl")
    size = int(os.environ["PAYLOAD_MIB"]) * 2**20
    data = torch.ones(size // 2, dtype=torch.bfloat16, device="cuda")
    seconds = 0.0
    for _ in range(3):
        data.fill_(1)
        torch.cuda.synchronize()
        start = time.perf_counter()
        dist.all_reduce(data)
        torch.cuda.synchronize()
        seconds = time.perf_counter() - start
    ranks = dist.get_world_size()
    right = bool((data == ranks).all())
    if rank == 0:
        bus = 2 * (ranks - 1) / ranks * size / seconds / 1e9
        say({"ranks": ranks, "payload_mib": size // 2**20, "bus_gb_per_s": round(bus, 1), "right": right})
    dist.destroy_process_group()
    if not right:
        sys.exit(f"rank {rank}: the sum is wrong")


def main() -> int:
    """Start one process a GPU, then read what NCCL said."""
    wait_for(leader())
    env = os.environ | {
        "NCCL_DEBUG": "INFO",
        "NCCL_DEBUG_SUBSYS": "INIT,NET",
        "NCCL_DEBUG_FILE": str(_LOGS / "nccl.%h.%p.log"),
    }
    ran = subprocess.run(  # noqa: S603  # the command is made of the chart's own values
        [
            *(sys.executable, "-m", "torch.distributed.run"),
            f"--nnodes={os.environ['NODES']}",
            f"--nproc-per-node={os.environ['GPUS']}",
            f"--node-rank={os.environ['JOB_COMPLETION_INDEX']}",
            f"--master-addr={leader()}",
            f"--master-port={_PORT}",
            *(__file__, "worker"),
        ],
        env=env,
        check=False,
    )
    text = "".join(path.read_text(errors="replace") for path in sorted(_LOGS.glob("nccl.*.log")))
    for line in text.splitlines():
        if "NET/" in line or "Using network" in line:
            sys.stdout.write(f"{line}\n")
    seen = read_logs(text)
    wrong = verdict(seen, os.environ["EXPECTED"]) if ran.returncode == 0 else f"the sum failed ({ran.returncode})"
    say({"node": int(os.environ["JOB_COMPLETION_INDEX"]), **seen, "ok": not wrong, "why": wrong})
    return 1 if wrong else 0


if __name__ == "__main__":
    if sys.argv[1:] == ["worker"]:
        worker()
    else:
        sys.exit(main())
