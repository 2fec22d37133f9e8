"""Ways to break the production stacks, one for each rule on Terraform."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from llminfra.rules.views.terraform_view import Stacks, read_stack
from tests.rules.platforms import Document, Documents

Break = Callable[[Documents], None]


def view(documents: Documents) -> Stacks:
    """Documents as rules see them."""
    return Stacks(
        tuple(
            read_stack(f"acme-prod-{kind}", f"stacks/acme-prod-{kind}/cdk.tf.json", document)
            for kind, document in documents.items()
        )
    )


def resource(documents: Documents, stack: str, kind: str, name: str | None = None) -> Any:
    """One resource's JSON."""
    held = documents[stack]["resource"][kind]
    return held[name] if name else next(iter(held.values()))


def add(documents: Documents, stack: str, kind: str, name: str, body: Document, *, mode: str = "resource") -> None:
    """Put a block into a stack."""
    documents[stack].setdefault(mode, {}).setdefault(kind, {})[name] = body


def h100_template(documents: Documents) -> Any:
    return resource(documents, "cluster", "aws_launch_template", "pool-h100")


def h100_group(documents: Documents) -> Any:
    return resource(documents, "cluster", "aws_eks_node_group", "pool-h100")


def endpoint_statement(documents: Documents) -> Any:
    """First statement of an endpoint's own policy document."""
    held = documents["serving"]["data"]["aws_iam_policy_document"]
    body = next(body for body in held.values() if body["//"]["llminfra"]["spec_path"] == "endpoints.assistant")
    first = body["statement"]
    return first[0] if isinstance(first, list) else first


def values_of(documents: Documents, release: str) -> dict[str, Any]:
    return dict(json.loads(resource(documents, "platform", "helm_release", release)["values"][0]))


def set_values(documents: Documents, release: str, values: dict[str, Any]) -> None:
    resource(documents, "platform", "helm_release", release)["values"] = [json.dumps(values)]


def net_1(d: Documents) -> None:
    h100_template(d)["network_interfaces"][0]["interface_type"] = "efa-only"
    h100_template(d)["network_interfaces"][1]["interface_type"] = "interface"


def net_2(d: Documents) -> None:
    h100_template(d)["network_interfaces"] = h100_template(d)["network_interfaces"][:2]


def net_3(d: Documents) -> None:
    h100_template(d)["network_interfaces"][0]["associate_public_ip_address"] = "true"


def net_4(d: Documents) -> None:
    h100_template(d)["vpc_security_group_ids"] = ["${aws_security_group.nodes.id}"]


def net_5(d: Documents) -> None:
    del d["cluster"]["resource"]["aws_vpc_security_group_egress_rule"]["pool-h100-efa-out"]


def net_6(d: Documents) -> None:
    # The capacity block goes too: it wants one subnet of its own accord.
    group, template = h100_group(d), h100_template(d)
    group["subnet_ids"].append("${data.terraform_remote_state.network.outputs.private_subnet_us_east_1a}")
    group["capacity_type"] = "ON_DEMAND"
    del template["instance_market_options"], template["capacity_reservation_specification"]


def net_7(d: Documents) -> None:
    del d["network"]["resource"]["aws_vpc_endpoint"]["gateway-s3"]


def net_8(d: Documents) -> None:
    resource(d, "cluster", "aws_eks_addon", "vpc-cni")["configuration_values"] = "{}"


def net_9(d: Documents) -> None:
    h100_template(d)["network_interfaces"][0]["subnet_id"] = "subnet-0123456789abcdef0"


def net_10(d: Documents) -> None:
    resource(d, "cluster", "aws_eks_cluster")["vpc_config"]["endpoint_public_access"] = True


def net_11(d: Documents) -> None:
    resource(d, "network", "aws_vpc_security_group_ingress_rule", "endpoints-https")["cidr_ipv4"] = "0.0.0.0/0"


def net_15(d: Documents) -> None:
    add(d, "network", "aws_lb", "public", {"internal": False})


def net_16(d: Documents) -> None:
    add(d, "cluster", "aws_subnet", "public", {"map_public_ip_on_launch": True})
    resource(d, "cluster", "aws_eks_node_group", "system")["subnet_ids"] = ["${aws_subnet.public.id}"]


def net_17(d: Documents) -> None:
    resource(d, "cluster", "aws_security_group", "nodes")["tags"] = {"kubernetes.io/cluster/acme-prod": "owned"}


def cap_1(d: Documents) -> None:
    h100_group(d)["capacity_type"] = "ON_DEMAND"


def cap_2(d: Documents) -> None:
    h100_template(d)["placement"] = {"group_name": "cluster"}


