"""Write ``llminfra/catalog/data/instances.json`` and ``offerings.json``.

Sources: EC2's DescribeInstanceTypes and DescribeInstanceTypeOfferings as recorded in the installed ``moto`` package,
checked against Karpenter's generated tables (``scripts/data/karpenter_gpu_instances.json``), which were read from
another place. Where the two disagree on what both state, the script stops.

Run: ``python scripts/catalog_instances.py`` (needs the development dependencies).
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import moto.ec2

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "llminfra" / "catalog" / "data"
MOTO = Path(moto.ec2.__file__).parent / "resources"
KARPENTER = ROOT / "scripts" / "data" / "karpenter_gpu_instances.json"

# EC2's GPU name and memory to the key of the GPU catalog.
DEVICES = {
    ("T4", 16384): "t4",
    ("A10G", 22888): "a10g",
    ("L4", 22888): "l4",
    ("L40S", 45776): "l40s",
    ("V100", 16384): "v100-16gb",
    ("V100", 32768): "v100-32gb",
    ("A100", 40960): "a100-40gb",
    ("A100", 81920): "a100-80gb",
    ("H100", 81920): "h100-80gb",
    ("H200", 144384): "h200",
    ("B200", 183359): "b200",
    ("B300", 275040): "b300",
    ("GB200", 188416): "gb200",
    ("RTX PRO Server 6000", 98304): "rtx-pro-6000",
}
# Families that are left out for another reason than their GPU.
EXCLUDED = {
    "g7": "its RTX PRO 4500 needs NVIDIA driver 595, and the EKS images that llminfra pins have 580 "
    "(awslabs/amazon-eks-ami doc/usage/g7-ami.md)",
}
# Types that EC2 names (InstanceType in PyPI botocore 1.44.8, November 2026) and neither source describes.
UNDESCRIBED = {
    "p6e-gb200.36xlarge": "it is sold as a part of an UltraServer, in capacity blocks, and EC2's description of it was "
    "not at hand",
    **dict.fromkeys(
        ("p3.2xlarge", "p3.8xlarge", "p3.16xlarge"),
        "EC2's list of types no longer has it; the P3 that is left is p3dn.24xlarge",
    ),
}
# General node types for system pools: the families of the last generations, without special disks or networks.
SYSTEM_FAMILIES = [
    "t3",
    "t3a",
    "t4g",
    "m5",
    "m5a",
    "m6i",
    "m6a",
    "m6g",
    "m7i",
    "m7a",
    "m7g",
    "m7i-flex",
    "m8i",
    "m8a",
    "m8g",
    "c5",
    "c5a",
    "c6i",
    "c6a",
    "c6g",
    "c7i",
    "c7a",
    "c7g",
    "c8i",
    "c8a",
    "c8g",
    "r5",
    "r5a",
    "r6i",
    "r6a",
    "r6g",
    "r7i",
    "r7a",
    "r7g",
    "r8i",
    "r8a",
    "r8g",
]
SYSTEM_SIZES = ["medium", "large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge"]
ARCHITECTURES = {"x86_64": "amd64", "arm64": "arm64"}


def main() -> int:
    """Write both files; returns the exit code."""
    texts = render()
    for path, text in texts.items():
        path.write_text(text)
    print(", ".join(f"{path.name}: {len(text) // 1024} KiB" for path, text in texts.items()))
    return 0


def render() -> dict[Path, str]:
    """Text of each file.

    Raises:
        ValueError: the sources contradict each other.
    """
    raw = _load(MOTO / "instance_types.json.gz")
    karpenter = json.loads(KARPENTER.read_text())
    types, excluded = {}, {}
    for name in sorted(raw):
        entry = raw[name]
        reason = _why_not(name, entry)
        if reason is None:
            types[name] = _row(entry)
        elif "GpuInfo" in entry:
            excluded[name] = reason
    excluded |= {name: reason for name, reason in UNDESCRIBED.items() if name not in raw}
    excluded = dict(sorted(excluded.items()))
    problems = _disagreements(types, karpenter["types"])
    if problems:
        raise ValueError("\n".join(problems))
    source = (
        f"EC2 DescribeInstanceTypes as recorded in PyPI moto {version('moto')}: "
        "moto/ec2/resources/instance_types.json.gz; checked against " + karpenter["_source"]
    )
    note = "cards: runs of [count, max interfaces, EFA capable, baseline Gbps], by card index."
    content = {"_source": source, "_note": note, "excluded": excluded, "types": types}
    return {
        DATA / "instances.json": _lines(content),
        DATA / "offerings.json": _lines(_offerings(set(types))),
    }


def _load(path: Path) -> Any:
    with gzip.open(path) as stream:
        return json.load(stream)


def _why_not(name: str, entry: dict[str, Any]) -> str | None:
    """The reason to leave a type out, or ``None`` to keep it."""
    family, _, size = name.partition(".")
    if "GpuInfo" not in entry:
        return None if family in SYSTEM_FAMILIES and size in SYSTEM_SIZES else "not a GPU or system node type"
    if family in EXCLUDED:
        return EXCLUDED[family]
    gpu = entry["GpuInfo"]["Gpus"][0]
    if gpu["Manufacturer"] != "NVIDIA":
        return f"{gpu['Manufacturer']} {gpu['Name']}: llminfra plans for NVIDIA GPUs"
    if not gpu.get("Count"):
        return f"a fraction of an NVIDIA {gpu['Name']}: its driver and memory differ from the whole GPU's"
    if (gpu["Name"], gpu["MemoryInfo"]["SizeInMiB"]) not in DEVICES:
        return f"NVIDIA {gpu['Name']}: not in the GPU catalog"
    return None


def _row(entry: dict[str, Any]) -> dict[str, Any]:
    network = entry["NetworkInfo"]
    cards = sorted(network["NetworkCards"], key=lambda card: card["NetworkCardIndex"])
    if [card["NetworkCardIndex"] for card in cards] != list(range(len(cards))):
        raise ValueError(f"{entry['InstanceType']}: network cards are not numbered from 0")
    default = cards[network.get("DefaultNetworkCardIndex", 0)]
    addresses = network["Ipv4AddressesPerInterface"]
    sustained, burst = _bandwidth(network["NetworkPerformance"], default)
    storage = entry.get("InstanceStorageInfo") or {}
    row: dict[str, Any] = {
        "vcpu": entry["VCpuInfo"]["DefaultVCpus"],
        "memory_mib": entry["MemoryInfo"]["SizeInMiB"],
        "arch": next(ARCHITECTURES[a] for a in entry["ProcessorInfo"]["SupportedArchitectures"] if a in ARCHITECTURES),
        "nvme_gb": storage.get("TotalSizeInGB", 0),
        "nvme_disks": sum(disk["Count"] for disk in storage.get("Disks", [])),
        "network_gbps": sustained,
        "network_burst_gbps": burst,
        "ebs_mbps": entry["EbsInfo"]["EbsOptimizedInfo"]["MaximumBandwidthInMbps"],
        "efa_interfaces": network.get("EfaInfo", {}).get("MaximumEfaInterfaces", 0),
        "max_pods": default["MaximumNetworkInterfaces"] * (addresses - 1) + 2,
        "ipv4_per_interface": addresses,
        "cards": _runs(cards),
    }
    if "GpuInfo" in entry:
        gpu = entry["GpuInfo"]["Gpus"][0]
        memory = gpu["MemoryInfo"]["SizeInMiB"]
        row["gpu"] = {
            "device": DEVICES[gpu["Name"], memory],
            "name": gpu["Name"],
            "count": gpu["Count"],
            "memory_mib": memory,
        }
    return row


def _bandwidth(performance: str, default_card: dict[str, Any]) -> tuple[float, float]:
    """Sustained and advertised bandwidth in Gbps from text such as ``Up to 25 Gigabit``."""
    match = re.fullmatch(r"(Up to )?(?:(\d+)x )?([\d.]+) Gigabit", performance)
    if match is None:
        raise ValueError(f"cannot read the network performance {performance!r}")
    advertised = float(match[3]) * int(match[2] or 1)
    return (default_card["BaselineBandwidthInGbps"] if match[1] else advertised), advertised


def _runs(cards: list[dict[str, Any]]) -> list[list[float]]:
    runs: list[list[float]] = []
    for card in cards:
        efa = int("efa" in card["InterfaceTypes"])
        kind = [card["MaximumNetworkInterfaces"], efa, card["BaselineBandwidthInGbps"]]
        if runs and runs[-1][1:] == kind:
            runs[-1][0] += 1
        else:
            runs.append([1, *kind])
    return runs


def _disagreements(types: dict[str, dict[str, Any]], karpenter: dict[str, dict[str, Any]]) -> list[str]:
    """What Karpenter's tables say differently, field by field."""
    found = []
    same = {
        "vcpu": "vcpu",
        "memory_mib": "memory_mib",
        "arch": "arch",
        "nvme_gb": "nvme_gb",
        "ebs_mbps": "ebs_mbps",
        "efa": "efa_interfaces",
        "pods": "max_pods",
    }
    for name, other in karpenter.items():
        mine = types.get(name)
        if mine is None:
            continue
        for theirs, ours in same.items():
            if other[theirs] != mine[ours]:
                found.append(f"{name}: {ours} is {mine[ours]}, Karpenter says {other[theirs]}")
        cards = [interfaces for count, interfaces, *_ in mine["cards"] for _ in range(int(count))]
        if other["max_ni_per_card"] != cards:
            found.append(f"{name}: interfaces per card are {cards}, Karpenter says {other['max_ni_per_card']}")
        if other["gpu_count"] != mine["gpu"]["count"] or other["gpu_mem_mib"] != mine["gpu"]["memory_mib"]:
            found.append(f"{name}: GPUs differ from Karpenter's")
    return found


