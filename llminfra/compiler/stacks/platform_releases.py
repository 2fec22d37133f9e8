"""Releases of the platform stack: which chart each is of, what it is called, and what it waits for."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, field

from llminfra.bindings import core
from llminfra.catalog.charts import chart_pin
from llminfra.charts.values import ChartValues
from llminfra.compiler.stacks.local_charts import local_chart
from llminfra.constructs.basis.iam import PodIdentity, Role, Statement, pod_role
from llminfra.constructs.basis.scope import Maker, Scope
from llminfra.constructs.cluster.helm_release import HelmRelease, helm_release
from llminfra.planning.plan import Plan

OWN_CHARTS = frozenset({"cluster-base", "cluster-secrets", "gateway-base", "karpenter-pools", "llm-observability"})
_ONCE = frozenset({"gateway-base"})  # goes with upstream charts that a cluster has once


class Releases(Struct, frozen=True):
    """The releases so far, and which of our charts they use."""

    scope: Scope
    identity: PodIdentity
    plan: Plan
    parts_off: Sequence[str]
    charts: set[str] = field(default_factory=set)

    def install(
        self,
        spec_path: str,
        chart: str,
        namespace: str,
        values: ChartValues | None,
        *after: core.TerraformElement | None,
        timeout_s: int = 900,
    ) -> core.TerraformElement:
        """Install an upstream chart by its pin, or one of ours from the stack's folder.

        Other platforms on the cluster have our charts, too: there, the release has the platform's name before its own.
        """
        release = HelmRelease(
            id=chart,
            name=f"{self.plan.platform.cluster_prefix}{chart}" if chart in OWN_CHARTS - _ONCE else None,
            namespace=namespace,
            chart=local_chart(chart, self.charts) if chart in OWN_CHARTS else chart_pin(chart),
            values=values,
            timeout_s=timeout_s,
            after=[item for item in after if item is not None],
            parts_off=self.parts_off,
        )
        return helm_release(self.scope.under(self.asked_by(chart, spec_path)), release)

    def asked_by(self, chart: str, spec_path: str) -> str:
        """Where the spec asks for a chart: what it installs for others it may not use itself."""
        return "cluster.install" if chart in self.plan.eks.provided else spec_path

    def role(self, make: Maker, id_: str, namespace: str, account: str, inline: dict[str, Sequence[Statement]]) -> Role:
        """A role for a controller's service account."""
        return pod_role(
            make,
            id_,
            identity=self.identity,
            namespace=namespace,
            service_account=account,
            description=f"{self.scope.platform}: {id_}",
            inline=inline,
            pods_follow=True,
        )

    def irsa(self, role: Role) -> str | None:
        """What the service account must carry."""
        return role.arn if self.identity.kind == "irsa" else None
