"""Providers of a stack, pinned by us, and the Terraform versions it works with."""

from __future__ import annotations

from importlib.metadata import version

from llminfra.bindings import aws, core, helm

# Provider versions that the installed bindings were generated from (their package metadata says so on PyPI).
_PROVIDER_OF_BINDINGS = {
    "cdktf-cdktf-provider-aws": {"21.22.1": "6.25.0"},
    "cdktf-cdktf-provider-helm": {"12.1.2": "3.1.1"},
}
REQUIRED_TERRAFORM = ">= 1.10.0"
"""The first Terraform (and OpenTofu) with locking in S3 itself."""


def versions_file() -> str:
    """A file that holds the required Terraform version, in Terraform's own language.

    It stands beside ``cdk.tf.json`` and not in it: Checkov 3.3 gives up any JSON file whose ``terraform`` block has a
    plain string in it, and then reports no finding at all.
    """
    return f'terraform {{\n  required_version = "{REQUIRED_TERRAFORM}"\n}}\n'


def provider_version(package: str) -> str:
    """Version of the Terraform provider that a bindings package speaks for.

    Raises:
        LookupError: the installed bindings are not the ones that llminfra was tested with.
    """
    installed = version(package)
    try:
        return _PROVIDER_OF_BINDINGS[package][installed]
    except KeyError:
        msg = (
            f"{package} {installed} is installed; llminfra was tested with {', '.join(_PROVIDER_OF_BINDINGS[package])}"
        )
        raise LookupError(msg) from None


def require_versions(stack: core.TerraformStack, *, with_helm: bool) -> None:
    """Pin the providers by full source address: the bindings write ``aws``, which OpenTofu misreads."""
    pins = {"aws": "cdktf-cdktf-provider-aws"} | ({"helm": "cdktf-cdktf-provider-helm"} if with_helm else {})
    for name, package in pins.items():
        stack.add_override(
            f"terraform.required_providers.{name}",
            {"source": f"hashicorp/{name}", "version": provider_version(package)},
        )


def aws_provider(
    stack: core.TerraformStack, *, region: str, account_id: str | None, tags: dict[str, str]
) -> aws.AwsProvider:
    """The AWS provider: one region, one account where it is declared, tags on everything that takes them."""
    return aws.AwsProvider(
        stack,
        "provider-aws",
        region=region,
        allowed_account_ids=[account_id] if account_id else None,
        default_tags=[aws.AwsProviderDefaultTags(tags=tags)],
    )


def helm_provider(
    stack: core.TerraformStack, *, region: str, cluster_name: str, endpoint: str, ca_certificate: str
) -> helm.HelmProvider:
    """The Helm provider for a cluster of another stack; it asks for a token when it runs, so that none is stored.

    Args:
        stack: Stack with Helm releases.
        region: Region of the cluster.
        cluster_name: Expression of the cluster's name.
        endpoint: Expression of the API server's URL.
        ca_certificate: Expression of its certificate authority, base64.
    """
    return helm.HelmProvider(
        stack,
        "provider-helm",
        kubernetes=helm.HelmProviderKubernetes(
            host=endpoint,
            cluster_ca_certificate=ca_certificate.replace("${", "${base64decode(", 1).removesuffix("}") + ")}",
            exec=helm.HelmProviderKubernetesExec(
                api_version="client.authentication.k8s.io/v1",
                command="aws",
                args=["eks", "get-token", "--cluster-name", cluster_name, "--region", region, "--output", "json"],
            ),
        ),
    )