def cap_4(d: Documents) -> None:
    h100_group(d)["taint"] = []


def cap_5(d: Documents) -> None:
    h100_group(d)["ami_type"] = "AL2023_x86_64_STANDARD"


def cap_6(d: Documents) -> None:
    del h100_group(d)["node_repair_config"]


def cap_9(d: Documents) -> None:
    add(d, "platform", "helm_release", "dranet", {"chart": "aws-dranet", "repository": "x", "version": "0.1.0"})


def cap_12(d: Documents) -> None:
    h100_template(d)["metadata_options"]["http_put_response_hop_limit"] = 2


def cap_17(d: Documents) -> None:
    h100_group(d)["update_config"] = {"max_unavailable_percentage": 33}


def cap_19(d: Documents) -> None:
    values = values_of(d, "nvidia-device-plugin")
    set_values(d, "nvidia-device-plugin", {**values, "mofedEnabled": True})


def sto_1(d: Documents) -> None:
    resource(d, "storage", "aws_fsx_lustre_file_system")["deployment_type"] = "SCRATCH_2"


def sto_2(d: Documents) -> None:
    system = resource(d, "storage", "aws_fsx_lustre_file_system")
    system["efa_enabled"] = True
    system.pop("metadata_configuration", None)


def sto_3(d: Documents) -> None:
    del d["storage"]["resource"]["aws_s3_bucket_versioning"]


def sto_4(d: Documents) -> None:
    endpoint_statement(d)["actions"] = ["s3:GetObject", "s3:PutObject"]


def sto_5(d: Documents) -> None:
    h100_template(d)["block_device_mappings"][0]["ebs"]["encrypted"] = "false"


def in_user_data(d: Documents, old: bytes, new: bytes) -> None:
    text = base64.b64decode(h100_template(d)["user_data"])
    assert old in text
    h100_template(d)["user_data"] = base64.b64encode(text.replace(old, new)).decode()


def sto_6(d: Documents) -> None:
    in_user_data(d, b'"strategy": "RAID0"', b'"strategy": "Raid0"')


def cap_59(d: Documents) -> None:
    in_user_data(d, b"RLIMIT_MEMLOCK", b"RLIMIT_CORE")


def sto_7(d: Documents) -> None:
    rules_in = d["storage"]["resource"]["aws_vpc_security_group_ingress_rule"]
    for name in [name for name in rules_in if name.endswith("-988")]:
        del rules_in[name]


def sto_9(d: Documents) -> None:
    del d["storage"]["resource"]["aws_s3_bucket_policy"]


def sto_11(d: Documents) -> None:
    resource(d, "storage", "aws_s3_bucket")["force_destroy"] = True


def sec_2(d: Documents) -> None:
    token = "hf_" + "abcdEFGH1234ijklMNOP5678qrstUVWX"
    d["serving"]["output"] = {"token": {"value": token}}


def sec_3(d: Documents) -> None:
    add(d, "storage", "aws_db_instance", "db", {"password": "correct horse battery staple"})


def sec_4(d: Documents) -> None:
    endpoint_statement(d)["actions"] = ["fsx:*"]


def sec_5(d: Documents) -> None:
    trust = {
        "statement": [
            {
                "actions": ["sts:AssumeRoleWithWebIdentity"],
                "principals": [{"type": "Federated", "identifiers": ["arn:aws:iam::1:oidc-provider/x"]}],
                "condition": [{"test": "StringLike", "variable": "oidc:sub", "values": ["system:serviceaccount:*"]}],
            }
        ]
    }
    add(d, "cluster", "aws_iam_policy_document", "loose", trust, mode="data")


def sec_6(d: Documents) -> None:
    del resource(d, "network", "aws_cloudwatch_log_group")["kms_key_id"]


def sec_7(d: Documents) -> None:
    resource(d, "network", "aws_iam_role_policy")["policy"] = '{"Version": "2012-10-17", "Statement": []}'


def sec_8(d: Documents) -> None:
    resource(d, "cluster", "aws_eks_cluster")["access_config"]["authentication_mode"] = "API_AND_CONFIG_MAP"


def sec_10(d: Documents) -> None:
    del resource(d, "cluster", "aws_eks_cluster")["encryption_config"]


def key_6(d: Documents) -> None:
    d["cluster"]["//"]["llminfra"] = {"encryption": "platform"}


def srv_7(d: Documents) -> None:
    values = values_of(d, "dcgm-exporter")
    set_values(d, "dcgm-exporter", {**values, "extraEnv": [{"name": "GRAFANA_PASSWORD", "value": "hunter2"}]})


