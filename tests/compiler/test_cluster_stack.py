"""Control plane, access, add-ons and system nodes."""

import json

import pytest
from msgspec.structs import replace

from llminfra import Platform
from tests.compiler import plans


@pytest.fixture(scope="module")
def cluster(stacks):
    return stacks["cluster"]["resource"]


def _statements(stack, name):
    return {item["sid"]: item for item in stack["data"]["aws_iam_policy_document"][name]["statement"]}


def test_the_api_is_private_and_by_access_entries(cluster):
    eks = cluster["aws_eks_cluster"]["cluster"]
    assert eks["vpc_config"]["endpoint_private_access"] is True
    assert eks["vpc_config"]["endpoint_public_access"] is False
    assert eks["access_config"] == {
        "authentication_mode": "API",
        "bootstrap_cluster_creator_admin_permissions": False,
    }


def test_a_public_api_is_only_for_declared_addresses(synth):
    plan = plans.plan(cluster=plans.cluster_plan(public_access_cidrs=("198.51.100.0/24",)), buckets=(), lustre=())
    config = synth(plan)["cluster"]["resource"]["aws_eks_cluster"]["cluster"]["vpc_config"]
    assert config["endpoint_public_access"] is True
    assert config["public_access_cidrs"] == ["198.51.100.0/24"]


def test_terraform_reaches_the_private_api_from_the_vpc(synth):
    """EKS's own group admits nodes alone: an apply of the releases would run into a timeout."""
    wide = plans.cluster_plan(private_access_cidrs=("10.20.0.0/16", "10.99.0.0/24"))
    for cluster, blocks in (
        (wide, ["10.20.0.0/16", "10.99.0.0/24"]),
        (plans.cluster_plan(private_access_cidrs=()), []),
    ):
        resources = synth(plans.plan(cluster=cluster, buckets=(), lustre=()))["cluster"]["resource"]
        group = "${aws_eks_cluster.cluster.vpc_config[0].cluster_security_group_id}"
        into = [
            item
            for item in resources["aws_vpc_security_group_ingress_rule"].values()
            if item["security_group_id"] == group and "cidr_ipv4" in item
        ]
        assert sorted(item["cidr_ipv4"] for item in into) == blocks
        assert all((item["from_port"], item["to_port"], item["ip_protocol"]) == (443, 443, "tcp") for item in into)


def test_all_logs_are_kept_encrypted_and_the_group_comes_first(cluster):
    eks = cluster["aws_eks_cluster"]["cluster"]
    assert sorted(eks["enabled_cluster_log_types"]) == [
        "api",
        "audit",
        "authenticator",
        "controllerManager",
        "scheduler",
    ]
    assert "aws_cloudwatch_log_group.control-plane" in eks["depends_on"]
    group = cluster["aws_cloudwatch_log_group"]["control-plane"]
    assert group["name"] == "/aws/eks/acme/cluster"
    assert group["kms_key_id"] == "${aws_kms_key.cluster.arn}"


def test_secrets_are_encrypted_with_an_own_key(cluster):
    config = cluster["aws_eks_cluster"]["cluster"]["encryption_config"]
    assert config == {"provider": {"key_arn": "${aws_kms_key.cluster.arn}"}, "resources": ["secrets"]}


def test_deletion_protection_and_support_are_as_planned(cluster):
    eks = cluster["aws_eks_cluster"]["cluster"]
    assert eks["deletion_protection"] is True
    assert eks["upgrade_policy"] == {"support_type": "STANDARD"}
    assert eks["bootstrap_self_managed_addons"] is False


def test_declared_admins_get_an_entry_and_the_policy(cluster):
    ((id_, association),) = cluster["aws_eks_access_policy_association"].items()
    entry = cluster["aws_eks_access_entry"][id_]
    assert id_.startswith("admin-admin-")
    assert entry["principal_arn"] == "arn:aws:iam::111122223333:role/admin"
    assert association["policy_arn"] == "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
    assert association["depends_on"] == [f"aws_eks_access_entry.{id_}"]


def test_without_declared_admins_the_applying_role_is_one(synth):
    stack = synth(plans.plan(cluster=plans.cluster_plan(admin_role_arns=()), buckets=(), lustre=()))["cluster"]
    entry = stack["resource"]["aws_eks_access_entry"]["admin-applier"]
    assert entry["principal_arn"] == "${data.aws_iam_session_context.applier.issuer_arn}"


