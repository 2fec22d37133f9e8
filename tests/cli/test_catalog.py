"""``llminfra catalog refresh``: what it asks for, writes, and says of what it did not get."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import boto3
import pytest

from llminfra.catalog.price_file import read_price_file
from llminfra.diagnostics import UsageError
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


def test_a_region_that_there_is_not_is_told_before_aws_is_asked(run: Run) -> None:
    done = run("catalog", "refresh", "--region", "us-esat-1")
    assert (done.code, done.err) == (
        2,
        "llminfra: no region is called 'us-esat-1'; did you mean us-east-1, us-west-1, us-west-2?\n",
    )


@pytest.mark.parametrize(
    ("content", "why"), [("name: acme\n", "Invalid JSON"), ("[]", "object"), ('{"version": 3}', "version")]
)
def test_a_file_without_prices_is_told_in_a_line(tmp_path: Path, content: str, why: str) -> None:
    file = tmp_path / "prices.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(UsageError) as raised:
        read_price_file(file)
    text = str(raised.value)
    assert f"names no file of `llminfra catalog refresh`: {file}: " in text
    assert why in text
    assert "\n" not in text
    assert "pydantic" not in text
