"""Values of the chart ``gateway-base``: what gateways need before Envoy Gateway starts.

The definition of InferencePool, which no upstream chart brings, and the counters that Envoy's rate-limit service keeps.
"""

from typing import Annotated

from pydantic import Field

from llminfra.charts.kubernetes import Image
from llminfra.charts.values import ChartValues, DnsLabel

COUNTERS_PORT = 6379
"""Port of the counters' Service."""


class GatewayBaseValues(ChartValues):
    """One pod with counters in memory; what is lost with it is the use of the current minute."""

    labels: dict[str, str] = {}
    counters_name: DnsLabel = "limit-counters"
    counters_image: Image
    """A server that speaks Redis' protocol."""
    counters_memory_mib: Annotated[int, Field(ge=64)] = 256
