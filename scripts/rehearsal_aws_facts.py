"""Write ``llminfra/rehearsal/aws/data/cloudformation.json`` from the CloudFormation resource schemas in cfn-lint.

AWS publishes, per resource type, which properties force a new resource (``createOnlyProperties``), their enumerations,
patterns, lengths and ranges. cfn-lint (MIT-0) ships them as JSON. This script keeps those facts for the Terraform types
that llminfra can emit (``llminfra/bindings/aws.pyi``), under Terraform's attribute names.

    pip download --no-deps cfn-lint && unzip cfn_lint-*.whl -d /tmp/cfn
    python scripts/rehearsal_aws_facts.py /tmp/cfn
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from llminfra.rehearsal.schema import cache
from llminfra.rehearsal.schema.model import Block

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "llminfra/rehearsal/aws/data/cloudformation.json"

# Terraform type -> CloudFormation type, where the names do not say it themselves.
NAMES = {
    "aws_vpc": "AWS::EC2::VPC",
    "aws_vpc_endpoint": "AWS::EC2::VPCEndpoint",
    "aws_subnet": "AWS::EC2::Subnet",
    "aws_route": "AWS::EC2::Route",
    "aws_route_table": "AWS::EC2::RouteTable",
    "aws_route_table_association": "AWS::EC2::SubnetRouteTableAssociation",
    "aws_network_acl": "AWS::EC2::NetworkAcl",
    "aws_network_interface": "AWS::EC2::NetworkInterface",
    "aws_nat_gateway": "AWS::EC2::NatGateway",
    "aws_eip": "AWS::EC2::EIP",
    "aws_internet_gateway": "AWS::EC2::InternetGateway",
    "aws_security_group": "AWS::EC2::SecurityGroup",
    "aws_vpc_security_group_ingress_rule": "AWS::EC2::SecurityGroupIngress",
    "aws_vpc_security_group_egress_rule": "AWS::EC2::SecurityGroupEgress",
    "aws_flow_log": "AWS::EC2::FlowLog",
    "aws_launch_template": "AWS::EC2::LaunchTemplate",
    "aws_placement_group": "AWS::EC2::PlacementGroup",
    "aws_instance": "AWS::EC2::Instance",
    "aws_ec2_capacity_reservation": "AWS::EC2::CapacityReservation",
    "aws_ebs_volume": "AWS::EC2::Volume",
    "aws_iam_policy": "AWS::IAM::ManagedPolicy",
    "aws_iam_openid_connect_provider": "AWS::IAM::OIDCProvider",
    "aws_eks_node_group": "AWS::EKS::Nodegroup",
    "aws_fsx_lustre_file_system": "AWS::FSx::FileSystem",
    "aws_fsx_data_repository_association": "AWS::FSx::DataRepositoryAssociation",
    "aws_cloudwatch_log_group": "AWS::Logs::LogGroup",
    "aws_cloudwatch_log_metric_filter": "AWS::Logs::MetricFilter",
    "aws_cloudwatch_log_resource_policy": "AWS::Logs::ResourcePolicy",
    "aws_cloudwatch_metric_alarm": "AWS::CloudWatch::Alarm",
    "aws_cloudwatch_composite_alarm": "AWS::CloudWatch::CompositeAlarm",
    "aws_cloudwatch_event_rule": "AWS::Events::Rule",
    "aws_cloudwatch_event_bus": "AWS::Events::EventBus",
    "aws_prometheus_workspace": "AWS::APS::Workspace",
    "aws_prometheus_rule_group_namespace": "AWS::APS::RuleGroupsNamespace",
    "aws_prometheus_scraper": "AWS::APS::Scraper",
    "aws_sagemaker_endpoint_configuration": "AWS::SageMaker::EndpointConfig",
    "aws_sagemaker_notebook_instance": "AWS::SageMaker::NotebookInstance",
    "aws_lb": "AWS::ElasticLoadBalancingV2::LoadBalancer",
    "aws_lb_listener": "AWS::ElasticLoadBalancingV2::Listener",
    "aws_lb_listener_rule": "AWS::ElasticLoadBalancingV2::ListenerRule",
    "aws_lb_target_group": "AWS::ElasticLoadBalancingV2::TargetGroup",
    "aws_autoscaling_group": "AWS::AutoScaling::AutoScalingGroup",
    "aws_autoscaling_policy": "AWS::AutoScaling::ScalingPolicy",
    "aws_autoscaling_lifecycle_hook": "AWS::AutoScaling::LifecycleHook",
    "aws_autoscaling_schedule": "AWS::AutoScaling::ScheduledAction",
    "aws_appautoscaling_target": "AWS::ApplicationAutoScaling::ScalableTarget",
    "aws_appautoscaling_policy": "AWS::ApplicationAutoScaling::ScalingPolicy",
    "aws_sfn_state_machine": "AWS::StepFunctions::StateMachine",
    "aws_efs_file_system": "AWS::EFS::FileSystem",
    "aws_efs_mount_target": "AWS::EFS::MountTarget",
    "aws_sns_topic_subscription": "AWS::SNS::Subscription",
    "aws_ssm_association": "AWS::SSM::Association",
    "aws_acm_certificate": "AWS::CertificateManager::Certificate",
    "aws_route53_zone": "AWS::Route53::HostedZone",
    "aws_route53_record": "AWS::Route53::RecordSet",
}
# Properties whose members Terraform has at the top.
HOISTED = {
    "aws_fsx_lustre_file_system": ("LustreConfiguration",),
    "aws_launch_template": ("LaunchTemplateData",),
}
# Terraform's name of a property that is called differently; path after hoisting.
RENAMED = {
    "aws_vpc_endpoint": {"vpc_endpoint_type": "vpc_endpoint_type"},
    "aws_eks_node_group": {"nodegroup_name": "node_group_name", "subnets": "subnet_ids", "node_role": "node_role_arn"},
    "aws_eks_cluster": {"resources_vpc_config": "vpc_config", "kubernetes_version": "version"},
    "aws_iam_role": {"role_name": "name", "assume_role_policy_document": "assume_role_policy"},
    "aws_iam_policy": {"managed_policy_name": "name"},
    "aws_iam_instance_profile": {"instance_profile_name": "name"},
    "aws_s3_bucket": {"bucket_name": "bucket"},
    "aws_security_group": {"group_name": "name", "group_description": "description"},
    "aws_launch_template": {"launch_template_name": "name"},
    "aws_cloudwatch_log_group": {"log_group_name": "name"},
    "aws_lb_target_group": {"health_check_enabled": "health_check.enabled"},
    "aws_ecr_repository": {"repository_name": "name"},
    "aws_sqs_queue": {"queue_name": "name"},
    "aws_sns_topic": {"topic_name": "name"},
    "aws_sagemaker_model": {"model_name": "name"},
    "aws_sagemaker_endpoint_configuration": {"endpoint_config_name": "name"},
    "aws_sagemaker_endpoint": {"endpoint_name": "name"},
    "aws_batch_compute_environment": {"compute_environment_name": "name"},
    "aws_batch_job_queue": {"job_queue_name": "name"},
    "aws_batch_job_definition": {"job_definition_name": "name"},
    "aws_kms_alias": {"alias_name": "name"},
}


def snake(name: str) -> str:
    """``KmsKeyId`` as ``kms_key_id``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def main(unpacked: Path) -> None:
    """Read the schemas under ``unpacked`` and write the data file."""
    schemas = {}
    for path in sorted((unpacked / "cfnlint/data/schemas/resources").glob("*.json")):
        schema = json.loads(path.read_bytes())
        schemas[schema["typeName"]] = schema
    by_name = {"".join(name.split("::")[1:]).lower(): name for name in schemas}
    wanted = re.findall(r"provider_aws\.(\w+) import", (ROOT / "llminfra/bindings/aws.pyi").read_text())
    types = sorted({f"aws_{name}" for name in wanted if name != "provider" and not name.startswith("data_aws_")})
    blocks = cache.read("aws", types, ()).resources
    facts: dict[str, Any] = {}
    for name, block in sorted(blocks.items()):
        cloudformation = NAMES.get(name) or by_name.get(name.removeprefix("aws_").replace("_", ""))
        if cloudformation and cloudformation in schemas:
            facts[name] = one_type(name, cloudformation, schemas[cloudformation], block)
    version = next(unpacked.glob("cfn_lint-*.dist-info")).name.removeprefix("cfn_lint-").removesuffix(".dist-info")
    data = {
        "_source": f"CloudFormation resource provider schemas as packaged in cfn-lint {version} (PyPI, MIT-0)",
        "_note": "Attribute paths are Terraform's; an attribute that CloudFormation names differently is left out.",
        "types": facts,
    }
    TARGET.write_text(json.dumps(data, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(f"{len(facts)} of {len(types)} types -> {TARGET.relative_to(ROOT)}")


def one_type(name: str, cloudformation: str, schema: dict[str, Any], block: Block) -> dict[str, Any]:
    """Facts of one type, under the Terraform paths that exist in its schema."""
    kinds = {".".join(path): item for path, item in block.walk()}
    result: dict[str, Any] = {"cloudformation": cloudformation}
    for path, prop in properties(schema, schema, ()):
        terraform = terraform_path(name, path)
        item = kinds.get(terraform)
        kind = getattr(item, "type", None)
        if kind not in ("string", "number"):
            continue
        for key, value in limits(prop, kind):
            result.setdefault(key, {})[terraform] = value
    create_only = set()
    for pointer in schema.get("createOnlyProperties", []):
        terraform = terraform_path(name, tuple(part for part in pointer.split("/")[2:] if part != "*"))
        if terraform in kinds:
            create_only.add(terraform)
    if create_only:
        result["create_only"] = sorted(create_only)
    return result


def terraform_path(name: str, path: tuple[str, ...]) -> str:
    """The Terraform path of a property, dotted."""
    hoisted = path[1:] if path and path[0] in HOISTED.get(name, ()) else path
    dotted = ".".join(snake(part) for part in hoisted)
    renamed = RENAMED.get(name, {})
    head, dot, tail = dotted.partition(".")
    return renamed.get(dotted) or (renamed.get(head, head) + dot + tail)


def properties(
    root: dict[str, Any], schema: dict[str, Any], path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Every property with its path, references followed to a depth that ends recursion."""
    if len(path) > 5:
        return
    for key, value in schema.get("properties", {}).items():
        prop = resolve(root, value)
        if prop.get("type") == "array":
            items = resolve(root, prop.get("items", {}))
            yield from properties(root, items, (*path, key))
        yield (*path, key), prop
        yield from properties(root, prop, (*path, key))


def resolve(root: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    """Follow ``$ref``."""
    reference = value.get("$ref", "")
    if reference.startswith("#/definitions/"):
        found: dict[str, Any] = root.get("definitions", {}).get(reference.rpartition("/")[2], {})
        return found
    return value


def limits(prop: dict[str, Any], kind: str) -> Iterator[tuple[str, Any]]:
    """Enumeration, length, range and pattern of a property."""
    cfn_kind = prop.get("type")
    if kind == "string" and cfn_kind == "string":
        if prop.get("enum"):
            yield "enum", sorted(prop["enum"])
        if "maxLength" in prop or "minLength" in prop:
            yield "length", [prop.get("minLength", 0), prop.get("maxLength")]
        if "pattern" in prop and usable(prop["pattern"]):
            yield "pattern", prop["pattern"]
    if kind == "number" and cfn_kind in ("integer", "number") and ("minimum" in prop or "maximum" in prop):
        yield "range", [prop.get("minimum"), prop.get("maximum")]


def usable(pattern: str) -> bool:
    """Whether Python reads the pattern the same way: no escapes that only other engines have."""
    if "\\p{" in pattern or "[\\s\\S]" in pattern or "\\u" in pattern:
        return False
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


if __name__ == "__main__":
    main(Path(sys.argv[1]))