def _offerings(types: set[str]) -> dict[str, Any]:
    """Per region, the zone IDs that offer each type, as indexes into the region's list of zone IDs."""
    regions: dict[str, Any] = {}
    for path in sorted((MOTO / "instance_type_offerings" / "availability-zone-id").glob("*.json.gz")):
        zones: dict[str, set[str]] = defaultdict(set)
        everywhere = set()
        for row in _load(path):
            everywhere.add(row["Location"])
            if row["InstanceType"] in types:
                zones[row["InstanceType"]].add(row["Location"])
        order = sorted(everywhere)
        regions[path.name.removesuffix(".json.gz")] = {
            "zone_ids": order,
            "types": {
                name: "".join(str(order.index(zone) + 1) for zone in sorted(found))
                for name, found in sorted(zones.items())
            },
        }
    return {
        "_source": f"EC2 DescribeInstanceTypeOfferings as recorded in PyPI moto {version('moto')}: "
        "moto/ec2/resources/instance_type_offerings/availability-zone-id",
        "_note": "types: digits are 1-based positions in zone_ids. Zone IDs (use1-az1) are the same in every account; "
        "zone names (us-east-1a) are not, so offerings by name cannot be stated.",
        "regions": regions,
    }


def _lines(content: dict[str, Any]) -> str:
    """One line per instance type: small, and a change reads well in a diff."""
    text = json.dumps(content, separators=(",", ":"))
    return re.sub(r'(?<=[\[{},])(?="[a-z0-9-]+(?:\.[a-z0-9-]+)?":\{)', "\n", text) + "\n"


if __name__ == "__main__":
    sys.exit(main())