def test_two_admin_roles_of_one_name_in_different_accounts_are_both_there(synth):
    arns = ("arn:aws:iam::111122223333:role/admin", "arn:aws:iam::444455556666:role/team/admin")
    stack = synth(plans.plan(cluster=plans.cluster_plan(admin_role_arns=arns), buckets=(), lustre=()))["cluster"]
    entries = stack["resource"]["aws_eks_access_entry"]
    assert {item["principal_arn"] for item in entries.values() if item["type"] == "STANDARD"} == set(arns)


def test_the_oidc_provider_has_no_thumbprint(cluster):
    provider = cluster["aws_iam_openid_connect_provider"]["oidc"]
    assert provider["client_id_list"] == ["sts.amazonaws.com"]
    assert "thumbprint_list" not in provider


def test_addons_before_compute_come_before_nodes_and_the_others_after(cluster):
    system = cluster["aws_eks_node_group"]["system"]
    assert {"aws_eks_addon.vpc-cni", "aws_eks_addon.eks-pod-identity-agent"} <= set(system["depends_on"])
    assert "aws_eks_node_group.system" in cluster["aws_eks_addon"]["coredns"]["depends_on"]


def test_nodes_reach_the_api_until_they_are_gone(cluster):
    """Terraform destroys what nothing waits for first: a kubelet without the API reports no pod as ended."""
    rules = {
        "aws_vpc_security_group_egress_rule.nodes-to-vpc",
        "aws_vpc_security_group_ingress_rule.control-plane-from-nodes",
        "aws_vpc_security_group_ingress_rule.nodes-from-control-plane-10250",
        "aws_vpc_security_group_ingress_rule.nodes-from-nodes",
    }
    for group in cluster["aws_eks_node_group"].values():
        assert rules <= set(group["depends_on"])


def test_system_nodes_lie_where_they_were_planned(synth):
    zones = ("us-east-1b",)
    system = replace(plans.cluster_plan().system_nodes, zones=zones)
    plan = plans.plan(cluster=plans.cluster_plan(system_nodes=system), buckets=(), lustre=())
    group = synth(plan)["cluster"]["resource"]["aws_eks_node_group"]["system"]
    assert group["subnet_ids"] == ["${data.terraform_remote_state.network.outputs.private_subnet_us-east-1b}"]


def test_the_cni_has_prefixes_policies_and_a_role_of_its_own(cluster):
    addon = cluster["aws_eks_addon"]["vpc-cni"]
    config = json.loads(addon["configuration_values"])
    assert config["enableNetworkPolicy"] == "true"
    assert config["env"]["ENABLE_PREFIX_DELEGATION"] == "true"
    assert addon["pod_identity_association"] == [
        {"role_arn": "${aws_iam_role.addon-vpc-cni.arn}", "service_account": "aws-node"}
    ]
    assert "node-AmazonEKS_CNI_Policy" not in cluster["aws_iam_role_policy_attachment"]


def test_nodes_carry_the_cni_policy_only_where_the_addon_has_no_role(synth):
    addons = tuple(
        item if item.name != "vpc-cni" else plans.AddonPlan(name="vpc-cni", version="v1", before_compute=True)
        for item in plans.cluster_plan().addons
    )
    stack = synth(plans.plan(cluster=plans.cluster_plan(addons=addons), buckets=(), lustre=()))["cluster"]
    assert "node-AmazonEKS_CNI_Policy" in stack["resource"]["aws_iam_role_policy_attachment"]


def test_the_node_monitor_tolerates_gpu_taints(cluster):
    config = json.loads(cluster["aws_eks_addon"]["eks-node-monitoring-agent"]["configuration_values"])
    assert config["dcgmAgent"]["tolerations"] == [
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
    ]


def test_roles_of_pods_are_bound_to_one_service_account(stacks):
    trust = stacks["cluster"]["data"]["aws_iam_policy_document"]["karpenter-trust"]["statement"][0]
    conditions = {item["variable"]: item["values"] for item in trust["condition"]}
    assert trust["principals"] == [{"type": "Service", "identifiers": ["pods.eks.amazonaws.com"]}]
    assert conditions["aws:RequestTag/eks-cluster-name"] == ["${aws_eks_cluster.cluster.name}"]
    assert conditions["aws:RequestTag/kubernetes-namespace"] == ["kube-system"]
    assert conditions["aws:RequestTag/kubernetes-service-account"] == ["karpenter"]


def test_an_association_waits_for_the_cluster(cluster):
    association = cluster["aws_eks_pod_identity_association"]["karpenter"]
    assert association["cluster_name"] == "${aws_eks_cluster.cluster.name}"


