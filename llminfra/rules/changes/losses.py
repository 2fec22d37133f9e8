"""What is lost with a resource that goes: data, what everything depends on, and what AWS does not give back at once."""

from __future__ import annotations

from collections.abc import Mapping

LOST: Mapping[str, str] = {
    "aws_backup_vault": "it loses the backups",
    "aws_cloudwatch_log_group": "it loses the logs",
    "aws_db_instance": "it loses the database",
    "aws_dynamodb_table": "it loses the table",
    "aws_ebs_volume": "it loses the volume",
    "aws_ec2_capacity_block_reservation": "the reservation gives the capacity back; it may not be available again",
    "aws_ec2_capacity_reservation": "the reservation gives the capacity back; it may not be available again",
    "aws_ecr_repository": "it loses the images in the repository",
    "aws_efs_file_system": "it loses the file system",
    "aws_eks_cluster": "the cluster takes every workload down, and the endpoint and OIDC issuer change",
    "aws_fsx_data_repository_association": "it loses the link to S3: what was not exported stays in the file system",
    "aws_fsx_lustre_file_system": "it loses the file system and what was not exported to S3",
    "aws_fsx_openzfs_file_system": "it loses the file system and its volumes",
    "aws_grafana_workspace": "it loses the dashboards and accesses that were made in it",
    "aws_iam_openid_connect_provider": "pods get no role that trusts it",
    "aws_kms_key": "it loses the key: whatever it encrypted cannot be read once the waiting time is over",
    "aws_prometheus_workspace": "it loses the metrics in the workspace",
    "aws_s3_bucket": "it loses the bucket (S3 refuses while it holds objects, and then gives the name to anybody)",
    "aws_secretsmanager_secret": "it loses the secret (its name is blocked while it waits for deletion)",
    "aws_subnet": "the subnet takes everything inside it along",
    "aws_vpc": "the VPC takes everything inside it along",
}
"""By type; each text goes on after "destroying" or "replacing"."""


def lost_with(type_name: str, *, replaced: bool = False) -> str:
    """What is lost with a resource of this type, or an empty string."""
    lost = LOST.get(type_name, "")
    return f"{'replacing' if replaced else 'destroying'} {lost}" if lost else ""
