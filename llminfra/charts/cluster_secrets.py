"""Values of the chart ``cluster-secrets``: the store that ExternalSecrets read from.

A chart of its own, because its objects need the CRDs of External Secrets, which ``cluster-base`` comes before.
"""

from pydantic import Field

from llminfra.charts.values import ChartValues, DnsLabel, LateStr


class ClusterSecretsValues(ChartValues):
    """A ClusterSecretStore on AWS Secrets Manager (``external-secrets.io/v1``).

    The External Secrets controller reads with its own identity (EKS Pod Identity or IRSA on its service account), so
    no credential appears here.
    """

    name: DnsLabel = "aws-secrets-manager"
    region: LateStr
    namespaces: list[DnsLabel] = Field(min_length=1)
    """Namespaces whose ExternalSecrets may use the store."""
    labels: dict[str, str] = {}
