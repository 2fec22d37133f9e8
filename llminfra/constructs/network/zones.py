"""Whether this account has the zones, asked before anything is built in them."""

from __future__ import annotations

import json
from collections.abc import Sequence

from llminfra.bindings import aws, core
from llminfra.constructs.basis.scope import Maker


def check_zones(make: Maker, zones: Sequence[str], *, refused_ids: Sequence[str]) -> None:
    """Let the plan of the stack fail where a zone is missing, or is one of ``refused_ids``.

    A zone's name is a matter of the account: what is us-east-1c here may be use1-az3, in which EKS makes no control
    plane. CreateCluster would say so after the network stands, whose subnets lie in the wrong zones then.
    """
    names = json.dumps(sorted(zones))
    wrong = f"[for i, id in self.zone_ids : self.names[i] if contains({json.dumps(list(refused_ids))}, id)]"
    conditions = [
        core.Postcondition(
            condition=f"${{length(setsubtract({names}, self.names)) == 0}}",
            error_message=f"This account has no zone {_listed(f'setsubtract({names}, self.names)')}: name zones of the "
            "account as those of the network (aws ec2 describe-availability-zones).",
        )
    ]
    if refused_ids:
        conditions.append(
            core.Postcondition(
                condition=f"${{length(setintersection({names}, {wrong})) == 0}}",
                error_message=f"EKS makes no control plane in {_listed(f'setintersection({names}, {wrong})')} of this "
                f"account ({', '.join(refused_ids)}): leave it out of the zones of the network.",
            )
        )
    make(
        aws.DataAwsAvailabilityZones,
        "zones",
        state="available",
        filter=[aws.DataAwsAvailabilityZonesFilter(name="zone-name", values=sorted(zones))],
        lifecycle=core.TerraformResourceLifecycle(postcondition=conditions),
    )


def _listed(expression: str) -> str:
    return f'${{join(", ", {expression})}}'
