"""Rules on rendered objects around the pods: who reaches a model, what keeps it up, and which secrets lie about."""

from __future__ import annotations

from collections.abc import Iterator

from llminfra.diagnostics import Severity
from llminfra.rules.credentials import credential_kind, is_reference, names_a_secret
from llminfra.rules.rule import Hit, rule
from llminfra.rules.views.kubernetes_view import KubernetesObject, KubernetesObjects, dig, mappings, selects
from llminfra.rules.views.mappings import as_mapping
from llminfra.rules.views.terraform_view import walk_strings

_INTERNAL = ("service.beta.kubernetes.io/aws-load-balancer-scheme", "alb.ingress.kubernetes.io/scheme")


@rule(
    code="LLM_SRV_5",
    title="No model is published by a load balancer, node port or ingress without TLS",
    severity=Severity.ERROR,
    looks_at="kubernetes",
    why="Engines have no users and no rate limit, and their API key does not cover /metrics, /tokenize or "
    "/invocations: a public address gives the GPUs away.",
    fix="keep Services of type ClusterIP, and put an authenticating gateway with TLS in front",
    source=("vllm-project/vllm#29922", "AWS Generative AI Lens, GENSEC01-BP01", "OWASP LLM10:2025"),
)
def not_published(objects: KubernetesObjects) -> Iterator[Hit]:
    """Service types and schemes, and TLS of ingresses."""
    for item in objects.of_kind("Service"):
        kind = item.spec.get("type")
        scheme = as_mapping(dig(item.body, "metadata", "annotations")).get(_INTERNAL[0])
        if kind == "NodePort" or (kind == "LoadBalancer" and scheme != "internal"):
            yield Hit(
                on=item,
                message=f"the Service is published as {kind}",
                found=f"type: {kind}, scheme: {scheme or 'unset'}",
                expected="ClusterIP, or an internal load balancer",
            )
    for item in objects.of_kind("Ingress"):
        scheme = as_mapping(dig(item.body, "metadata", "annotations")).get(_INTERNAL[1])
        if not item.spec.get("tls") or scheme == "internet-facing":
            yield Hit(
                on=item,
                message="the Ingress has no TLS or faces the internet",
                found=f"tls: {'yes' if item.spec.get('tls') else 'no'}, scheme: {scheme or 'unset'}",
                expected="tls, scheme internal",
            )


def _network_policies(objects: KubernetesObjects, item: KubernetesObject, labels: object) -> list[KubernetesObject]:
    return [
        policy
        for policy in objects.of_kind("NetworkPolicy")
        if policy.namespace == item.namespace and selects(policy.spec.get("podSelector"), as_mapping(labels))
    ]


@rule(
    code="LLM_SRV_19",
    title="A network policy says who may call each model server",
    severity=Severity.ERROR,
    looks_at="kubernetes",
    why="Without a policy every pod of the cluster reaches every port of the engine, the unauthenticated ones too.",
    fix="keep the NetworkPolicy of the chart",
    source=("vllm-project/vllm#29922", "AWS EKS best practices, security/network.html"),
)
def has_network_policy(objects: KubernetesObjects) -> Iterator[Hit]:
    """An ingress policy that selects each GPU pod."""
    for item, pod in objects.gpu_workloads:
        policies = _network_policies(objects, item, pod.labels)
        if not any("Ingress" in (policy.spec.get("policyTypes") or ["Ingress"]) for policy in policies):
            yield Hit(
                on=item,
                message="no network policy selects the pods",
                found=f"{len(policies)} policies",
                expected="a NetworkPolicy with ingress rules",
            )


