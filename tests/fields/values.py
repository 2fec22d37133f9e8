"""Another value of every field: by type and field, else by field, else what the field's own type says."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from llminfra import (
    VLLM,
    Autoscaling,
    BatchQueue,
    Bedrock,
    Cluster,
    CustomMetrics,
    Guardrail,
    HttpProbe,
    Image,
    ImageMirror,
    ImageSnapshot,
    InvocationLogging,
    LoraAdapter,
    Model,
    ModelBucket,
    Network,
    Observability,
    OnDemand,
    Parallelism,
    Reservation,
    Role,
    RoleAccess,
    S3State,
    Secret,
    SGLang,
    Slo,
    SnsAlerts,
    Spot,
    SystemNodes,
    Tenant,
    TimeSlicing,
    Topic,
    Waiver,
)
from llminfra.spec.base.spec import Spec
from tests.fields.platforms import CERTIFICATE, LITE, MICRO, OTHER, REGISTRY

_IMAGE = Image(repository=f"{REGISTRY}/other", tag="2")
_KEY = "arn:aws:kms:us-east-1:111122223333:key/1f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f1"
_SECRET = "arn:aws:secretsmanager:us-east-1:111122223333:secret:ecr-pullthroughcache/other"  # a name
_TOPIC = "arn:aws:sns:us-east-1:111122223333:other"
_TOO_MANY = 100_000

# The first of several values that the types and the planner take is looked at.
BY_TYPE: dict[str, tuple[Any, ...]] = {
    "AsyncEndpoint.retention_days": (7,),
    "BatchInference.input": ("s3://acme-batch/other-in/",),
    "BatchInference.on": (BatchQueue(instance_types=["g6e.4xlarge"], max_instances=2),),
    "BatchInference.output": ("s3://acme-batch/other-out/",),
    "BedrockModel.id": ("amazon.nova-lite-v1:0", "anthropic.claude-haiku-4-5-20251001-v1:0"),
    "CustomMetrics.port": (9100,),
    "CustomServer.port": (9000,),
    "Ec2.instance_type": ("g6e.4xlarge", "p5en.48xlarge"),
    "ExistingCluster.installed": (["karpenter"],),
    "ExistingCluster.karpenter_node_role": ("other-node",),
    "ExistingCluster.name": ("other",),
    "ExistingCluster.node_security_group_id": ("sg-0123456789abcdef1",),
    "ExistingCluster.version": ("1.34",),
    "ExistingNetwork.cidr": ("10.50.0.0/16",),
    "Gateway.tenants": ([Tenant(name="z", api_key=Secret(name="t/z"))], [Tenant(name="z", claim="q")]),
    "GpuPool.nodes": ((1, 6), (2, 4), (2, 3)),
    "Image.repository": (f"{REGISTRY}/another",),
    "ImageMirror.credentials": ({"ghcr.io": _SECRET},),
    "ImageMirror.prefix": ("copies",),
    "ImageMirror.registry": (REGISTRY.replace("us-east-1", "us-west-2"),),
    "ImageSnapshot.id": ("snap-0a1b2c3d4e5f60799",),
    "ImageSnapshot.images": (["vllm/vllm-openai:v0.26.0"],),
    "LoraAdapter.id": ("acme/other",),
    "LoraAdapter.key": ("adapters/other",),
    "LoraAdapter.revision": ("5" * 40,),
    "Model.config": ("no-such-config.json",),
    "Model.id": ("Qwen/Qwen3-4B", "deepseek-ai/DeepSeek-V3"),
    "Model.revision": ("a" * 40,),
    "ModelBucket.name": ("acme-other",),
    "ModelBucket.prefix": ("other",),
    "Network.cidr": ("10.9.0.0/16",),
    "Network.zones": (["us-east-1a", "us-east-1b"],),
    "Platform.images": (ImageMirror(registry=REGISTRY),),
    "Platform.region": ("us-west-2",),
    "ProvisionedThroughput.model": (LITE,),
    "S3State.bucket": ("acme-other-state",),
    "S3State.prefix": ("other",),
    "S3State.region": ("us-west-2",),
    "SageMakerAsync.output": ("s3://acme-answers/b",),
    "SystemNodes.instance_types": (["m7i.2xlarge"],),
    "SystemNodes.nodes": ((3, 5),),
    "Waiver.rule": ("CKV_AWS_21",),
}
BY_FIELD: dict[str, tuple[Any, ...]] = {
    "access": ([], [RoleAccess(role_name="other")]),
    "account_id": ("444455556666",),
    "adapters": ([LoraAdapter(name="other", bucket=ModelBucket(name="acme-w"), key="adapters/other", rank=32)],),
    "address": ("https://other.internal",),
    "admin_role_arns": (["arn:aws:iam::111122223333:role/admin"],),
    "all2all_backend": ("naive", "allgather_reducescatter"),
    "allow_from_cidrs": (["10.1.0.0/16"],),
    "allow_from_namespaces": (["other"],),
    "ami_id": ("ami-0123456789abcdef0",),
    "ami_release": ("20261001",),
    "anonymize": (["NAME"],),
    "api_key": (Secret(name="acme/other"),),
    "args": (["--other"],),
    "audiences": (["other"],),
    "bedrock": (Bedrock(models=[MICRO]),),
    "block": (["NAME"],),
    "blocked_input_message": ("no",),
    "blocked_output_message": ("no",),
    "blocked_topics": ([Topic(name="tax", definition="tax advice")],),
    "blocked_words": (["word"],),
    "bucket": (OTHER,),
    "budget_usd_per_month": (1.0,),
    "capacity": (Spot(), OnDemand(), Reservation(reservation_id="cr-0123456789abcdef9")),
    "capacity_gib": (9600, 19_200),
    "certificate_arn": (CERTIFICATE.replace("0f1e", "1f1e"),),
    "channel": ("#other",),
    "claim": ("other",),
    "cluster": (Cluster(log_days=30),),
    "command": (["other"],),
    "compile_cache": (None, OTHER),
    "concurrency": (_TOO_MANY, 7),
    "context": ("24k",),
    "copy_image": (_IMAGE,),
    "days": (30,),
    "decode": (Role(replicas=2, parallelism=Parallelism(tensor=4)),),
    "definition": ("other advice",),
    "digest": ("sha256:" + "a" * 64,),
    "disaggregation": (None,),
    "domain_name": ("other.example.com",),
    "engine": (SGLang(max_model_len=8192), VLLM(max_model_len=4096)),
    "env": ({"FOO": "1"},),
    "examples": (["could I?"],),
    "expires": (dt.date(2027, 5, 1),),
    "extra_args": (["--seed=1"], ["--random-seed=1"], ["--hostname=b"], ["--load-in-8bit"]),
    "flow_logs_days": (30,),
    "gpu_memory_utilization": (0.7,),
    "grafana_admin_groups": (["11111111-0000-0000-0000-000000000000"],),
    "guardrail": (Guardrail(hate="LOW"),),
    "hosted_zone_id": ("Z0123456789ABCDEFGHIK",),
    "hostname": ("other.example.com",),
    "image": (_IMAGE,),
    "image_snapshot": (ImageSnapshot(id="snap-0a1b2c3d4e5f60719", images=["vllm/vllm-openai:v0.27.1"]),),
    "inference_ami_version": ("al2-ami-sagemaker-inference-gpu-3-1", "al2023-ami-sagemaker-inference-gpu-4-1"),
    "input_bucket": ("acme-questions",),
    "input_kms_key_arn": (_KEY,),
    "instance_type": ("ml.g6e.4xlarge", "ml.g6e.24xlarge"),
    "instance_types": (["g6e.4xlarge"], ["g6e.24xlarge"], ["p5en.48xlarge"]),
    "issuer": ("https://other.example.com",),
    "jwks_uri": ("https://other.example.com/keys",),
    "key": ("value",),
    "kms_key_arn": (_KEY,),
    "labels": ({"acme.com/a": "b"},),
    "limit_mm_per_prompt": ({"image": 1},),
    "live": (HttpProbe(path="/up"),),
    "log_days": (30,),
    "logging": (InvocationLogging(days=30),),
    "max_instances": (1, 3),
    "max_model_len": (4096,),
    "max_num_batched_tokens": (4096,),
    "max_num_seqs": (64,),
    "metrics": (None, CustomMetrics(waiting="other")),
    "model": (Model(id="Qwen/Qwen3-4B"), Model(id="deepseek-ai/DeepSeek-V3")),
    "model_label": ("other",),
    "models": ([MICRO], []),
    "name": ("other", "acme/other"),
    "namespace": ("other",),
    "network": (Network(cidr="10.9.0.0/16"),),
    "observability": (Observability(retention_days=30),),
    "output_kms_key_arn": (_KEY,),
    "owner": ("you",),
    "parallelism": (Parallelism(tensor=2), Parallelism(tensor=8, data=2)),
    "path": ("/other",),
    "prefill": (Role(replicas=3, parallelism=Parallelism(tensor=2)),),
    "private_access_cidrs": (["10.0.0.0/8"],),
    "private_subnet_ids": ({"us-east-1a": "subnet-0123456789abcdef0", "us-east-1c": "subnet-0123456789abcdef2"},),
    "private_subnets": (["10.0.0.0/19", "10.0.64.0/19", "10.0.128.0/19"],),
    "profile": ("4g.40gb", "2g.20gb"),
    "public_access_cidrs": (["203.0.113.0/24"],),
    "public_subnets": (["10.0.240.0/24", "10.0.241.0/24", "10.0.242.0/24"],),
    "rank": (64,),
    "ready": (HttpProbe(path="/up"),),
    "reason": ("A reason that is another one.",),
    "receivers": ([SnsAlerts(topic_arn=_TOPIC)],),
    "replicas": (2, 3, Autoscaling(min=1, max=2)),
    "reservation": (None, Reservation(reservation_id="cr-0123456789abcdef9")),
    "reservation_id": ("cr-0123456789abcdef9",),
    "resource_group_arn": ("arn:aws:resource-groups:us-east-1:111122223333:group/others",),
    "results_days": (7,),
    "retention_days": (30,),
    "role_name": ("other",),
    "root_volume_gib": (333,),
    "routing_key": (Secret(name="acme/other"),),
    "runbook_base_url": ("https://other.example.com",),
    "runner_image": (_IMAGE,),
    "schedule": ("cron(0 2 * * ? *)",),
    "scope": ("storage",),
    "served_name": ("other",),
    "service_account": ("other",),
    "sharing": (TimeSlicing(replicas=4, tenants=["labs"]),),
    "system_nodes": (SystemNodes(nodes=(3, 5)),),
    "slo": (Slo(time_to_first_token_ms=0.001),),
    "source": (OTHER,),
    "state": (S3State(bucket="acme-state"),),
    "tag": ("9",),
    "tags": ({"a": "b"},),
    "task": ("embed",),
    "tenant_claim": ("other",),
    "tenants": (["a", "c"], ["z"]),
    "throughput": ([],),
    "time_per_output_token_ms": (0.001,),
    "time_to_first_token_ms": (0.001,),
    "token": (Secret(name="acme/other"),),
    "topic_arn": (_TOPIC,),
    "version": ("1.34", "0.26.0", "0.5.16", "3.3.5", "0.36.0"),
    "vpc_id": ("vpc-0123456789abcdef1",),
    "waiting": ("other",),
    "waivers": (
        [Waiver(rule="CKV_AWS_21", reason="A reason that is long enough", owner="me", expires=dt.date(2027, 6, 1))],
    ),
    "web_acl_arn": ("arn:aws:wafv2:us-east-1:111122223333:regional/webacl/z/b",),
    "webhook": (Secret(name="acme/other"),),
    "weights": (OTHER,),
    "worker_image": (_IMAGE,),
    "zone": ("us-east-1c",),
    "zones": (["us-east-1c"], ["us-east-1b"]),
}


def others(item: Spec, field: str) -> list[Any]:
    """Values of a field that are not the one it has."""
    own = f"{type(item).__name__}.{field}"
    given = BY_TYPE.get(own, BY_FIELD.get(field))
    value = getattr(item, field)
    found = list(given) if given is not None else list(_by_annotation(type(item).model_fields[field].annotation, value))
    return [each for each in found if each != value and not (isinstance(each, list) and tuple(each) == value)]


def _by_annotation(annotation: Any, value: Any) -> Iterator[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _by_annotation(get_args(annotation)[0], value)
    elif origin in (Union, UnionType):
        for each in get_args(annotation):
            yield from _by_annotation(each, value)
    elif origin is Literal:
        yield from get_args(annotation)
    elif annotation is bool:
        yield not value
    elif annotation is int:
        yield from (2 * value + 1, value + 1, value - 1) if isinstance(value, int) else (1,)
    elif annotation is NoneType and value is not None:
        yield None
