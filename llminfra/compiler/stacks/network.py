"""The network stack: VPC, endpoints, flow logs."""

from __future__ import annotations

from llminfra.bindings import core
from llminfra.catalog.eks import refused_zone_ids
from llminfra.compiler.contracts import NetworkContract, faces_internet
from llminfra.compiler.stacks.common import Built, open_stack
from llminfra.constructs.basis.kms import kms_key
from llminfra.constructs.basis.state import write_outputs
from llminfra.constructs.network.flow_logs import flow_log_group_name, flow_logs
from llminfra.constructs.network.vpc import existing_vpc, vpc
from llminfra.constructs.network.vpc_endpoints import vpc_endpoints
from llminfra.constructs.network.zones import check_zones
from llminfra.planning.encryption.statements import used_by_log_groups
from llminfra.planning.plan import Plan


def network_stack(app: core.App, plan: Plan) -> Built:
    """Compile the network part of a plan."""
    scope = open_stack(app, plan, "network")
    make = scope.under("network")
    network = plan.network
    refused = refused_zone_ids(scope.region) if plan.cluster is not None else ()
    check_zones(make, network.zones, refused_ids=refused)
    if network.existing_vpc_id:
        created = existing_vpc(make, network)
    else:
        created = vpc(make, network)
        vpc_endpoints(make, network, created)
        if network.flow_logs_days:
            logs = used_by_log_groups(scope, flow_log_group_name(scope))
            key = kms_key(make, "network", purpose="network logs", statements=[logs])
            flow_logs(make, vpc_id=created.id, days=network.flow_logs_days, key=key)
    contract = NetworkContract(
        vpc_id=created.id,
        private_subnet_ids=created.private_subnet_ids,
        public_subnet_ids=created.public_subnet_ids if faces_internet(plan) else {},
    )
    write_outputs(scope.stack, contract.outputs())
    scope.finish()
    return Built("network", scope.stack)
