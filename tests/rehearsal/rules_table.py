"""Inputs for the rules of the simulated AWS, each with what AWS would say."""

from __future__ import annotations

from typing import Any, Final

Case = tuple[str, dict[str, Any], str]

REFUSED: Final[tuple[Case, ...]] = (
    ("aws_vpc", {"cidr_block": "10.0.0.0/8"}, r"InvalidVpc\.Range"),
    ("aws_subnet", {"cidr_block": "10.0.0.0/29"}, r"InvalidSubnet\.Range"),
    ("aws_route", {"destination_cidr_block": "0.0.0.0/33"}, "not a valid CIDR"),
    ("aws_s3_bucket", {"bucket": "Weights"}, "must match"),
    ("aws_s3_bucket", {"bucket": "ab"}, r"range \(3 - 63\)"),
    ("aws_s3_bucket", {"bucket": "192.168.0.1"}, "formatted as an IP address"),
    ("aws_s3_bucket", {"bucket": "a..b"}, "two periods"),
    ("aws_s3_bucket", {"bucket": "xn--weights"}, "starts with xn--"),
    ("aws_s3_bucket", {"bucket": "weights-s3alias"}, "ends in -s3alias"),
    ("aws_lb", {"name": "a-name-that-is-much-too-long-for-elb"}, r"range \(1 - 32\)"),
    ("aws_lb", {"name": "internal-chat"}, "cannot begin with internal-"),
    ("aws_lb", {"name": "chat", "subnets": ["subnet-0123456789abcdef0"]}, "At least two subnets"),
    ("aws_lb_listener", {"protocol": "HTTPS"}, "certificate must be specified"),
    ("aws_sqs_queue", {"visibility_timeout_seconds": 43201}, r"range \(0 - 43200\)"),
    ("aws_lambda_function", {"timeout": 901}, r"range \(1 - 900\)"),
    ("aws_kms_key", {"deletion_window_in_days": 5}, r"range \(7 - 30\)"),
    ("aws_kms_alias", {"name": "weights"}, "must match"),
    ("aws_ebs_volume", {"type": "gp3", "iops": 200_000}, "iops of 200000 IOPS is not valid for gp3"),
    ("aws_ebs_volume", {"type": "gp2", "throughput": 250}, "throughput is not supported for gp2"),
    ("aws_ebs_volume", {"type": "io2", "size": 2}, "size of 2 GiB is not valid for io2"),
    (
        "aws_launch_template",
        {"block_device_mappings": [{"ebs": [{"volume_type": "gp3", "volume_size": 70_000}]}]},
        "size of 70000 GiB",
    ),
    (
        "aws_launch_template",
        {"network_interfaces": [{"device_index": 0, "network_card_index": 0, "interface_type": "efa-only"}]},
        "cannot be efa-only",
    ),
    (
        "aws_launch_template",
        {"network_interfaces": [{}], "vpc_security_group_ids": ["sg-0123456789abcdef0"]},
        "Network interfaces and an instance-level security groups",
    ),
    (
        "aws_launch_template",
        {"network_interfaces": [{"associate_public_ip_address": "true"}, {"device_index": 1}]},
        "associatePublicIPAddress",
    ),
    (
        "aws_launch_template",
        {"instance_type": "p5.48xlarge", "network_interfaces": [{"device_index": 0}, {"network_card_index": 40}]},
        "p5.48xlarge has no network card 40",
    ),
    ("aws_launch_template", {"instance_market_options": [{"market_type": "capacity-block"}]}, "must name its capacity"),
    (
        "aws_launch_template",
        {
            "instance_market_options": [{"market_type": "spot"}],
            "capacity_reservation_specification": [
                {"capacity_reservation_target": [{"capacity_reservation_id": "cr-0123456789abcdef0"}]}
            ],
        },
        "cannot use a Capacity Reservation with Spot",
    ),
    ("aws_fsx_lustre_file_system", {"deployment_type": "PERSISTENT_2", "storage_capacity": 4800}, "is required"),
    (
        "aws_fsx_lustre_file_system",
        {"deployment_type": "SCRATCH_2", "storage_capacity": 2400, "per_unit_storage_throughput": 125},
        "cannot be set for SCRATCH_2",
    ),
    (
        "aws_fsx_lustre_file_system",
        {"deployment_type": "PERSISTENT_2", "per_unit_storage_throughput": 500, "efa_enabled": True},
        "EFA needs a metadata configuration",
    ),
    ("aws_fsx_lustre_file_system", {"deployment_type": "SCRATCH_2", "efa_enabled": True}, "EFA needs deployment type"),
    (
        "aws_fsx_lustre_file_system",
        {
            "deployment_type": "PERSISTENT_2",
            "storage_capacity": 4800,
            "per_unit_storage_throughput": 500,
            "efa_enabled": True,
        },
        "Storage capacity 4800 GiB is not valid",
    ),
    (
        "aws_fsx_lustre_file_system",
        {"deployment_type": "PERSISTENT_2", "per_unit_storage_throughput": 500, "import_path": "s3://weights"},
        "use aws_fsx_data_repository_association",
    ),
    (
        "aws_fsx_lustre_file_system",
        {"deployment_type": "SCRATCH_2", "metadata_configuration": [{"iops": 2000}]},
        "metadata IOPS 2000",
    ),
    (
        "aws_fsx_lustre_file_system",
        {"deployment_type": "SCRATCH_2", "subnet_ids": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]},
        "one subnet",
    ),
    ("aws_fsx_data_repository_association", {"data_repository_path": "weights/llama"}, "must start with s3://"),
    ("aws_fsx_data_repository_association", {"file_system_path": "models"}, "must start with /"),
    ("aws_eks_cluster", {"name": "demo", "version": "2.0"}, "must match"),
    (
        "aws_eks_cluster",
        {"vpc_config": [{"endpoint_private_access": False, "endpoint_public_access": False}]},
        "cannot be false",
    ),
    ("aws_eks_cluster", {"vpc_config": [{"subnet_ids": ["subnet-0123456789abcdef0"]}]}, "two different AZs"),
    ("aws_eks_cluster", {"enabled_cluster_log_types": ["apis"]}, "expected enabled_cluster_log_types"),
    ("aws_eks_node_group", {"scaling_config": [{"min_size": 3, "max_size": 2}]}, "can't be greater than max size"),
    (
        "aws_eks_node_group",
        {"launch_template": [{"id": "lt-0123456789abcdef0"}], "disk_size": 50},
        "along with a launch",
    ),
    ("aws_eks_node_group", {"ami_type": "AL2023_ARM_64_NVIDIA", "instance_types": ["p5.48xlarge"]}, "is amd64"),
    ("aws_eks_node_group", {"node_role_arn": "node"}, "invalid value for node_role_arn"),
    (
        "aws_sagemaker_endpoint_configuration",
        {"production_variants": [{"instance_type": "p5.48xlarge"}]},
        "SageMaker types start with ml.",
    ),
    (
        "aws_sagemaker_endpoint_configuration",
        {"production_variants": [{"variant_name": "a"}, {"variant_name": "a"}]},
        "variant names must be unique",
    ),
    (
        "aws_sagemaker_endpoint_configuration",
        {"production_variants": [{"container_startup_health_check_timeout_in_seconds": 3601}]},
        r"range \(60 - 3600\)",
    ),
    ("aws_iam_role_policy_attachment", {"policy_arn": "AdministratorAccess"}, "invalid value for policy_arn"),
    ("aws_cloudwatch_metric_alarm", {"comparison_operator": "GreaterThan"}, "expected comparison_operator"),
    ("aws_placement_group", {"strategy": "clustered"}, "expected strategy to be one of"),
    ("aws_ecr_repository", {"name": "LLM"}, "must match"),
)

