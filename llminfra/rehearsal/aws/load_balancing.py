"""Load balancers and target groups (Elastic Load Balancing API reference)."""

from __future__ import annotations

from collections.abc import Iterator

from llminfra.rehearsal.aws.scene import Subject
from llminfra.rehearsal.provider.contract import Problem


def check_load_balancer(subject: Subject) -> Iterator[Problem]:
    """Names and subnets that ELB refuses."""
    if subject.type_name in ("aws_lb", "aws_lb_target_group"):
        name = subject.text("name")
        if name.startswith("internal-"):
            yield Problem(f"ValidationError: {name!r} cannot begin with internal-", "", ("name",))
    if subject.type_name == "aws_lb":
        kind = subject.text("load_balancer_type") or "application"
        subnets = subject.state.get("subnets")
        if kind == "application" and isinstance(subnets, list) and len(subnets) == 1:
            yield Problem(
                "ValidationError: At least two subnets in two different Availability Zones must be specified",
                "",
                ("subnets",),
            )
    if subject.type_name == "aws_lb_listener":
        secure = subject.text("protocol") in ("HTTPS", "TLS")
        if secure and not subject.text("certificate_arn") and not subject.is_unknown("certificate_arn"):
            yield Problem(
                "CertificateNotFound: a certificate must be specified for HTTPS listeners", "", ("certificate_arn",)
            )
