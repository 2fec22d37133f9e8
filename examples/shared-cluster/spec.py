"""A platform team's cluster: what it has once for all teams, whose own specs put pools and endpoints on it."""

from llminfra import Cluster, Network, Observability, Platform, SharedWith

# ``llminfra plan`` prints what the teams write; ../shared-cluster-team/spec.yaml is one of them.
platform = Platform(
    name="acme-llm",
    region="us-east-1",
    network=Network(cidr="10.40.0.0/16"),
    cluster=Cluster(
        version="1.35",
        admin_role_arns=[
            "arn:aws:iam::111122223333:role/platform-terraform",
            "arn:aws:iam::111122223333:role/assistants-terraform",
            "arn:aws:iam::111122223333:role/search-terraform",
        ],
        install=["keda", "external-secrets", "nvidia-device-plugin", "dcgm-exporter", "lws"],
        shared_with=[
            SharedWith(name="assistants", secrets=["acme/assistants/*"]),
            SharedWith(name="search", secrets=["acme/search/*"]),
        ],
    ),
    observability=Observability(),
)
