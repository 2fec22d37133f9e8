"""llminfra: declare LLM serving on AWS in typed Python; compile it to Terraform and Helm with proof that it fits.

Names load lazily, so that importing the package costs milliseconds and starts nothing.
"""

from __future__ import annotations

import importlib

TYPE_CHECKING = False  # type checkers take it for true; importing typing for it would double the import

if TYPE_CHECKING:
    from llminfra.diagnostics import Diagnostic as Diagnostic
    from llminfra.diagnostics import LlminfraError as LlminfraError
    from llminfra.diagnostics import Severity as Severity
    from llminfra.diagnostics import SpecError as SpecError
    from llminfra.planning import plan_platform as plan_platform
    from llminfra.planning.cost.hourly import total_cost as total_cost
    from llminfra.planning.plan import Plan as Plan
    from llminfra.rules.specs import plan_specs as plan_specs
    from llminfra.spec.base.secret import Secret as Secret
    from llminfra.spec.compute.capacity import CapacityBlock as CapacityBlock
    from llminfra.spec.compute.capacity import OnDemand as OnDemand
    from llminfra.spec.compute.capacity import Reservation as Reservation
    from llminfra.spec.compute.capacity import Spot as Spot
    from llminfra.spec.compute.cluster import Cluster as Cluster
    from llminfra.spec.compute.cluster import SystemNodes as SystemNodes
    from llminfra.spec.compute.ec2 import Ec2 as Ec2
    from llminfra.spec.compute.existing_cluster import ExistingCluster as ExistingCluster
    from llminfra.spec.compute.gpu_pool import GpuPool as GpuPool
    from llminfra.spec.compute.gpu_sharing import Mig as Mig
    from llminfra.spec.compute.gpu_sharing import TimeSlicing as TimeSlicing
    from llminfra.spec.compute.image_snapshot import ImageSnapshot as ImageSnapshot
    from llminfra.spec.compute.sagemaker import SageMaker as SageMaker
    from llminfra.spec.compute.sagemaker import SageMakerAsync as SageMakerAsync
    from llminfra.spec.compute.shared_with import SharedWith as SharedWith
    from llminfra.spec.compute.working_hours import WorkingHours as WorkingHours
    from llminfra.spec.endpoint import Autoscaling as Autoscaling
    from llminfra.spec.endpoint import Disaggregation as Disaggregation
    from llminfra.spec.endpoint import Endpoint as Endpoint
    from llminfra.spec.endpoint import Overflow as Overflow
    from llminfra.spec.endpoint import Parallelism as Parallelism
    from llminfra.spec.endpoint import Role as Role
    from llminfra.spec.endpoint import Slo as Slo
    from llminfra.spec.engines.base import Image as Image
    from llminfra.spec.engines.custom import CustomMetrics as CustomMetrics
    from llminfra.spec.engines.custom import CustomServer as CustomServer
    from llminfra.spec.engines.custom import HttpProbe as HttpProbe
    from llminfra.spec.engines.deepspeed import DeepSpeedMII as DeepSpeedMII
    from llminfra.spec.engines.deepspeed import DJLServing as DJLServing
    from llminfra.spec.engines.sglang import SGLang as SGLang
    from llminfra.spec.engines.tensorrt_llm import TensorRTLLM as TensorRTLLM
    from llminfra.spec.engines.tgi import TGI as TGI
    from llminfra.spec.engines.vllm import VLLM as VLLM
    from llminfra.spec.foundation.alert_receiver import PagerDutyAlerts as PagerDutyAlerts
    from llminfra.spec.foundation.alert_receiver import SlackAlerts as SlackAlerts
    from llminfra.spec.foundation.alert_receiver import SnsAlerts as SnsAlerts
    from llminfra.spec.foundation.encryption import CustomerKey as CustomerKey
    from llminfra.spec.foundation.encryption import PlatformKeys as PlatformKeys
    from llminfra.spec.foundation.existing_prometheus import ExistingPrometheus as ExistingPrometheus
    from llminfra.spec.foundation.images import ImageMirror as ImageMirror
    from llminfra.spec.foundation.network import ExistingNetwork as ExistingNetwork
    from llminfra.spec.foundation.network import Network as Network
    from llminfra.spec.foundation.observability import Observability as Observability
    from llminfra.spec.foundation.state import LocalState as LocalState
    from llminfra.spec.foundation.state import S3State as S3State
    from llminfra.spec.foundation.waiver import Waiver as Waiver
    from llminfra.spec.models.lora import LoraAdapter as LoraAdapter
    from llminfra.spec.models.model import Model as Model
    from llminfra.spec.models.storage import LocalNvme as LocalNvme
    from llminfra.spec.models.storage import Lustre as Lustre
    from llminfra.spec.models.storage import ModelBucket as ModelBucket
    from llminfra.spec.platform import Platform as Platform
    from llminfra.spec.services.async_endpoint import AsyncEndpoint as AsyncEndpoint
    from llminfra.spec.services.batch import BatchInference as BatchInference
    from llminfra.spec.services.batch import BatchQueue as BatchQueue
    from llminfra.spec.services.bedrock import Bedrock as Bedrock
    from llminfra.spec.services.bedrock import BedrockModel as BedrockModel
    from llminfra.spec.services.bedrock import Guardrail as Guardrail
    from llminfra.spec.services.bedrock import InvocationLogging as InvocationLogging
    from llminfra.spec.services.bedrock import PodAccess as PodAccess
    from llminfra.spec.services.bedrock import ProvisionedThroughput as ProvisionedThroughput
    from llminfra.spec.services.bedrock import RoleAccess as RoleAccess
    from llminfra.spec.services.bedrock import Topic as Topic
    from llminfra.spec.services.gateway import Gateway as Gateway
    from llminfra.spec.services.gateway import Oidc as Oidc
    from llminfra.spec.services.gateway import Tenant as Tenant

