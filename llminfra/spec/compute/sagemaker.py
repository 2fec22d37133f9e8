"""``SageMaker`` and ``SageMakerAsync``: an endpoint on instances that Amazon SageMaker AI runs."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from llminfra.spec.base.names import BucketName, InBucket, KmsKeyArn
from llminfra.spec.base.spec import Distinct, Spec

INSTANCE_TYPE = r"^ml\.[a-z0-9-]+\.[a-z0-9]+$"


class SageMaker(Spec):
    """A SageMaker real-time endpoint: HTTPS, signed by IAM, answers while the caller waits.

    It becomes a model, an endpoint configuration, an endpoint and its autoscaling.
    """

    spec_section: ClassVar[str] = "on"
    kind: Literal["sagemaker"] = "sagemaker"

    instance_type: Annotated[str, Field(pattern=INSTANCE_TYPE)]
    """Instance type, for example ``ml.p5.48xlarge``."""
    zones: Distinct[str] = ()
    """Availability zones whose private subnets the containers join; empty: all of the network."""
    inference_ami_version: str | None = None
    """Host image; ``None``: the one that the image's CUDA needs."""
    kms_key_arn: Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:kms:")] | None = None
    """Key of the instances' volumes (not used by types with local NVMe, which encrypt it themselves)."""


class SageMakerAsync(Spec):
    """A SageMaker asynchronous endpoint: requests and answers are objects in S3, and instances may go to zero.

    A request names an S3 object of up to 1 GB and may take up to an hour; SNS tells that the answer is there.
    """

    spec_section: ClassVar[str] = "on"
    kind: Literal["sagemaker-async"] = "sagemaker-async"

    instance_type: Annotated[str, Field(pattern=INSTANCE_TYPE)]
    """Instance type, for example ``ml.g6e.12xlarge``."""
    output: Annotated[
        str, Field(pattern=r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[A-Za-z0-9!_.*'()/-]*[^/]$"), InBucket
    ]
    """Prefix in an existing bucket where answers are written, for example ``s3://acme-answers/chat``."""
    output_kms_key_arn: KmsKeyArn | None = None
    """Key of the answers; ``None``: that of `Platform.encryption`, or the bucket's own encryption."""
    input_bucket: BucketName | None = None
    """Existing bucket that requests are read from; ``None``: the bucket of ``output``."""
    input_kms_key_arn: KmsKeyArn | None = None
    """Key that encrypts the requests, where it is a customer-managed one and another than that of the answers."""
    backlog_per_instance: Annotated[int, Field(ge=1)] = 5
    """Waiting requests per instance that scaling aims at."""
    zones: Distinct[str] = ()
    """Availability zones whose private subnets the containers join; empty: all of the network."""
    inference_ami_version: str | None = None
    """Host image; ``None``: the one that the image's CUDA needs."""
    kms_key_arn: Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:kms:")] | None = None
    """Key of the instances' volumes (not used by types with local NVMe, which encrypt it themselves)."""
