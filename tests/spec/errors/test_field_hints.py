"""A field that there is not names the one that was meant."""

import pytest

from llminfra import VLLM, CapacityBlock, Endpoint, GpuPool, Platform, Reservation, SGLang, Slo
from llminfra.spec.errors.expectations import written_as_yaml
from llminfra.spec.errors.field_hints import fix_for_unknown


@pytest.mark.parametrize(
    ("name", "cls", "fix"),
    [
        ("id", Reservation, "did you mean 'reservation_id'?"),
        ("ttft_ms", Slo, "did you mean 'time_to_first_token_ms'?"),
        ("tpot_ms", Slo, "did you mean 'time_per_output_token_ms'?"),
        ("prompt_token", Slo, "did you mean 'prompt_tokens'?"),
        ("instance_type", GpuPool, "did you mean 'instance_types'?"),
        ("end", CapacityBlock, "did you mean 'ends'?"),
        ("zones", CapacityBlock, "it is a field of other types: write BatchQueue(zones=…) or GpuPool(zones=…)"),
        ("zzz", Slo, "remove it, or see `llminfra explain Slo`"),
        ("served_model_name", VLLM, "it is a field of another type: write Endpoint(served_name=…)"),
        ("enable_lora", SGLang, "it is a field of another type: write Endpoint(adapters=…)"),
        (
            "tool_call_parser",
            VLLM,
            "if it is a flag of the engine, write extra_args=['--tool-call-parser=…']; otherwise remove it",
        ),
        ("max_model_len", Endpoint, "give it to engine: engine=VLLM(max_model_len=…)"),
        ("ttft_ms", Endpoint, "give it to slo: slo=Slo(time_to_first_token_ms=…)"),
        (
            "nodes",
            Platform,
            "it is a field of other types: write GpuPool(nodes=…) or SystemNodes(nodes=…)",
        ),
        ("node", GpuPool, "did you mean 'nodes'?"),
        ("tensor", Endpoint, "give it to parallelism: parallelism=Parallelism(tensor=…)"),
    ],
)
def test_what_was_meant(name, cls, fix):
    assert fix_for_unknown(name, cls.model_fields, cls) == fix


def test_the_engine_that_was_given_is_named():
    given = {"engine": SGLang()}
    assert fix_for_unknown("max_model_len", Endpoint.model_fields, Endpoint, given).endswith("SGLang(max_model_len=…)")
    assert "VLLM" not in fix_for_unknown("all2all_backend", Endpoint.model_fields, Endpoint, given)
    assert "VLLM" in fix_for_unknown("all2all_backend", Endpoint.model_fields, Endpoint, {"engine": VLLM()})


def test_a_yaml_spec_is_answered_in_yaml():
    with written_as_yaml():
        fix = fix_for_unknown("max_model_len", Endpoint.model_fields, Endpoint)
        named = fix_for_unknown("served_model_name", VLLM.model_fields, VLLM)
    assert fix == "move it into engine: {kind: vllm, max_model_len: …}"
    assert named == "it is a field of another type: write endpoints.*.served_name: …"
