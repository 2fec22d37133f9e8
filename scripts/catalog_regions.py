"""Write ``regions.json`` and ``services.json`` in ``llminfra/catalog/data``: regions, and services that not all have.

Sources: the global-infrastructure parameters and instance offerings recorded in the installed ``moto`` package,
``botocore``'s partition data, and ``scripts/data/ecr_accounts.json`` and ``region_features.json``.

Run: ``python scripts/catalog_regions.py`` (needs the development dependencies).
"""

from __future__ import annotations

import gzip
import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import botocore.session
import moto.ec2
import moto.ssm

ROOT = Path(__file__).resolve().parent.parent
OFFERINGS = Path(moto.ec2.__file__).parent / "resources" / "instance_type_offerings" / "availability-zone"
REGIONS = Path(moto.ssm.__file__).parent / "resources" / "regions.json.gz"


SERVICES = ("aps", "grafana")
"""Services that a spec may ask for and that whole partitions or most regions lack; the others are everywhere, or AWS's
own sources disagree on where they are."""


def main() -> int:
    """Write the file; returns the exit code."""
    for path, text in render().items():
        path.write_text(text)
    return 0


def render() -> dict[Path, str]:
    """Texts of the files."""
    with gzip.open(REGIONS) as stream:
        known = json.load(stream)["aws"]["service"]["global-infrastructure"]["regions"]
    accounts = json.loads((ROOT / "scripts" / "data" / "ecr_accounts.json").read_text())
    suffixes = _dns_suffixes()
    regions: dict[str, dict[str, Any]] = {}
    for name, entry in sorted(known.items()):
        seen = _zone_names(name)
        ids = sorted(entry["availability-zones"])
        partition = entry["partition"]["Value"]
        if partition not in suffixes:  # younger than the installed botocore: its facts are not at hand
            continue
        regions[name] = {
            "long_name": entry["longName"]["Value"],
            "partition": partition,
            "dns_suffix": suffixes[partition],
            "zone_ids": ids,
            "zones": seen or [f"{name}{letter}" for letter in "abcdef"[: len(ids)]],
            "zones_unverified": not seen,
            "dlc_account": accounts["deep_learning_containers"].get(name),
        }
    content = {
        "_source": {
            "regions": f"AWS global-infrastructure parameters in PyPI moto {version('moto')}: "
            "moto/ssm/resources/regions.json.gz",
            "zones": f"EC2 DescribeInstanceTypeOfferings in PyPI moto {version('moto')}: "
            "moto/ec2/resources/instance_type_offerings/availability-zone",
            "partitions": f"PyPI botocore {version('botocore')}: botocore/data/partitions.json",
            **accounts["_source"],
        },
        "_note": "zones: names one account sees; another account may see other letters, so a letter that is missing "
        "here is a warning, not an error. zones_unverified: no account's names were at hand, letters counted from a.",
        "regions": regions,
    }
    path = ROOT / "llminfra" / "catalog" / "data" / "regions.json"
    head = json.dumps({key: value for key, value in content.items() if key != "regions"}, indent=1)[:-2]
    body = [f"  {json.dumps(name)}: {json.dumps(row, ensure_ascii=False)}" for name, row in regions.items()]
    return {path: head + ',\n "regions": {\n' + ",\n".join(body) + "\n }\n}\n", **_services(known, frozenset(regions))}


def _services(known: dict[str, Any], regions: frozenset[str]) -> dict[Path, str]:
    """Where each service is; a region that the parameters list no services for would be a gap in them, not a fact."""
    where = {name: sorted(each for each in regions if name in known[each]["services"]) for name in SERVICES}
    gaps = sorted(name for name in regions if "eks" not in known[name]["services"])
    if gaps:
        message = f"no services are recorded for {', '.join(gaps)}"
        raise ValueError(message)
    source = (
        f"AWS global-infrastructure parameters (services of each region) in PyPI moto {version('moto')}: "
        "moto/ssm/resources/regions.json.gz; the same regions in boto/botocore@0e6e2404b (2026-08-07) "
        "botocore/data/endpoints.json; aps also in Amazon Managed Service for Prometheus User Guide, "
        "'Supported Regions'"
    )
    rows = [f"  {json.dumps(name)}: {json.dumps(found)}" for name, found in where.items()]
    text = f'{{\n "_source": {json.dumps(source)},\n "services": {{\n' + ",\n".join(rows) + "\n },\n"
    text += _features(regions)
    return {ROOT / "llminfra" / "catalog" / "data" / "services.json": text}


def _features(regions: frozenset[str]) -> str:
    """Kinds and parts of services that some regions alone have, as AWS's user guides list them; the object's end."""
    given = json.loads((ROOT / "scripts" / "data" / "region_features.json").read_text())
    unknown = sorted({each for found in given["features"].values() for each in found} - regions)
    if unknown or set(given["features"]) != set(given["_source"]):
        message = f"features without a source, or regions that nobody knows: {', '.join(unknown)}"
        raise ValueError(message)
    sources = json.dumps(given["_source"], indent=1).replace("\n", "\n ")
    rows = [f"  {json.dumps(name)}: {json.dumps(found)}" for name, found in given["features"].items()]
    return f' "features_source": {sources},\n "features": {{\n' + ",\n".join(rows) + "\n }\n}\n"


def _dns_suffixes() -> dict[str, str]:
    loader = botocore.session.get_session().get_component("data_loader")
    partitions = loader.load_data("partitions")["partitions"]
    return {item["id"]: item["outputs"]["dnsSuffix"] for item in partitions}


def _zone_names(region: str) -> list[str]:
    path = OFFERINGS / f"{region}.json.gz"
    if not path.is_file():
        return []
    with gzip.open(path) as stream:
        return sorted({row["Location"] for row in json.load(stream)})


if __name__ == "__main__":
    sys.exit(main())
