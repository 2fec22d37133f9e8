"""A small platform as synthesized JSON: network, cluster and serving, with everything a rehearsal looks at."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Content = dict[str, Any]
Stacks = dict[str, Content]

_DEPENDENCIES = {
    "network": [],
    "cluster": ["network"],
    "platform": ["cluster"],
    "serving": ["cluster", "platform"],
}
_STATE = {"bucket": "acme-terraform", "region": "us-east-1"}
_DEPLOYMENT = """apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
  namespace: {{ .Release.Namespace }}
spec:
  replicas: {{ .Values.replicas }}
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
        - name: web
          image: nginx:1.29
"""


def _terraform(stack: str) -> Content:
    return {
        "backend": {"s3": {**_STATE, "key": f"demo/{stack}.tfstate", "encrypt": True, "use_lockfile": True}},
        "required_providers": {
            "aws": {"source": "hashicorp/aws", "version": "6.25.0"},
            "helm": {"source": "hashicorp/helm", "version": "3.1.1"},
        },
        "required_version": ">= 1.10.0",
    }


def _remote(stack: str) -> Content:
    return {"backend": "s3", "config": {**_STATE, "key": f"demo/{stack}.tfstate"}}


def _trust(service: str) -> Content:
    return {
        "statement": [
            {"actions": ["sts:AssumeRole"], "principals": [{"type": "Service", "identifiers": [service]}]},
        ]
    }


_AWS = {"aws": [{"region": "us-east-1", "default_tags": [{"tags": {"team": "ml"}}]}]}
_SUBNETS = "${data.terraform_remote_state.network.outputs.subnets}"
_FIRST_SUBNET = "${data.terraform_remote_state.network.outputs.subnets[0]}"
_GROUP = "${data.terraform_remote_state.network.outputs.group}"

NETWORK: Content = {
    "terraform": _terraform("network"),
    "provider": _AWS,
    "data": {"aws_availability_zones": {"zones": {"state": "available"}}},
    "resource": {
        "aws_vpc": {
            "main": {
                "cidr_block": "10.0.0.0/16",
                "tags": {"Name": "demo"},
                "//": {"metadata": {"path": "network/vpc"}, "llminfra": {"spec_path": "network"}},
            }
        },
        "aws_subnet": {
            "a": {"vpc_id": "${aws_vpc.main.id}", "cidr_block": "10.0.0.0/20", "availability_zone": "us-east-1a"},
            "b": {
                "vpc_id": "${aws_vpc.main.id}",
                "cidr_block": "10.0.16.0/20",
                "availability_zone": "${data.aws_availability_zones.zones.names[1]}",
                "//": {"metadata": {"path": "network/subnet-b"}},
            },
        },
        "aws_security_group": {"nodes": {"name": "nodes", "vpc_id": "${aws_vpc.main.id}"}},
        "aws_vpc_security_group_egress_rule": {
            "out": {
                "security_group_id": "${aws_security_group.nodes.id}",
                "ip_protocol": "-1",
                "cidr_ipv4": "0.0.0.0/0",
            }
        },
        "aws_s3_bucket": {"weights": {"bucket": "acme-demo-weights"}},
        "aws_s3_bucket_versioning": {
            "weights": {"bucket": "${aws_s3_bucket.weights.id}", "versioning_configuration": {"status": "Enabled"}}
        },
    },
    "output": {
        "subnets": {"value": ["${aws_subnet.a.id}", "${aws_subnet.b.id}"]},
        "group": {"value": "${aws_security_group.nodes.id}"},
        "bucket_arn": {"value": "${aws_s3_bucket.weights.arn}"},
    },
}

CLUSTER: Content = {
    "terraform": _terraform("cluster"),
    "provider": _AWS,
    "data": {
        "terraform_remote_state": {"network": _remote("network")},
        "aws_iam_policy_document": {
            "cluster": _trust("eks.amazonaws.com"),
            "node": _trust("ec2.amazonaws.com"),
            "weights": {
                "statement": [
                    {
                        "sid": "ReadWeights",
                        "actions": ["s3:GetObject"],
                        "resources": ["${data.terraform_remote_state.network.outputs.bucket_arn}/*"],
                    }
                ]
            },
        },
    },
    "resource": {
        "aws_iam_role": {
            "cluster": {
                "name": "demo-cluster",
                "assume_role_policy": "${data.aws_iam_policy_document.cluster.json}",
            },
            "node": {"name": "demo-node", "assume_role_policy": "${data.aws_iam_policy_document.node.json}"},
        },
        "aws_iam_role_policy": {
            "weights": {
                "name": "weights",
                "role": "${aws_iam_role.node.name}",
                "policy": "${data.aws_iam_policy_document.weights.json}",
            }
        },
        "aws_eks_cluster": {
            "main": {
                "name": "demo",
                "role_arn": "${aws_iam_role.cluster.arn}",
                "version": "1.34",
                "vpc_config": {"subnet_ids": _SUBNETS, "endpoint_private_access": True},
                "//": {"metadata": {"path": "cluster/eks"}, "llminfra": {"spec_path": "cluster"}},
            }
        },
        "aws_launch_template": {
            "gpu": {
                "name_prefix": "demo-gpu-",
                "block_device_mappings": [
                    {"device_name": "/dev/xvda", "ebs": {"volume_size": 200, "volume_type": "gp3"}}
                ],
                "metadata_options": {"http_tokens": "required"},
                "network_interfaces": [
                    {"device_index": 0, "network_card_index": 0, "security_groups": [_GROUP]},
                    {
                        "device_index": 1,
                        "network_card_index": 0,
                        "interface_type": "efa-only",
                        "security_groups": [_GROUP],
                    },
                ],
                "//": {"llminfra": {"spec_path": "pools.gpu"}},
            }
        },
        "aws_eks_node_group": {
            "gpu": {
                "cluster_name": "${aws_eks_cluster.main.name}",
                "node_group_name": "gpu",
                "node_role_arn": "${aws_iam_role.node.arn}",
                "subnet_ids": [_FIRST_SUBNET],
                "instance_types": ["g6e.12xlarge"],
                "ami_type": "AL2023_x86_64_NVIDIA",
                "scaling_config": {"min_size": 0, "max_size": 2, "desired_size": 0},
                "launch_template": {
                    "id": "${aws_launch_template.gpu.id}",
                    "version": "${aws_launch_template.gpu.latest_version}",
                },
                "//": {"llminfra": {"spec_path": "pools.gpu"}},
            }
        },
        "aws_fsx_lustre_file_system": {
            "weights": {
                "subnet_ids": [_FIRST_SUBNET],
                "storage_capacity": 4800,
                "deployment_type": "PERSISTENT_2",
                "per_unit_storage_throughput": 500,
                "//": {"llminfra": {"spec_path": "storage.weights"}},
            }
        },
    },
    "output": {
        "endpoint": {"value": "${aws_eks_cluster.main.endpoint}"},
        "ca": {"value": "${aws_eks_cluster.main.certificate_authority[0].data}"},
    },
}

SERVING: Content = {
    "terraform": _terraform("serving"),
    "provider": {
        "helm": [
            {
                "kubernetes": {
                    "host": "${data.terraform_remote_state.cluster.outputs.endpoint}",
                    "cluster_ca_certificate": "${base64decode(data.terraform_remote_state.cluster.outputs.ca)}",
                    "exec": {
                        "api_version": "client.authentication.k8s.io/v1",
                        "command": "aws",
                        "args": ["eks", "get-token", "--cluster-name", "demo"],
                    },
                }
            }
        ]
    },
    "data": {"terraform_remote_state": {"cluster": _remote("cluster")}},
    "resource": {
        "helm_release": {
            "web": {
                "name": "web",
                "chart": "./charts/web",
                "namespace": "web",
                "create_namespace": True,
                "values": ["replicas: 2\n"],
                "//": {"llminfra": {"spec_path": "endpoints.web"}},
            },
            "keda": {
                "name": "keda",
                "chart": "keda",
                "repository": "https://kedacore.github.io/charts",
                "version": "2.20.2",
                "namespace": "keda",
                "create_namespace": True,
                "values": ["operator:\n  replicaCount: 2\n"],
            },
        }
    },
}


def write_synthesis(
    root: Path, edit: Callable[[Stacks], None] | None = None, *, deployment: str = _DEPLOYMENT, only: str = ""
) -> Path:
    """Write the platform below ``root`` after ``edit`` changed it; ``only`` leaves one stack."""
    stacks = copy.deepcopy({"network": NETWORK, "cluster": CLUSTER, "serving": SERVING})
    if edit is not None:
        edit(stacks)
    if only:
        stacks = {only: stacks[only]}
    manifest: Content = {"stacks": {}}
    for name, content in stacks.items():
        folder = root / "stacks" / name
        folder.mkdir(parents=True)
        (folder / "cdk.tf.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
        manifest["stacks"][name] = {
            "name": name,
            "synthesizedStackPath": f"stacks/{name}/cdk.tf.json",
            "workingDirectory": f"stacks/{name}",
            "dependencies": [item for item in _DEPENDENCIES.get(name, []) if item in stacks],
        }
    if "serving" in stacks:
        chart = root / "stacks" / "serving" / "charts" / "web"
        (chart / "templates").mkdir(parents=True)
        (chart / "Chart.yaml").write_text("apiVersion: v2\nname: web\nversion: 0.1.0\n", encoding="utf-8")
        (chart / "values.yaml").write_text("replicas: 1\n", encoding="utf-8")
        (chart / "templates" / "deployment.yaml").write_text(deployment, encoding="utf-8")
    (root / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return root
