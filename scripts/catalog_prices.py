"""Write ``llminfra/catalog/data/prices.json``: on-demand prices of instances and of the services around them.

Sources: ``scripts/data/karpenter_on_demand_usd.json`` (AWS's price list as Karpenter records it),
``scripts/data/skypilot_on_demand_usd.json`` (the same as SkyPilot records it, for regions that Karpenter does not),
``scripts/data/sagemaker_hosting_usd.json`` (hosting on SageMaker, second-hand) and
``scripts/data/service_prices.json`` (each price with its own source, mostly infracost's golden files).

Run: ``python scripts/catalog_prices.py``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SCRIPT_DATA = ROOT / "scripts" / "data"
DATA = ROOT / "llminfra" / "catalog" / "data"
KARPENTER = SCRIPT_DATA / "karpenter_on_demand_usd.json"
SKYPILOT = SCRIPT_DATA / "skypilot_on_demand_usd.json"


def main() -> int:
    """Write the file; returns the exit code."""
    for path, text in render().items():
        path.write_text(text)
    return 0


def render() -> dict[Path, str]:
    """Text of the file.

    Raises:
        ValueError: SkyPilot's price of a type is another than Karpenter's in the same region.
    """
    instances = json.loads(KARPENTER.read_text())
    second_hand = json.loads(SKYPILOT.read_text())
    hosting = json.loads((SCRIPT_DATA / "sagemaker_hosting_usd.json").read_text())
    services = json.loads((SCRIPT_DATA / "service_prices.json").read_text())
    catalog = json.loads((DATA / "instances.json").read_text())["types"]
    on_demand = {
        region: {name: usd for name, usd in sorted(prices.items()) if name in catalog}
        for region, prices in instances["usd_per_hour"].items()
    }
    elsewhere = {
        region: dict(sorted(prices.items()))
        for region, prices in second_hand["usd_per_hour"].items()
        if not _agree(region, prices, on_demand)
    }
    content: dict[str, Any] = {
        "_source": instances["_source"],
        "_date": instances["_date"],
        "_note": "Of other regions some prices are at hand (on_demand_second_hand, services); what is not here is "
        "not known, and look-ups return nothing. Spot and capacity-block prices change by the day and are not here.",
        "on_demand_usd_per_hour": on_demand,
        "on_demand_second_hand": {
            "_source": second_hand["_source"],
            "_date": second_hand["_date"],
            "_note": second_hand["_note"],
            "usd_per_hour": elsewhere,
        },
        "sagemaker_hosting": {
            "_source": hosting["_source"],
            "_date": hosting["_date"],
            "_note": hosting["_note"],
            "usd_per_hour": hosting["usd_per_hour"],
        },
        "services": services["regions"],
        "services_of_partition": services["every_region_of_partition"],
        "service_sources": services["sources"],
    }
    return {DATA / "prices.json": json.dumps(content, indent=1) + "\n"}


def _agree(region: str, prices: dict[str, float], first_hand: dict[str, dict[str, float]]) -> bool:
    """Whether the region has first-hand prices, which the second-hand ones, of five digits, must be."""
    for name, usd in prices.items() if region in first_hand else ():
        if abs(first_hand[region][name] - usd) > 1e-5:
            msg = f"{name} in {region}: Karpenter says {first_hand[region][name]}, SkyPilot {usd}"
            raise ValueError(msg)
    return region in first_hand


if __name__ == "__main__":
    sys.exit(main())
