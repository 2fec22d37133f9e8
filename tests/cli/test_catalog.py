"""``llminfra catalog refresh``: what it asks for, writes, and says of what it did not get."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import boto3
import pytest

from llminfra.catalog.price_file import read_price_file
from tests.catalog.test_service_refresh import FRANKFURT, PriceList
from tests.cli.conftest import Run


class Nothing:
    """A client of a service that sells nothing."""

    def __getattr__(self, name: str) -> Any:
        return lambda **_: {}


def test_refresh_writes_services_and_says_what_has_no_price(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = {service: products for service, products in FRANKFURT.items() if service != "AmazonFSx"}
    clients = {"pricing": PriceList(rows)}
    monkeypatch.setattr(boto3, "client", lambda name, **_: clients.get(name, Nothing()))
    path = tmp_path / "prices.json"
    done = run("catalog", "refresh", "--region", "eu-central-1", "-o", str(path), "--type", "g6.xlarge")
    assert "0 instance types and 15 services in eu-central-1" in done.out
    assert f"export LLMINFRA_PRICES={path}" in done.out
    assert "no price: fsx_lustre_persistent_ssd_1000_gib_month (AmazonFSx) in eu-central-1: no such product" in done.err
    file = read_price_file(path)
    assert (file.version, file.region, file.prices) == (2, "eu-central-1", {})
    assert file.services["nat_gateway_hour"].usd == 0.052
