"""llminfra: declare LLM serving on AWS in typed Python; compile it to Terraform and Helm with proof that it fits.

Names load lazily, so that importing the package costs milliseconds and starts nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llminfra.diagnostics import Diagnostic as Diagnostic
    from llminfra.diagnostics import LlminfraError as LlminfraError
    from llminfra.diagnostics import Severity as Severity
    from llminfra.diagnostics import SpecError as SpecError
    from llminfra.planning import plan_platform as plan_platform
    from llminfra.planning.cost.hourly import total_cost as total_cost
    from llminfra.planning.plan import Plan as Plan
    from llminfra.planning.specs import plan_specs as plan_specs
    from llminfra.spec.alert_receiver import PagerDutyAlerts as PagerDutyAlerts
    from llminfra.spec.alert_receiver import SlackAlerts as SlackAlerts
    from llminfra.spec.alert_receiver import SnsAlerts as SnsAlerts
    from llminfra.spec.async_endpoint import AsyncEndpoint as AsyncEndpoint
    from llminfra.spec.batch import BatchInference as BatchInference
    from llminfra.spec.batch import BatchQueue as BatchQueue
    from llminfra.spec.bedrock import Bedrock as Bedrock
    from llminfra.spec.bedrock import BedrockModel as BedrockModel
    from llminfra.spec.bedrock import Guardrail as Guardrail
    from llminfra.spec.bedrock import InvocationLogging as InvocationLogging
    from llminfra.spec.bedrock import PodAccess as PodAccess
    from llminfra.spec.bedrock import ProvisionedThroughput as ProvisionedThroughput
    from llminfra.spec.bedrock import RoleAccess as RoleAccess
    from llminfra.spec.bedrock import Topic as Topic
    from llminfra.spec.capacity import CapacityBlock as CapacityBlock
    from llminfra.spec.capacity import OnDemand as OnDemand
    from llminfra.spec.capacity import Reservation as Reservation
    from llminfra.spec.capacity import Spot as Spot
    from llminfra.spec.cluster import Cluster as Cluster
    from llminfra.spec.cluster import SystemNodes as SystemNodes
    from llminfra.spec.ec2 import Ec2 as Ec2
    from llminfra.spec.endpoint import Autoscaling as Autoscaling
    from llminfra.spec.endpoint import Disaggregation as Disaggregation
    from llminfra.spec.endpoint import Endpoint as Endpoint
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
    from llminfra.spec.gateway import Gateway as Gateway
    from llminfra.spec.gateway import Oidc as Oidc
    from llminfra.spec.gateway import Tenant as Tenant
    from llminfra.spec.gpu_pool import GpuPool as GpuPool
    from llminfra.spec.gpu_sharing import Mig as Mig
    from llminfra.spec.gpu_sharing import TimeSlicing as TimeSlicing
    from llminfra.spec.image_snapshot import ImageSnapshot as ImageSnapshot
    from llminfra.spec.images import ImageMirror as ImageMirror
    from llminfra.spec.lora import LoraAdapter as LoraAdapter
    from llminfra.spec.model import Model as Model
    from llminfra.spec.network import ExistingNetwork as ExistingNetwork
    from llminfra.spec.network import Network as Network
    from llminfra.spec.observability import Observability as Observability
    from llminfra.spec.platform import Platform as Platform
    from llminfra.spec.sagemaker import SageMaker as SageMaker
    from llminfra.spec.sagemaker import SageMakerAsync as SageMakerAsync
    from llminfra.spec.secret import Secret as Secret
    from llminfra.spec.state import LocalState as LocalState
    from llminfra.spec.state import S3State as S3State
    from llminfra.spec.storage import LocalNvme as LocalNvme
    from llminfra.spec.storage import Lustre as Lustre
    from llminfra.spec.storage import ModelBucket as ModelBucket
    from llminfra.spec.waiver import Waiver as Waiver

__version__ = "0.1.0"

_HOMES = {
    "llminfra.diagnostics": ("Diagnostic", "LlminfraError", "Severity", "SpecError"),
    "llminfra.planning": ("plan_platform",),
    "llminfra.planning.cost.hourly": ("total_cost",),
    "llminfra.planning.plan": ("Plan",),
    "llminfra.planning.specs": ("plan_specs",),
    "llminfra.spec.alert_receiver": ("PagerDutyAlerts", "SlackAlerts", "SnsAlerts"),
    "llminfra.spec.async_endpoint": ("AsyncEndpoint",),
    "llminfra.spec.batch": ("BatchInference", "BatchQueue"),
    "llminfra.spec.bedrock": (
        "Bedrock",
        "BedrockModel",
        "Guardrail",
        "InvocationLogging",
        "PodAccess",
        "ProvisionedThroughput",
        "RoleAccess",
        "Topic",
    ),
    "llminfra.spec.capacity": ("CapacityBlock", "OnDemand", "Reservation", "Spot"),
    "llminfra.spec.cluster": ("Cluster", "SystemNodes"),
    "llminfra.spec.ec2": ("Ec2",),
    "llminfra.spec.endpoint": ("Autoscaling", "Disaggregation", "Endpoint", "Parallelism", "Role", "Slo"),
    "llminfra.spec.engines.base": ("Image",),
    "llminfra.spec.engines.custom": ("CustomMetrics", "CustomServer", "HttpProbe"),
    "llminfra.spec.engines.deepspeed": ("DJLServing", "DeepSpeedMII"),
    "llminfra.spec.engines.sglang": ("SGLang",),
    "llminfra.spec.engines.tensorrt_llm": ("TensorRTLLM",),
    "llminfra.spec.engines.tgi": ("TGI",),
    "llminfra.spec.engines.vllm": ("VLLM",),
    "llminfra.spec.gateway": ("Gateway", "Oidc", "Tenant"),
    "llminfra.spec.gpu_pool": ("GpuPool",),
    "llminfra.spec.gpu_sharing": ("Mig", "TimeSlicing"),
    "llminfra.spec.image_snapshot": ("ImageSnapshot",),
    "llminfra.spec.images": ("ImageMirror",),
    "llminfra.spec.lora": ("LoraAdapter",),
    "llminfra.spec.model": ("Model",),
    "llminfra.spec.network": ("ExistingNetwork", "Network"),
    "llminfra.spec.observability": ("Observability",),
    "llminfra.spec.platform": ("Platform",),
    "llminfra.spec.sagemaker": ("SageMaker", "SageMakerAsync"),
    "llminfra.spec.secret": ("Secret",),
    "llminfra.spec.state": ("LocalState", "S3State"),
    "llminfra.spec.storage": ("LocalNvme", "Lustre", "ModelBucket"),
    "llminfra.spec.waiver": ("Waiver",),
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
