"""Every finding comes in one run: what is wrong with one object says nothing of the others."""

import pytest

from llminfra.cli.main import main

SPEC = """
from llminfra import VLLM, Endpoint, GpuPool, Model, Network, Platform
pool = GpuPool(name="l4", instance_types=["g6.13xlarge"], nodes=(1, 4))
platform = Platform(name="x", region="us-east-1", network=Network(cidr="10.0.0.0/33"), pools=[pool])
engine = VLLM(max_model_len=999_999, max_num_batched_tokens=1)
platform.add(Endpoint(name="chat", model=Model(id="Qwen/Qwen3-8B"), engine=engine, on=pool))
"""


@pytest.mark.parametrize("command", ["plan", "synth"])
def test_a_bad_network_and_a_bad_pool_hide_no_finding_of_the_endpoint(tmp_path, capsys, command):
    spec = tmp_path / "spec.py"
    spec.write_text(SPEC, encoding="utf-8")
    out = ["-o", str(tmp_path / "out")] if command == "synth" else []
    assert main([command, str(spec), *out]) == 1
    printed = capsys.readouterr().err
    assert [code for code in ("LLM_SPEC_1", "LLM_CAP_20", "LLM_FIT_4 ", "LLM_FIT_43") if code not in printed] == []
    assert not (tmp_path / "out").exists()