def test_irsa_trusts_one_service_account_of_the_clusters_issuer(synth):
    stack = synth(plans.plan(cluster=plans.cluster_plan(identity="irsa"), buckets=(), lustre=()))["cluster"]
    trust = stack["data"]["aws_iam_policy_document"]["karpenter-trust"]["statement"][0]
    assert trust["actions"] == ["sts:AssumeRoleWithWebIdentity"]
    subject = next(item for item in trust["condition"] if item["variable"].endswith(":sub"))
    assert subject["test"] == "StringEquals"
    assert subject["values"] == ["system:serviceaccount:kube-system:karpenter"]
    assert "aws_eks_pod_identity_association" not in stack["resource"]
    assert (
        stack["resource"]["aws_eks_addon"]["vpc-cni"]["service_account_role_arn"] == "${aws_iam_role.addon-vpc-cni.arn}"
    )


def test_nodes_need_version_two_of_the_metadata_service_and_encrypted_disks(cluster):
    for template in cluster["aws_launch_template"].values():
        assert template["metadata_options"]["http_tokens"] == "required"
        assert template["metadata_options"]["http_put_response_hop_limit"] == 1
        volume = template["block_device_mappings"][0]["ebs"]
        assert volume["encrypted"] == "true"
        assert volume["volume_type"] == "gp3"


def test_tags_reach_instances_volumes_and_interfaces(cluster):
    for template in cluster["aws_launch_template"].values():
        tagged = {item["resource_type"]: item["tags"] for item in template["tag_specifications"]}
        assert set(tagged) == {"instance", "volume", "network-interface"}
        assert all(tags["llminfra:platform"] == "acme" for tags in tagged.values())


def test_broken_nodes_are_replaced_and_one_rolls_at_a_time(cluster):
    for group in cluster["aws_eks_node_group"].values():
        assert group["node_repair_config"] == {"enabled": True}
        assert group["update_config"] == {"max_unavailable": 1}


def test_sizes_are_the_specs_but_where_an_autoscaler_has_them(synth, cluster):
    """EKS refuses a minimum above the nodes there are: an ignored size would keep a group from ever growing."""
    assert all("lifecycle" not in group for group in cluster["aws_eks_node_group"].values())
    pool = replace(plans.l40s_pool(), provisioner="cluster-autoscaler", min_nodes=0, max_nodes=4)
    fixed = replace(plans.h100_pool(), min_nodes=2, max_nodes=2, grows=True)
    scaled = plans.plan(cluster=plans.cluster_plan(autoscaler="cluster-autoscaler"), pools=(pool, fixed))
    groups = synth(scaled)["cluster"]["resource"]["aws_eks_node_group"]
    ignored = {"ignore_changes": ["scaling_config[0].desired_size"]}
    assert {name: group.get("lifecycle") for name, group in groups.items()} == {
        "system": ignored,
        "pool-l40s": ignored,
        "pool-h100": None,
    }


def test_nodes_and_control_plane_reach_each_other(cluster):
    rules = cluster["aws_vpc_security_group_ingress_rule"]
    api = rules["control-plane-from-nodes"]
    assert api["security_group_id"] == "${aws_eks_cluster.cluster.vpc_config[0].cluster_security_group_id}"
    assert (api["from_port"], api["to_port"]) == (443, 443)
    kubelet = rules["nodes-from-control-plane-10250"]
    assert kubelet["referenced_security_group_id"] == api["security_group_id"]
    itself = rules["nodes-from-nodes"]
    assert itself["ip_protocol"] == "-1"
    assert itself["referenced_security_group_id"] == itself["security_group_id"]
    assert "from_port" not in itself


def test_karpenter_hears_of_interruptions_over_an_encrypted_queue(cluster):
    queue = cluster["aws_sqs_queue"]["interruption"]
    assert queue["sqs_managed_sse_enabled"] is True
    assert queue["message_retention_seconds"] == 300
    patterns = [json.loads(rule["event_pattern"]) for rule in cluster["aws_cloudwatch_event_rule"].values()]
    assert {"source": ["aws.ec2"], "detail-type": ["EC2 Spot Instance Interruption Warning"]} in patterns
    assert len(cluster["aws_cloudwatch_event_target"]) == len(patterns) == 5


def test_the_queue_refuses_plain_http(stacks):
    deny = _statements(stacks["cluster"], "interruption-queue")["DenyWithoutTls"]
    assert deny["effect"] == "Deny"
    assert deny["condition"] == [{"test": "Bool", "variable": "aws:SecureTransport", "values": ["false"]}]


