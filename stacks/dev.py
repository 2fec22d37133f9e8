"""The cheapest useful platform: one 8B model on one small L4 node, no Lustre, local state."""

import datetime as dt

from llminfra import VLLM, Cluster, Endpoint, GpuPool, Model, ModelBucket, Network, Platform, Spot, SystemNodes, Waiver

l4 = GpuPool(name="l4", instance_types=["g6.xlarge", "g6.2xlarge"], nodes=(0, 1), capacity=Spot())
weights = ModelBucket(name="acme-dev-llm-weights")

# Findings that a development platform lives with.
ACCEPTED = {
    ("CKV_AWS_18", "storage.*"): "CloudTrail data events record every access; access logs would repeat them.",
    ("CKV_AWS_144", "storage.*"): "Weights are copies of published checkpoints and can be uploaded anew.",
    ("CKV_AWS_338", "*"): "Logs of development are of use for a month at most, and hold no data of customers.",
    ("CKV2_AWS_34", "endpoints.*"): "The contract of an endpoint names a secret and holds none.",
    ("CKV2_AWS_62", "storage.*"): "Nothing consumes events of this bucket: new weights come by a change of this file.",
    ("CKV_K8S_11", "endpoints.*"): "A CPU limit throttles tokenization; the request guarantees each pod its share.",
    ("CKV_K8S_15", "endpoints.*"): "Release tags do not move; Always would make each start depend on the registry.",
    ("CKV_K8S_22", "endpoints.*"): "CUDA libraries write outside the cache volumes; the user has no privileges at all.",
    ("CKV_K8S_43", "endpoints.*"): "Release tags of vLLM do not move; digests come with our own image mirror.",
    ("LLM_SRV_14", "endpoints.small"): "One spot replica is all development pays for; testers repeat a request.",
}

platform = Platform(
    name="acme-dev",
    region="us-east-1",
    network=Network(cidr="10.30.0.0/16", nat="single", flow_logs_days=30),
    cluster=Cluster(
        system_nodes=SystemNodes(instance_types=["t3.large"], nodes=(3, 4)), log_days=30, deletion_protection=False
    ),
    pools=[l4],
    storage=[weights],
    tags={"team": "ml-platform", "environment": "dev"},
    budget_usd_per_month=1_500,
    waivers=[
        Waiver(rule=rule, scope=scope, reason=reason, owner="ml-platform", expires=dt.date(2027, 6, 30))
        for (rule, scope), reason in ACCEPTED.items()
    ],
    endpoints=[
        Endpoint(
            name="small",
            model=Model(id="Qwen/Qwen3-8B", revision="b968826d9c46dd6066d109eabc6255188de91218", quantization="fp8"),
            engine=VLLM(max_model_len=8_192, max_num_seqs=64),
            on=l4,
        )
    ],
)