def bed_10(d: Documents) -> None:
    body = {"statement": [{"actions": ["bedrock:InvokeModel"], "resources": ["*"]}]}
    add(d, "serving", "aws_iam_policy_document", "bedrock", body, mode="data")


def obs_2(d: Documents) -> None:
    add(d, "serving", "aws_bedrock_guardrail", "g", {"name": "g"})


def obs_3(d: Documents) -> None:
    set_values(d, "dcgm-exporter", {**values_of(d, "dcgm-exporter"), "tolerations": []})


def obs_7(d: Documents) -> None:
    values = values_of(d, "kube-prometheus-stack")
    values["prometheus"]["prometheusSpec"]["serviceMonitorSelectorNilUsesHelmValues"] = True
    set_values(d, "kube-prometheus-stack", values)


def obs_8(d: Documents) -> None:
    values = values_of(d, "kube-prometheus-stack")
    del values["prometheus"]["prometheusSpec"]["storageSpec"]
    set_values(d, "kube-prometheus-stack", values)


def obs_9(d: Documents) -> None:
    values = values_of(d, "dcgm-exporter")
    values["resources"]["limits"]["memory"] = "512Mi"
    set_values(d, "dcgm-exporter", values)


def tf_1(d: Documents) -> None:
    add(d, "platform", "aws_eks_cluster", "again", resource(d, "cluster", "aws_eks_cluster"))
    d["platform"]["provider"]["helm"] = [{"kubernetes": {"host": "${aws_eks_cluster.again.endpoint}"}}]
    # The copied cluster refers to its own stack's key; that is none of this test's business.


def tf_2(d: Documents) -> None:
    d["storage"]["terraform"]["backend"]["s3"]["key"] = d["network"]["terraform"]["backend"]["s3"]["key"]


def tf_3(d: Documents) -> None:
    d["network"]["terraform"]["required_providers"]["aws"]["version"] = "~> 6.0"


def tf_4(d: Documents) -> None:
    resource(d, "storage", "aws_s3_bucket")["bucket"] = "${TfToken[TOKEN.7]}"


def tf_5(d: Documents) -> None:
    del resource(d, "platform", "helm_release", "keda")["version"]


def tf_6(d: Documents) -> None:
    del d["network"]["provider"]["aws"][0]["default_tags"]


MUTANTS: dict[str, Break] = {
    "LLM_NET_1": net_1,
    "LLM_NET_2": net_2,
    "LLM_NET_3": net_3,
    "LLM_NET_4": net_4,
    "LLM_NET_5": net_5,
    "LLM_NET_6": net_6,
    "LLM_NET_7": net_7,
    "LLM_NET_8": net_8,
    "LLM_NET_9": net_9,
    "LLM_NET_10": net_10,
    "LLM_NET_11": net_11,
    "LLM_NET_15": net_15,
    "LLM_NET_16": net_16,
    "LLM_NET_17": net_17,
    "LLM_CAP_1": cap_1,
    "LLM_CAP_2": cap_2,
    "LLM_CAP_4": cap_4,
    "LLM_CAP_5": cap_5,
    "LLM_CAP_6": cap_6,
    "LLM_CAP_9": cap_9,
    "LLM_CAP_12": cap_12,
    "LLM_CAP_17": cap_17,
    "LLM_CAP_19": cap_19,
    "LLM_STO_1": sto_1,
    "LLM_STO_2": sto_2,
    "LLM_STO_3": sto_3,
    "LLM_STO_4": sto_4,
    "LLM_STO_5": sto_5,
    "LLM_STO_6": sto_6,
    "LLM_CAP_59": cap_59,
    "LLM_STO_7": sto_7,
    "LLM_STO_9": sto_9,
    "LLM_STO_11": sto_11,
    "LLM_SEC_2": sec_2,
    "LLM_SEC_3": sec_3,
    "LLM_SEC_4": sec_4,
    "LLM_SEC_5": sec_5,
    "LLM_SEC_6": sec_6,
    "LLM_SEC_7": sec_7,
    "LLM_SEC_8": sec_8,
    "LLM_SEC_10": sec_10,
    "LLM_KEY_6": key_6,
    "LLM_SRV_7": srv_7,
    "LLM_BED_10": bed_10,
    "LLM_OBS_2": obs_2,
    "LLM_OBS_3": obs_3,
    "LLM_OBS_7": obs_7,
    "LLM_OBS_8": obs_8,
    "LLM_OBS_9": obs_9,
    "LLM_TF_1": tf_1,
    "LLM_TF_2": tf_2,
    "LLM_TF_3": tf_3,
    "LLM_TF_4": tf_4,
    "LLM_TF_5": tf_5,
    "LLM_TF_6": tf_6,
}
