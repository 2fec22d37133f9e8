"""A server of one's own: llminfra owns GPUs, probes, memory, identity and network around it."""

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
)

gpus = GpuPool(name="l4", instance_types=["g6.12xlarge"], nodes=(0, 2), capacity=OnDemand())

platform = Platform(name="custom", region="us-east-1", pools=[gpus], storage=[ModelBucket(name="acme-custom-weights")])
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