ACCEPTED: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("aws_vpc", {"cidr_block": "10.0.0.0/16"}),
    ("aws_s3_bucket", {"bucket": "acme-llm-weights"}),
    ("aws_launch_template", {"name_prefix": "gpu-", "network_interfaces": [{"device_index": 0}]}),
    (
        "aws_fsx_lustre_file_system",
        {"deployment_type": "PERSISTENT_2", "storage_capacity": 4800, "per_unit_storage_throughput": 500},
    ),
    ("aws_fsx_lustre_file_system", {"deployment_type": "SCRATCH_2", "storage_capacity": 1200}),
    ("aws_eks_cluster", {"name": "demo", "version": "1.34"}),
    ("aws_eks_node_group", {"scaling_config": [{"min_size": 0, "max_size": 4, "desired_size": 0}]}),
    ("aws_eks_node_group", {"ami_type": "AL2023_x86_64_NVIDIA", "instance_types": ["p5.48xlarge"]}),
    ("aws_ebs_volume", {"type": "gp3", "size": 200, "iops": 6000, "throughput": 500}),
    ("aws_iam_role_policy_attachment", {"policy_arn": "arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy"}),
    ("aws_lb", {"name": "chat", "load_balancer_type": "network", "subnets": ["subnet-0123456789abcdef0"]}),
)
