"""Other ways to say the same: what must fail too, and what must pass although it looks alike."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from llminfra.compiler.steady_gzip import steady_gzip
from llminfra.rules import run_kubernetes, run_terraform
from llminfra.rules.terraform.nodes import decoded_user_data
from llminfra.rules.terraform.releases import quantity_mib
from llminfra.rules.views.kubernetes_view import KubernetesObject, KubernetesObjects
from llminfra.rules.views.terraform_view import Stacks, read_stack

PINNED = {
    "aws": {"source": "hashicorp/aws", "version": "6.25.0"},
    "helm": {"source": "hashicorp/helm", "version": "3.1.1"},
}
FRAME: dict[str, Any] = {
    "terraform": {"backend": {"local": {"path": "s.tfstate"}}, "required_providers": PINNED},
    "provider": {"aws": [{"default_tags": [{"tags": {"a": "b"}}]}]},
}
SELF_RULE = {
    "security_group_id": "${aws_security_group.efa.id}",
    "referenced_security_group_id": "${aws_security_group.efa.id}",
    "ip_protocol": "-1",
}
TRUST = {"actions": ["sts:AssumeRoleWithWebIdentity"], "principals": [{"type": "Federated", "identifiers": ["x"]}]}


def fired(resources: dict[str, Any], data: dict[str, Any] | None = None, **more: Any) -> set[str]:
    document = {**FRAME, "resource": resources, "data": data or {}, **more}
    found = run_terraform(Stacks((read_stack("s", "stacks/s/cdk.tf.json", document),)))
    return {item.diagnostic.code for item in found}


def template(**fields: Any) -> dict[str, Any]:
    """A launch template that passes every rule on templates."""
    return {
        "metadata_options": {"http_tokens": "required", "http_put_response_hop_limit": 1},
        "block_device_mappings": [{"ebs": {"encrypted": True, "volume_type": "gp3", "volume_size": 300}}],
        **fields,
    }


def policy(**statement: Any) -> dict[str, Any]:
    return {"aws_iam_policy_document": {"d": {"statement": [statement]}}}


EFA_NICS = [
    {"network_card_index": 0, "device_index": 0, "security_groups": ["${aws_security_group.efa.id}"]},
    {
        "network_card_index": 1,
        "device_index": 0,
        "interface_type": "efa-only",
        "security_groups": ["${aws_security_group.efa.id}"],
    },
]


@pytest.mark.parametrize(
    "rules",
    [
        {
            "aws_security_group": {"efa": {}},
            "aws_vpc_security_group_ingress_rule": {"i": SELF_RULE},
            "aws_vpc_security_group_egress_rule": {"e": SELF_RULE},
        },
        {
            "aws_security_group": {
                "efa": {"ingress": [{"protocol": "-1", "self": True}], "egress": [{"protocol": "-1", "self": True}]}
            }
        },
        {
            "aws_security_group": {"efa": {}},
            "aws_security_group_rule": {
                way: {"type": way, "protocol": "-1", "self": True, "security_group_id": "${aws_security_group.efa.id}"}
                for way in ("ingress", "egress")
            },
        },
    ],
    ids=["rules", "inline", "old-rules"],
)
def test_every_way_to_open_an_efa_group_to_itself_passes(rules: dict[str, Any]) -> None:
    assert fired({"aws_launch_template": {"t": template(network_interfaces=EFA_NICS)}, **rules}) == set()


@pytest.mark.parametrize("way", ["ingress", "egress"])
def test_one_direction_is_not_enough(way: str) -> None:
    resources = {
        "aws_launch_template": {"t": template(network_interfaces=EFA_NICS)},
        "aws_security_group": {"efa": {}},
        f"aws_vpc_security_group_{way}_rule": {"r": SELF_RULE},
    }
    assert fired(resources) == {"LLM_NET_5"}


def test_groups_of_other_stacks_are_not_judged() -> None:
    nics = [{**nic, "security_groups": ["${data.terraform_remote_state.x.outputs.sg}"]} for nic in EFA_NICS]
    assert fired({"aws_launch_template": {"t": template(network_interfaces=nics)}}) == set()


def test_without_a_type_only_the_slots_are_judged() -> None:
    twice = [{"device_index": 0, "security_groups": ["sg-1"]}, {"device_index": 0, "security_groups": ["sg-1"]}]
    assert fired({"aws_launch_template": {"t": template(network_interfaces=twice)}}) == {"LLM_NET_1"}


@pytest.mark.parametrize(
    "resource",
    [
        {"aws_security_group": {"g": {"ingress": [{"cidr_blocks": ["0.0.0.0/0"], "from_port": 443}]}}},
        {"aws_security_group": {"g": {"ingress": {"ipv6_cidr_blocks": ["::/0"]}}}},
        {"aws_vpc_security_group_ingress_rule": {"r": {"cidr_ipv6": "::/0"}}},
        {"aws_security_group_rule": {"r": {"type": "ingress", "cidr_blocks": ["0.0.0.0/0"]}}},
    ],
)
def test_every_way_to_let_the_internet_in_is_found(resource: dict[str, Any]) -> None:
    assert fired(resource) == {"LLM_NET_11"}


@pytest.mark.parametrize(
    ("path", "internal", "port", "codes"),
    [
        ("gateways.llm", False, 443, set()),
        ("gateways.llm", True, 443, {"LLM_NET_11"}),
        ("gateways.llm", False, 80, {"LLM_NET_11"}),
        ("endpoints.chat", False, 443, {"LLM_NET_11", "LLM_NET_15"}),
    ],
)
def test_only_a_public_gateway_takes_https_from_everywhere(
    path: str, internal: bool, port: int, codes: set[str]
) -> None:
    note = {"//": {"llminfra": {"spec_path": path}}}
    resources = {
        "aws_lb": {"b": {"internal": internal, "subnets": ["subnet-1"], **note}},
        "aws_vpc_security_group_ingress_rule": {
            "r": {"cidr_ipv4": "0.0.0.0/0", "from_port": port, "to_port": port, **note}
        },
    }
    assert fired(resources) & {"LLM_NET_11", "LLM_NET_15"} == codes


def test_egress_to_the_internet_is_no_ingress() -> None:
    resources = {
        "aws_security_group_rule": {"r": {"type": "egress", "cidr_blocks": ["0.0.0.0/0"]}},
        "aws_vpc_security_group_egress_rule": {"r": {"cidr_ipv4": "0.0.0.0/0"}},
        "aws_lb": {"internal": {"internal": True}},
    }
    assert fired(resources) == set()


@pytest.mark.parametrize(
    ("condition", "codes"),
    [
        ([{"test": "StringEquals", "variable": "o:sub", "values": ["system:serviceaccount:ns:name"]}], set()),
        ([{"test": "StringEquals", "variable": "o:sub", "values": ["system:serviceaccount:ns:*"]}], {"LLM_SEC_5"}),
        ([{"test": "StringEquals", "variable": "o:aud", "values": ["sts.amazonaws.com"]}], {"LLM_SEC_5"}),
        ([], {"LLM_SEC_5"}),
    ],
)
def test_trust_of_service_accounts(condition: list[dict[str, Any]], codes: set[str]) -> None:
    assert fired({}, policy(**TRUST, condition=condition)) == codes


@pytest.mark.parametrize(
    ("statement", "codes"),
    [
        ({"actions": ["s3:GetObject"], "resources": ["*"]}, set()),
        ({"actions": ["*"], "resources": ["x"]}, {"LLM_SEC_4"}),
        ({"effect": "Deny", "actions": ["*"], "resources": ["*"]}, set()),
        ({"actions": ["kms:*"], "principals": [{"type": "AWS", "identifiers": ["root"]}], "resources": ["*"]}, set()),
        ({"actions": ["kms:*"], "resources": ["*"]}, {"LLM_SEC_4"}),
        ({"actions": ["bedrock:InvokeModel"], "resources": ["arn:aws:bedrock:us-east-1::foundation-model/x"]}, set()),
        ({"actions": ["bedrock:InvokeModel"], "resources": ["arn:aws:bedrock:*::foundation-model/*"]}, {"LLM_BED_10"}),
    ],
)
def test_statements(statement: dict[str, Any], codes: set[str]) -> None:
    assert fired({}, policy(**statement)) == codes


@pytest.mark.parametrize(
    ("backend", "codes"),
    [
        ({"local": {"path": "state/s.tfstate"}}, set()),
        ({"local": {"path": "/home/me/s.tfstate"}}, {"LLM_TF_2"}),
        ({"local": {"path": "C:\\s.tfstate"}}, {"LLM_TF_2"}),
        ({"s3": {"bucket": "b", "key": "k", "encrypt": True, "use_lockfile": True}}, set()),
        ({"s3": {"bucket": "b", "key": "k", "encrypt": True}}, {"LLM_TF_2"}),
        ({}, {"LLM_TF_2"}),
        (None, {"LLM_TF_2"}),
    ],
)
def test_backends(backend: dict[str, Any] | None, codes: set[str]) -> None:
    terraform = {"required_providers": PINNED, **({} if backend is None else {"backend": backend})}
    assert fired({}, terraform=terraform) == codes


@pytest.mark.parametrize(
    ("entry", "codes"),
    [
        ({"source": "hashicorp/aws", "version": "6.25.0"}, set()),
        ({"source": "registry.opentofu.org/hashicorp/aws", "version": "= 6.25.0"}, set()),
        ({"source": "aws", "version": "6.25.0"}, {"LLM_TF_3"}),
        ({"source": "hashicorp/aws"}, {"LLM_TF_3"}),
        ({"source": "hashicorp/aws", "version": ">= 6"}, {"LLM_TF_3"}),
    ],
)
def test_provider_pins(entry: dict[str, str], codes: set[str]) -> None:
    terraform = {"backend": {"local": {"path": "s"}}, "required_providers": {"aws": entry}}
    assert fired({}, terraform=terraform) == codes


@pytest.mark.parametrize(
    ("release", "codes"),
    [
        ({"chart": "./charts/llm-server"}, set()),
        ({"chart": "keda", "repository": "https://x", "version": "2.20.2"}, set()),
        ({"chart": "keda", "repository": "https://x", "version": "v2.20.2-rc.1"}, set()),
        ({"chart": "keda", "repository": "https://x", "version": "~2.20"}, {"LLM_TF_5"}),
        ({"chart": "keda", "repository": "https://x"}, {"LLM_TF_5"}),
        ({"chart": "oci://public.ecr.aws/x/y"}, {"LLM_TF_5"}),
    ],
)
def test_chart_pins(release: dict[str, str], codes: set[str]) -> None:
    assert fired({"helm_release": {"r": release}}) == codes


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        ({"network_interfaces": [{}], **template()}, {"LLM_TF_4", "LLM_NET_1", "LLM_NET_4"} - {"LLM_NET_1"}),
        (template(name="${TfToken[TOKEN.3]}"), {"LLM_TF_4"}),
        (template(description=-1.8881545897087626e289), {"LLM_TF_4"}),
        (template(), set()),
    ],
)
def test_what_cdktf_leaves_behind(body: dict[str, Any], codes: set[str]) -> None:
    assert fired({"aws_launch_template": {"t": body}}) == codes


def test_a_queue_for_notices_of_eventbridge_may_use_the_key_of_sqs() -> None:
    queue = {"sqs_managed_sse_enabled": True}
    allow = {
        "principals": [{"type": "Service", "identifiers": ["events.amazonaws.com"]}],
        "actions": ["sqs:SendMessage"],
    }
    resources = {
        "aws_sqs_queue": {"q": queue},
        "aws_sqs_queue_policy": {
            "q": {"queue_url": "${aws_sqs_queue.q.url}", "policy": "${data.aws_iam_policy_document.d.json}"}
        },
    }
    assert fired(resources, policy(**allow)) == set()
    anyone = {**allow, "principals": [{"type": "AWS", "identifiers": ["*"]}]}
    assert fired(resources, policy(**anyone)) == {"LLM_SEC_6"}
    assert fired({"aws_sqs_queue": {"q": queue}}) == {"LLM_SEC_6"}


def test_user_data_is_read_through_its_encoding() -> None:
    assert decoded_user_data(base64.b64encode(b"strategy: RAID0").decode()) == "strategy: RAID0"
    assert decoded_user_data('${base64encode("RAID0")}') == '${base64encode("RAID0")}'
    assert decoded_user_data(None) == ""


@pytest.mark.parametrize("packed", [False, True])
def test_credentials_are_found_in_user_data_packed_or_not(packed: bool) -> None:
    def user_data(text: str) -> dict[str, Any]:
        data = ("#cloud-config\n" + text).encode() * 40
        encoded = base64.b64encode(steady_gzip(data) if packed else data).decode()
        return {"aws_launch_template": {"t": template(user_data=encoded)}}

    assert fired(user_data("plain: words\n")) == set()
    assert fired(user_data("HF_TOKEN=hf_" + "QwErTyUiOpAsDfGhJkLzXcVbNm12345678\n")) == {"LLM_SEC_2"}


@pytest.mark.parametrize(
    ("text", "mib"),
    [("1Gi", 1024), ("512Mi", 512), ("1G", 953.67), ("1048576", 1), (None, 0), ("much", 0), ("2Ti", 2**21)],
)
def test_quantities(text: str | None, mib: float) -> None:
    assert quantity_mib(text) == pytest.approx(mib, rel=1e-3)


def pods(spec: dict[str, Any], kind: str = "Job") -> set[str]:
    """Codes for a GPU workload that passes everything about jobs but what is given."""
    container = {
        "name": "c",
        "image": "x@sha256:" + "a" * 64,
        "resources": {
            "limits": {"nvidia.com/gpu": 1, "memory": "1Gi"},
            "requests": {"nvidia.com/gpu": 1, "memory": "1Gi"},
        },
        **spec.pop("container", {}),
    }
    labels = {"app": "x"}
    template = {
        "metadata": {"labels": labels},
        "spec": {"enableServiceLinks": False, "containers": [container], **spec},
    }
    body = {"kind": kind, "metadata": {"name": "x", "namespace": "n"}, "spec": {"template": template}}
    fence = {"kind": "NetworkPolicy", "metadata": {"name": "p", "namespace": "n"}, "spec": {"podSelector": {}}}
    objects = KubernetesObjects((KubernetesObject(body=body), KubernetesObject(body=fence)))
    return {item.diagnostic.code for item in run_kubernetes(objects)}


def test_a_gpu_job_needs_no_probes_and_no_budget() -> None:
    assert pods({}) == set()


@pytest.mark.parametrize(
    ("image", "pinned"),
    [
        ("vllm/vllm-openai:v0.27.1", True),
        ("localhost:5000/vllm:v1", True),
        ("localhost:5000/vllm", False),
        ("vllm/vllm-openai", False),
        ("vllm/vllm-openai:latest", False),
        ("vllm/vllm-openai:nightly", False),
        ("vllm/vllm-openai:latest@sha256:" + "b" * 64, True),
    ],
)
def test_image_pins(image: str, pinned: bool) -> None:
    assert pods({"container": {"image": image}}) == (set() if pinned else {"LLM_SRV_1"})


@pytest.mark.parametrize(
    ("spec", "codes"),
    [
        ({"hostNetwork": True}, {"LLM_SRV_61"}),
        ({"securityContext": {"runAsNonRoot": True}}, {"LLM_SRV_15"}),
        ({"securityContext": {"runAsNonRoot": False}}, set()),
        (
            {
                "securityContext": {"runAsNonRoot": True},
                "container": {
                    "env": [{"name": "HOME", "value": "/cache/home"}],
                    "volumeMounts": [{"name": "c", "mountPath": "/cache"}],
                },
            },
            set(),
        ),
        ({"volumes": [{"name": "v", "emptyDir": None}]}, {"LLM_SRV_63"}),
        ({"volumes": [{"name": "v", "emptyDir": {"sizeLimit": "1Gi"}}]}, set()),
        (
            {"container": {"env": [{"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "x", "key": "y"}}}]}},
            set(),
        ),
    ],
)
def test_pods(spec: dict[str, Any], codes: set[str]) -> None:
    assert pods(spec) == codes
