"""Write ``llminfra/catalog/data/prices.json``: on-demand prices of instances and of the services around them.

Sources: ``scripts/data/karpenter_on_demand_usd.json`` (AWS's price list as Karpenter records it) ,
``scripts/data/sagemaker_hosting_usd.json`` (hosting on SageMaker, second-hand) and
``scripts/data/service_prices.json`` (each price as infracost's golden files print it, or as said there).

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


def main() -> int:
    """Write the file; returns the exit code."""
    for path, text in render().items():
        path.write_text(text)
    return 0


def render() -> dict[Path, str]:
    """Text of the file."""
    instances = json.loads((SCRIPT_DATA / "karpenter_on_demand_usd.json").read_text())
    hosting = json.loads((SCRIPT_DATA / "sagemaker_hosting_usd.json").read_text())
    services = json.loads((SCRIPT_DATA / "service_prices.json").read_text())
    catalog = json.loads((DATA / "instances.json").read_text())["types"]
    on_demand = {
        region: {name: usd for name, usd in sorted(prices.items()) if name in catalog}
        for region, prices in instances["usd_per_hour"].items()
    }
    content: dict[str, Any] = {
        "_source": instances["_source"],
        "_date": instances["_date"],
        "_note": "Prices of other regions are not at hand: look-ups there return nothing. Spot and capacity-block "
        "prices change by the day and are not in this file.",
        "on_demand_usd_per_hour": on_demand,
        "sagemaker_hosting": {
            "_source": hosting["_source"],
            "_date": hosting["_date"],
            "_note": hosting["_note"],
            "usd_per_hour": hosting["usd_per_hour"],
        },
        "services": {services["region"]: services["prices"]},
        "service_sources": services["sources"],
    }
    return {DATA / "prices.json": json.dumps(content, indent=1) + "\n"}


if __name__ == "__main__":
    sys.exit(main())
