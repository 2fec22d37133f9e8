"""The SSM parameters that tell applications how to call an endpoint, or a gateway."""

from __future__ import annotations

from llminfra.bindings import aws
from llminfra.constructs.names import literal
from llminfra.constructs.scope import Maker
from llminfra.planning.contract import Contract, gateway_parameter_name, parameter_name


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