def test_karpenter_deletes_only_what_it_made(stacks):
    delete = _statements(stacks["cluster"], "karpenter-nodes")["DeleteOwn"]
    conditions = {item["variable"]: item["values"] for item in delete["condition"]}
    assert conditions["aws:ResourceTag/kubernetes.io/cluster/acme"] == ["owned"]


def test_karpenter_may_launch_into_subnets_that_another_account_shares(stacks):
    launch = _statements(stacks["cluster"], "karpenter-nodes")["LaunchWithPublicImages"]
    for kind in ("subnet", "security-group", "capacity-reservation", "placement-group"):
        assert f"arn:aws:ec2:us-east-1:*:{kind}/*" in launch["resources"]


def test_karpenter_passes_only_its_node_role(stacks):
    statement = _statements(stacks["cluster"], "karpenter-instance-profiles")["PassTheNodeRole"]
    assert statement["resources"] == ["${aws_iam_role.karpenter-node.arn}"]


def test_karpenters_nodes_have_a_profile_that_needs_no_api_of_iam(stacks, cluster):
    """IAM has no endpoint in a VPC: of a closed network Karpenter could make no profile, and so no node."""
    profile = cluster["aws_iam_instance_profile"]["karpenter-node"]
    assert profile["role"] == "${aws_iam_role.karpenter-node.name}"
    assert stacks["cluster"]["output"]["karpenter_node_profile"]["value"].startswith("${aws_iam_instance_profile.")
    documents = stacks["cluster"]["data"]["aws_iam_policy_document"]
    actions = {
        action
        for name, document in documents.items()
        if name.startswith("karpenter-")
        for statement in document["statement"]
        for action in statement["actions"]
    }
    assert {action for action in actions if "InstanceProfile" in action and not action.startswith("iam:Get")} == {
        "iam:ListInstanceProfiles"
    }


def test_the_first_spot_request_of_an_account_may_make_its_role(synth):
    spot = synth(plans.plan(pools=(plans.l40s_pool(),), buckets=(), lustre=()))
    (statement,) = _statements(spot["cluster"], "karpenter-spot").values()
    assert statement["actions"] == ["iam:CreateServiceLinkedRole"]
    assert statement["resources"][0].endswith(":role/aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot")
    owned = synth(plans.plan(pools=(replace(plans.l40s_pool(), capacity_types=("on-demand",)),), buckets=(), lustre=()))
    assert "karpenter-spot" not in owned["cluster"]["data"]["aws_iam_policy_document"]


def test_karpenters_nodes_may_join(cluster):
    entry = cluster["aws_eks_access_entry"]["karpenter-node"]
    assert entry["type"] == "EC2_LINUX"


def test_without_karpenter_nothing_of_it_is_there(synth):
    plan = plans.plan(
        cluster=plans.cluster_plan(autoscaler="cluster-autoscaler"), pools=(plans.h100_pool(),), buckets=(), lustre=()
    )
    cluster = synth(plan)["cluster"]["resource"]
    assert not {"aws_sqs_queue", "aws_cloudwatch_event_rule"} & set(cluster)


def test_a_budget_alerts_a_topic_that_budgets_may_write_to(synth):
    platform = plans.platform_spec(budget_usd_per_month=50_000)
    stack = synth(plans.plan(platform=platform, buckets=(), lustre=()))["cluster"]
    budget = stack["resource"]["aws_budgets_budget"]["budget"]
    assert budget["limit_amount"] == "50000.00"
    assert budget["cost_filter"] == [{"name": "TagKeyValue", "values": ["user:llminfra:platform$acme"]}]
    assert {item["notification_type"] for item in budget["notification"]} == {"ACTUAL", "FORECASTED"}
    assert stack["resource"]["aws_sns_topic"]["budget"]["kms_master_key_id"] == "${aws_kms_key.cluster.arn}"
    assert "Budgets" in _statements(stack, "cluster-key")
    assert budget["//"]["llminfra"]["spec_path"] == "budget_usd_per_month"


def test_no_budget_no_topic(cluster):
    assert "aws_sns_topic" not in cluster


def test_an_account_is_checked_where_it_is_declared(synth):
    platform: Platform = plans.platform_spec(account_id="111122223333")
    stacks = synth(plans.plan(platform=platform, buckets=(), lustre=()))
    for stack in stacks.values():
        assert stack["provider"]["aws"][0]["allowed_account_ids"] == ["111122223333"]
        assert "aws_caller_identity" not in stack.get("data", {})
