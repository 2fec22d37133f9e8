"""The SSM parameters that tell applications how to call an endpoint, a gateway, or a queue."""

from __future__ import annotations

import json
from collections.abc import Mapping

from llminfra.bindings import aws
from llminfra.constructs.basis.names import literal
from llminfra.constructs.basis.scope import Maker
from llminfra.planning.endpoints.contract import Contract, gateway_parameter_name, parameter_name, queue_parameter_name


def endpoint_contract(make: Maker, name: str, contract: Contract) -> aws.SsmParameter:
    """A plain parameter: it names a secret and holds none."""
    return make(
        aws.SsmParameter,
        f"contract-{name}",
        name=parameter_name(make.scope.platform, name),
        description=f"How to call {name}: address, protocol, auth, model",
        type="String",
        insecure_value=literal(contract.as_json()),
    )


def gateway_parameter(make: Maker, name: str, value: str) -> aws.SsmParameter:
    """A plain parameter: it names the secrets of tenants and holds none."""
    return make(
        aws.SsmParameter,
        f"gateway-contract-{name}",
        name=gateway_parameter_name(make.scope.platform, name),
        description=f"How to call gateway {name}: address, models, tenants",
        type="String",
        insecure_value=literal(value),
    )


def queue_parameter(make: Maker, name: str, values: Mapping[str, str | int]) -> aws.SsmParameter:
    """A plain parameter of addresses that are known when the queue is there."""
    return make(
        aws.SsmParameter,
        f"queue-contract-{name}",
        name=queue_parameter_name(make.scope.platform, name),
        description=f"How to send requests to queue {name}, and where answers are",
        type="String",
        # Not by jsonencode(): an argument of a function is text to CDKTF, and references in it would be escaped.
        insecure_value=json.dumps(values, sort_keys=True),
    )