@rule(
    code="LLM_SRV_73",
    title="Network policies of model servers name their callers",
    severity=Severity.ERROR,
    looks_at="kubernetes",
    why="An ingress rule without `from`, or from 0.0.0.0/0 or from every namespace, is no policy at all.",
    fix="name namespaces and pods in `from`",
    source=("Kubernetes documentation: network policies, default policies",),
)
def policies_name_callers(objects: KubernetesObjects) -> Iterator[Hit]:
    """Ingress rules that let everyone in, in policies that select GPU pods."""
    seen: set[str] = set()
    for item, pod in objects.gpu_workloads:
        for policy in _network_policies(objects, item, pod.labels):
            for ingress in mappings(policy.spec.get("ingress")):
                sources = mappings(ingress.get("from"))
                anyone = not sources or any(
                    dig(source, "ipBlock", "cidr") in ("0.0.0.0/0", "::/0")
                    or (source.get("namespaceSelector") == {} and not source.get("podSelector"))
                    for source in sources
                )
                if anyone and policy.address not in seen:
                    seen.add(policy.address)
                    yield Hit(
                        on=policy,
                        message="the policy lets everyone call the model server",
                        found=str(dict(ingress))[:120],
                        expected="from with named namespaces or pods",
                    )


@rule(
    code="LLM_SRV_18",
    title="Model servers have a disruption budget",
    severity=Severity.WARNING,
    looks_at="kubernetes",
    why="A node upgrade may evict all replicas at once; each needs minutes to load again.",
    fix="keep the PodDisruptionBudget of the chart",
    source=("AWS EKS best practices, reliability/application.html: pod disruption budgets",),
)
def disruption_budget(objects: KubernetesObjects) -> Iterator[Hit]:
    """A budget that selects each GPU workload that is not a job."""
    for item, pod in objects.gpu_workloads:
        if item.kind not in ("Deployment", "StatefulSet", "LeaderWorkerSet"):
            continue
        covered = any(
            budget.namespace == item.namespace and selects(budget.spec.get("selector"), pod.labels)
            for budget in objects.of_kind("PodDisruptionBudget")
        )
        if not covered:
            yield Hit(
                on=item,
                message="nothing keeps a node upgrade from taking all replicas at once",
                found="no PodDisruptionBudget",
                expected="a PodDisruptionBudget",
            )


@rule(
    code="LLM_SEC_9",
    title="No credential stands in a rendered object",
    severity=Severity.ERROR,
    looks_at="kubernetes",
    why="Manifests are in git, in the release's Secret, and in the state; anyone who may list pods reads their "
    "environment.",
    fix="let External Secrets create the Secret, and refer to it by secretKeyRef",
    source=("OWASP LLM02:2025 sensitive information disclosure", "kserve/kserve#4674"),
)
def no_credentials_in_objects(objects: KubernetesObjects) -> Iterator[Hit]:
    """Credential shapes anywhere, and literal values of variables that hold secrets."""
    for item in objects:
        for path, text in walk_strings(item.body):
            if kind := credential_kind(text):
                yield Hit(
                    on=item, message=f"{kind} stands in {path}", found="a literal (not shown)", expected="secretKeyRef"
                )
        for pod in item.pods:
            for container in pod.containers:
                for name, entry in container.environment.items():
                    value = entry.get("value")
                    if not isinstance(value, str) or is_reference(value) or credential_kind(value):
                        continue
                    if names_a_secret(name):
                        yield Hit(
                            on=item,
                            message=f"variable {name} of container {container.name} is a literal secret",
                            found="a literal (not shown)",
                            expected="valueFrom.secretKeyRef",
                        )


@rule(
    code="LLM_SEC_12",
    title="Charts bring no secrets of their own",
    severity=Severity.ERROR,
    looks_at="kubernetes",
    why="A Secret that Helm renders has its value in the chart's values, hence in the Terraform state; a generated one "
    "changes with every plan.",
    fix="create it with an ExternalSecret, and name it in the values as existing",
    source=("Helm documentation: chart best practices", "External Secrets documentation: ExternalSecret"),
)
def no_rendered_secrets(objects: KubernetesObjects) -> Iterator[Hit]:
    """Secrets with data among rendered objects."""
    for item in objects.of_kind("Secret"):
        if (item.body.get("data") or item.body.get("stringData")) and item.body.get("type") != "helm.sh/release.v1":
            yield Hit(
                on=item,
                message="the chart renders a Secret with its value",
                found=", ".join(
                    sorted({**as_mapping(item.body.get("data")), **as_mapping(item.body.get("stringData"))})
                ),
                expected="an ExternalSecret",
            )


RULES = (
    not_published,
    has_network_policy,
    policies_name_callers,
    disruption_budget,
    no_credentials_in_objects,
    no_rendered_secrets,
)