__version__ = "0.1.0"

_HOMES = {
    "llminfra.diagnostics": ("Diagnostic", "LlminfraError", "Severity", "SpecError"),
    "llminfra.planning": ("plan_platform",),
    "llminfra.planning.cost.hourly": ("total_cost",),
    "llminfra.planning.plan": ("Plan",),
    "llminfra.rules.specs": ("plan_specs",),
    "llminfra.spec.base.secret": ("Secret",),
    "llminfra.spec.compute.capacity": ("CapacityBlock", "OnDemand", "Reservation", "Spot"),
    "llminfra.spec.compute.cluster": ("Cluster", "SystemNodes"),
    "llminfra.spec.compute.existing_cluster": ("ExistingCluster",),
    "llminfra.spec.compute.ec2": ("Ec2",),
    "llminfra.spec.compute.gpu_pool": ("GpuPool",),
    "llminfra.spec.compute.gpu_sharing": ("Mig", "TimeSlicing"),
    "llminfra.spec.compute.image_snapshot": ("ImageSnapshot",),
    "llminfra.spec.compute.sagemaker": ("SageMaker", "SageMakerAsync"),
    "llminfra.spec.compute.shared_with": ("SharedWith",),
    "llminfra.spec.compute.working_hours": ("WorkingHours",),
    "llminfra.spec.endpoint": ("Autoscaling", "Disaggregation", "Endpoint", "Overflow", "Parallelism", "Role", "Slo"),
    "llminfra.spec.engines.base": ("Image",),
    "llminfra.spec.engines.custom": ("CustomMetrics", "CustomServer", "HttpProbe"),
    "llminfra.spec.engines.deepspeed": ("DJLServing", "DeepSpeedMII"),
    "llminfra.spec.engines.sglang": ("SGLang",),
    "llminfra.spec.engines.tensorrt_llm": ("TensorRTLLM",),
    "llminfra.spec.engines.tgi": ("TGI",),
    "llminfra.spec.engines.vllm": ("VLLM",),
    "llminfra.spec.foundation.alert_receiver": ("PagerDutyAlerts", "SlackAlerts", "SnsAlerts"),
    "llminfra.spec.foundation.encryption": ("CustomerKey", "PlatformKeys"),
    "llminfra.spec.foundation.existing_prometheus": ("ExistingPrometheus",),
    "llminfra.spec.foundation.images": ("ImageMirror",),
    "llminfra.spec.foundation.network": ("ExistingNetwork", "Network"),
    "llminfra.spec.foundation.observability": ("Observability",),
    "llminfra.spec.foundation.state": ("LocalState", "S3State"),
    "llminfra.spec.foundation.waiver": ("Waiver",),
    "llminfra.spec.models.lora": ("LoraAdapter",),
    "llminfra.spec.models.model": ("Model",),
    "llminfra.spec.models.storage": ("LocalNvme", "Lustre", "ModelBucket"),
    "llminfra.spec.platform": ("Platform",),
    "llminfra.spec.services.async_endpoint": ("AsyncEndpoint",),
    "llminfra.spec.services.batch": ("BatchInference", "BatchQueue"),
    "llminfra.spec.services.bedrock": (
        "Bedrock",
        "BedrockModel",
        "Guardrail",
        "InvocationLogging",
        "PodAccess",
        "ProvisionedThroughput",
        "RoleAccess",
        "Topic",
    ),
    "llminfra.spec.services.gateway": ("Gateway", "Oidc", "Tenant"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [  # noqa: PLE0604  # computed from the one table above
    *sorted(_HOME_OF),
    "__version__",
]


def __getattr__(name: str) -> object:
    """Load a public name from its module on first use."""
    if (module := _HOME_OF.get(name)) is None:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(importlib.import_module(module), name)


def __dir__() -> list[str]:
    return sorted(__all__)
