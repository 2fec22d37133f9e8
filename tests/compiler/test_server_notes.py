"""What an endpoint's workload says of itself in the cluster: rules on objects read it."""

import pytest
from msgspec.structs import replace

from llminfra.compiler.releases.llm_server import llm_server_values
from tests.compiler import plans

NOTE = "llminfra.io/waiver.metrics"


@pytest.mark.parametrize(
    ("observed", "metrics", "why"),
    [
        (True, True, None),
        (True, False, "mii shows no metrics"),
        (False, True, "the platform has no observability"),
        (False, False, "the platform has no observability"),
    ],
)
def test_a_server_that_nothing_reads_says_why(observed: bool, metrics: bool, why: str | None) -> None:
    endpoint = plans.assistant()
    if not metrics:
        endpoint = replace(endpoint, engine="mii", invocation=replace(endpoint.invocation, metrics=None))
    plan = plans.plan(endpoint, platform=plans.platform_spec(**{} if observed else {"observability": None}))
    values = llm_server_values(endpoint, plan, None, None)
    assert values.annotations.get(NOTE) == why
    assert (values.service_monitor is None) == (why is not None)
