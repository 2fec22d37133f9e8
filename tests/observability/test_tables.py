"""The tables: what is collected, which names releases have, and that the exporter collects what we read."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from llminfra.assets import modules_dir
from llminfra.catalog.datafile import read_data
from llminfra.catalog.engines import engine_release, known_versions
from llminfra.observability.metric_tables import dcgm_counters, engine_table, exporter_table
from llminfra.observability.promql import exactly, quote, selector
from llminfra.observability.signals import release_signals

ENGINES = ("vllm", "sglang", "tgi", "trtllm")


def _signals(engine, version):
    release = engine_release(engine, version)
    assert release is not None
    return {name: item.metric for name, item in release_signals(release).items()}


def test_names_follow_the_release():
    assert _signals("vllm", "0.33.0")["kv_cache_usage"] == "vllm:kv_cache_usage_perc"
    assert _signals("vllm", "0.8.5")["kv_cache_usage"] == "vllm:gpu_cache_usage_perc"
    assert _signals("vllm", "0.9.1")["inter_token_latency_seconds"] == "vllm:time_per_output_token_seconds"
    assert _signals("vllm", "0.33.0")["inter_token_latency_seconds"] == "vllm:inter_token_latency_seconds"


def test_what_an_engine_does_not_say_is_missing():
    assert "time_to_first_token_seconds" not in _signals("tgi", "3.3.7")
    assert "preemptions" not in _signals("sglang", "0.5.2")
    assert "preemptions" in _signals("sglang", "0.5.23")
    assert set(_signals("trtllm", "main-00209af1")) == {"requests_waiting", "kv_cache_usage"}


@pytest.mark.parametrize("engine", ENGINES)
def test_every_release_has_a_queue(engine):
    """The signal that scaling and the alert for missing metrics stand on."""
    for version in known_versions(engine):
        assert "requests_waiting" in _signals(engine, version), version


@pytest.mark.parametrize("engine", ENGINES)
def test_engine_tables_know_what_the_catalog_knows(engine):
    for version in known_versions(engine):
        release = engine_release(engine, version)
        assert release is not None
        table = engine_table(release)
        for name in _signals(engine, version).values():
            found = table.find(name) or table.find(f"{name}_bucket")
            assert found is not None, (version, name)


@pytest.mark.parametrize("engine", ENGINES)
def test_signals_are_of_the_kind_that_releases_declare(engine):
    """A rate of a gauge, or a threshold on a counter, is a number that means nothing."""
    declared = {"gauge": "gauge", "ratio": "gauge", "counter": "counter", "histogram": "histogram"}
    for version in known_versions(engine):
        release = engine_release(engine, version)
        assert release is not None
        table = engine_table(release)
        for signal in release_signals(release).values():
            name = f"{signal.metric}_bucket" if signal.kind == "histogram" else signal.metric
            found = table.find(name)
            assert found is not None
            kind = "histogram" if signal.kind == "histogram" and "le" in found.labels else found.kind
            assert kind in {declared[signal.kind], "unknown"}, (version, signal.name)


def test_every_signal_names_known_engines_and_kinds():
    for name, row in read_data("metrics/engine_signals.json")["signals"].items():
        assert set(row) <= {"kind", "unit", *ENGINES}, name
        assert row["kind"] in {"gauge", "ratio", "counter", "histogram"}


def test_the_counters_file_is_the_table():
    lines = [line.split(", ", 2) for line in dcgm_counters().splitlines()]
    assert {name for name, _, _ in lines} == set(exporter_table("dcgm-exporter").series) | {"DCGM_FI_DRIVER_VERSION"}
    assert all("," not in text for _, _, text in lines), "the exporter reads three fields"
    assert all(kind in {"gauge", "counter", "label"} for _, kind, _ in lines)


def test_strings_and_patterns_are_escaped():
    assert selector("m", {"a": 'x"y\\'}, {"b": exactly("q.w")}) == 'm{a="x\\"y\\\\",b=~"q\\\\.w"}'
    assert quote("a\nb") == '"a\\nb"'


def _efa(folder: Path, device: str, vendor: str, counters: dict[str, str]) -> None:
    there = folder / "class" / "infiniband" / device
    (there / "device").mkdir(parents=True)
    (there / "device" / "vendor").write_text(vendor + "\n")
    port = there / "ports" / "1" / "hw_counters"
    port.mkdir(parents=True)
    for name, value in counters.items():
        (port / name).write_text(value + "\n")


def _read_counters(folder: Path) -> str:
    out = folder / "efa.prom"
    script = modules_dir() / "exporters" / "efa_counters.sh"
    env = {"PATH": os.environ["PATH"], "SYSFS": str(folder), "OUT": str(out), "EVERY_S": "0"}
    subprocess.run(["/bin/sh", script], check=True, env=env, timeout=30)
    return out.read_text(encoding="utf-8")


def test_counters_of_efa_devices_become_metrics(tmp_path):
    _efa(tmp_path, "rdmap0s6", "0x1d0f", {"tx_bytes": "12", "rx_drops": "0", "odd": "n/a"})
    _efa(tmp_path, "rdmap1s6", "0x1d0f", {"tx_bytes": "34"})
    _efa(tmp_path, "mlx5_0", "0x15b3", {"tx_bytes": "99"})
    lines = _read_counters(tmp_path).splitlines()
    samples = [line for line in lines if not line.startswith("#")]
    assert samples == [
        'node_amazonefa_rx_drops{device="rdmap0s6",port="1"} 0',
        'node_amazonefa_tx_bytes{device="rdmap0s6",port="1"} 12',
        'node_amazonefa_tx_bytes{device="rdmap1s6",port="1"} 34',
    ]
    assert lines.count("# TYPE node_amazonefa_tx_bytes counter") == 1
    assert {line.split("{")[0] for line in samples} <= set(exporter_table("efa").series)


def test_a_node_without_efa_writes_nothing(tmp_path):
    assert _read_counters(tmp_path) == ""
