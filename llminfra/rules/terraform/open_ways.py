"""Rules on ways in from the whole internet: in the synthesized Terraform, and in the plan that says it beforehand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from llminfra.diagnostics import Severity
from llminfra.rules.rule import Hit, rule
from llminfra.rules.views.terraform_view import Block, Nested, Stacks

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan

_ANYWHERE = frozenset({"0.0.0.0/0", "::/0"})
_HTTPS = 443


def public_gateway(balancer: Block) -> bool:
    """Whether it is the load balancer of a gateway that is declared public."""
    return balancer.spec_path.startswith("gateways.") and balancer.get("internal") is False


def _anywhere(cidrs: Iterable[str]) -> list[str]:
    """The blocks that are the whole internet."""
    return sorted(_ANYWHERE.intersection(cidrs))


def _open_api(plan: Plan) -> Iterator[Hit]:
    """``Cluster(public_access_cidrs=…)``."""
    listed = plan.cluster.public_access_cidrs if plan.cluster is not None else ()
    if _anywhere(listed):
        yield _everyone_asks_the_api(listed, path="cluster")


def _everyone_asks_the_api(listed: Iterable[str], *, path: str = "", on: Block | None = None) -> Hit:
    return Hit(
        path=path,
        on=on,
        message="the Kubernetes API is open to the whole internet",
        found=", ".join(listed) or "no public_access_cidrs, which means 0.0.0.0/0",
        expected="endpoint_public_access = false, or a list of your networks",
    )


@rule(
    code="LLM_NET_10",
    title="The Kubernetes API is private, or open to named networks only",
    severity=Severity.ERROR,
    looks_at="terraform",
    why="A public API endpoint without a list answers everyone on the internet; one leaked token is then enough.",
    fix="leave Cluster(public_access_cidrs=()) empty, or list the networks of your people",
    source=("AWS EKS best practices, security/iam.html: cluster endpoint", "CKV_AWS_39 and CKV_AWS_38"),
    foreseen=_open_api,
)
def api_not_public(stacks: Stacks) -> Iterator[Hit]:
    """``endpoint_public_access`` and its list."""
    for cluster in stacks.resources("aws_eks_cluster"):
        for config in cluster.blocks("vpc_config"):
            listed = config.strings("public_access_cidrs")
            public = config.get("endpoint_public_access") is not False
            if public and (not listed or _anywhere(listed)):
                yield _everyone_asks_the_api(listed, on=cluster)
            if config.get("endpoint_private_access") is not True:
                yield Hit(
                    on=cluster,
                    message="nodes reach the Kubernetes API over the internet",
                    found="endpoint_private_access is not true",
                    expected="endpoint_private_access = true",
                )


def _open_groups(plan: Plan) -> Iterator[Hit]:
    """Blocks of callers, which become rules of security groups: all on HTTPS alone."""
    fields: list[tuple[str, str, Iterable[str]]] = []
    if plan.cluster is not None:
        fields.append(("cluster", "Cluster(private_access_cidrs=…)", plan.cluster.private_access_cidrs))
    fields += [(f"endpoints.{item.name}", "Ec2(allow_from_cidrs=…)", item.allow_from_cidrs) for item in plan.ec2]
    fields += [
        (f"gateways.{item.name}", "Gateway(allow_from_cidrs=…)", item.allow_from_cidrs)
        for item in plan.gateways
        if item.balanced and item.spec.exposure != "public"
    ]
    for path, where, cidrs in fields:
        for wide in _anywhere(cidrs):
            yield _everyone_let_in([wide], (_HTTPS, _HTTPS), path=path, fix=f"name your networks in {where}")


def _everyone_let_in(
    wide: list[str], ends: tuple[object, object], *, path: str = "", on: Block | None = None, fix: str = ""
) -> Hit:
    ports = "-".join(dict.fromkeys("all" if end is None else str(end) for end in ends))
    return Hit(
        path=path,
        on=on,
        message="the security group accepts traffic from the whole internet",
        found=f"{', '.join(wide)} to port{'s' * (ends[0] != ends[1] or None in ends)} {ports}",
        expected="a security group or a private network",
        fix=fix,
    )


@rule(
    code="LLM_NET_11",
    title="No security group lets the internet in",
    severity=Severity.ERROR,
    looks_at="terraform",
    why="A model endpoint has no user accounts: whoever reaches the port uses the GPUs, reads what others cached, and "
    "sends the bill.",
    fix="name the networks or groups that may call, never 0.0.0.0/0",
    source=("AWS Well-Architected Generative AI Lens, GENSEC01-BP01", "OWASP Top 10 for LLM applications 2025, LLM10"),
    foreseen=_open_groups,
)
def no_public_ingress(stacks: Stacks) -> Iterator[Hit]:
    """Ingress from anywhere, in every way Terraform has to say it.

    HTTPS to the balancer of a gateway that is declared public is what its callers need: LLM_GW_8 demands that it asks
    who they are.
    """
    gateways = {item.spec_path for item in stacks.resources("aws_lb") if public_gateway(item)}
    for group in stacks.resources("aws_security_group"):
        for inline in group.blocks("ingress"):
            yield from _public(group, inline, ("cidr_blocks", "ipv6_cidr_blocks"))
    for item in stacks.resources("aws_vpc_security_group_ingress_rule"):
        if item.spec_path in gateways and (item.get("from_port"), item.get("to_port")) == (_HTTPS, _HTTPS):
            continue
        yield from _public(item, Nested(item.body), ("cidr_ipv4", "cidr_ipv6"))
    for item in stacks.resources("aws_security_group_rule"):
        if item.get("type") == "ingress":
            yield from _public(item, Nested(item.body), ("cidr_blocks", "ipv6_cidr_blocks"))


def _public(on: Block, body: Nested, keys: tuple[str, ...]) -> Iterator[Hit]:
    if wide := _anywhere(text for key in keys for text in body.strings(key)):
        yield _everyone_let_in(wide, (body.get("from_port"), body.get("to_port")), on=on)


RULES = (api_not_public, no_public_ingress)
