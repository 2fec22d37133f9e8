"""A server of one's own: llminfra owns GPUs, probes, memory, identity and network around it."""

import datetime as dt

from llminfra import (
    CustomMetrics,
    CustomServer,
    Endpoint,
    GpuPool,
    HttpProbe,
    Image,
    Model,
    ModelBucket,
    OnDemand,
    Parallelism,
    Platform,
    Waiver,
)

# Findings that this platform lives with: why, and until when somebody answers for it.
ACCEPTED = {
    ("CKV2_AWS_34", "endpoints.*"): "The contract of an endpoint names a secret and holds none.",
    ("CKV2_AWS_62", "storage.*"): "Nothing consumes events of this bucket: new weights come by a change of this file.",
    ("CKV_AWS_144", "storage.*"): "Weights are copies of published checkpoints and can be uploaded anew.",
    ("CKV_AWS_18", "storage.*"): "CloudTrail data events record every access; access logs would repeat them.",
    ("CKV_K8S_11", "endpoints.*"): "A CPU limit throttles tokenization; the request guarantees each pod its share.",
    ("CKV_K8S_15", "endpoints.*"): "Release tags do not move; Always would make each start depend on the registry.",
    ("CKV_K8S_22", "endpoints.*"): "The server keeps scratch files beside its code; its user has no privileges at all.",
    ("CKV_K8S_43", "endpoints.*"): "Our registry refuses to overwrite a tag (ECR tag immutability).",
}

gpus = GpuPool(name="l4", instance_types=["g6.12xlarge"], nodes=(0, 2), capacity=OnDemand())

platform = Platform(
    name="custom",
    region="us-east-1",
    pools=[gpus],
    storage=[ModelBucket(name="acme-custom-weights")],
    budget_usd_per_month=8_100,
    waivers=[
        Waiver(rule=rule, scope=scope, reason=reason, owner="ml-platform", expires=dt.date(2027, 6, 30))
        for (rule, scope), reason in ACCEPTED.items()
    ],
)
platform.add(
    Endpoint(
        name="scorer",
        model=Model(id="Qwen/Qwen3-8B"),
        engine=CustomServer(
            image=Image(repository="111122223333.dkr.ecr.us-east-1.amazonaws.com/scorer", tag="4.2.0"),
            command=["python3", "-m", "scorer"],
            args=["--weights={model}", "--port={port}", "--gpus={gpus}"],
            ready=HttpProbe(path="/ready"),
            live=HttpProbe(path="/live"),
            metrics=CustomMetrics(waiting="scorer_queue_length", model_label="model"),
        ),
        on=gpus,
        parallelism=Parallelism(tensor=2),
    )
)
