"""Pages of the findings that planning makes about ranks on several nodes."""

from __future__ import annotations

from llminfra.diagnostics import Severity
from llminfra.rules.rule import LooksAt, emitted

_PLAN = LooksAt.PLAN

RULES = (
    emitted(
        "LLM_DIST_1",
        "Pipeline stages are ones that the engine has for the model",
        looks_at=_PLAN,
        why="vLLM cuts a model into stages only where its class implements SupportsPP in that version; otherwise it "
        "stops after the nodes have come.",
        fix="use tensor parallelism inside a node, or a version that has stages for the model",
        source=(
            "vllm-project/vllm vllm/config/model.py: verify_with_parallel_config",
            "PyPI vllm wheels: vllm/model_executor/models, classes with SupportsPP (scripts/engine_models.py)",
        ),
    ),
    emitted(
        "LLM_DIST_2",
        "Every node starts a whole number of copies of attention",
        looks_at=_PLAN,
        why="Data-parallel ranks are dealt out to nodes by --data-parallel-size-local; a copy that is larger than a "
        "node, or does not divide it, has no rank of its own.",
        fix="use tensor=1 with data and expert over all GPUs, or pipeline stages between nodes",
        source=("vllm-project/vllm docs/serving/data_parallel_deployment.md", "vllm==0.27.1 vllm/engine/arg_utils.py"),
    ),
    emitted(
        "LLM_DIST_3",
        "Tokens reach experts on other nodes over EFA",
        looks_at=_PLAN,
        why="Most of vLLM's all-to-all back ends need InfiniBand (IBGDA), one NVLink domain or AMD's GPUs. Over EFA "
        "they hang in warm-up or crash.",
        fix="leave all2all_backend out: allgather_reducescatter runs on NCCL over EFA",
        source=(
            "vllm-project/vllm#27898",
            "deepseek-ai/DeepEP#369",
            "vllm-project/vllm#27633",
            "uccl-project/uccl#734",
        ),
    ),
    emitted(
        "LLM_DIST_4",
        "An image for DeepEP over EFA holds all that it needs",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="DeepEP's second version runs over EFA with an EFA installer, an NCCL and a fork of DeepEP that belong "
        "together; llminfra cannot look into the image.",
        fix="check the image, or leave all2all_backend out",
        source=("vllm-project/vllm#41183", "aws/deep-learning-containers#6730"),
    ),
    emitted(
        "LLM_DIST_5",
        "Ray is there where it is asked for",
        looks_at=_PLAN,
        why="vLLM's package stopped depending on Ray, and so its images no longer have it; copies of attention over "
        "nodes are started by vLLM itself.",
        fix="use an image with Ray, or leave distributed_executor_backend at 'mp'",
        source=("PyPI vllm wheels: Requires-Dist", "vllm-project/vllm examples/online_serving/multi-node-serving.sh"),
    ),
    emitted(
        "LLM_DIST_6",
        "Ray is asked for only between nodes",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="On one node vLLM's own processes do the same with fewer parts.",
        fix="leave distributed_executor_backend out",
        source=("vllm-project/vllm docs/serving/parallelism_scaling.md",),
    ),
    emitted(
        "LLM_DIST_8",
        "Prefill and decode are separated where the engine can send its cache",
        looks_at=_PLAN,
        why="llminfra writes the connector, the side channel and the router for vLLM in the cluster, from the release "
        "on whose NIXL connector can be told to use EFA.",
        fix="use VLLM(…) of a recent version on a GpuPool, or leave disaggregation out",
        source=("vllm-project/vllm docs/features/nixl_connector_usage.md",),
    ),
    emitted(
        "LLM_DIST_9",
        "Caches travel over EFA",
        looks_at=_PLAN,
        why="Over TCP a cache arrives later than the prompt could have been read again.",
        fix="use a pool with efa=True, or leave disaggregation out",
        source=("ai-dynamo/dynamo docs/kubernetes/cloud-providers/eks/efa.md", "ai-dynamo/nixl#909"),
    ),
    emitted(
        "LLM_DIST_10",
        "The way of caches is written once",
        looks_at=_PLAN,
        why="A second --kv-transfer-config wins or loses by its place; the roles would no longer match.",
        fix="remove --kv-transfer-config from extra_args",
        source=("vllm-project/vllm docs/features/nixl_connector_usage.md",),
    ),
    emitted(
        "LLM_DIST_11",
        "Roles have no pipeline stages",
        looks_at=_PLAN,
        why="NIXL's connector sends whole caches; with stages each rank has a part of the layers only.",
        fix="use tensor parallelism, or copies with experts spread over several nodes",
        source=("vllm==0.27.1 vllm/distributed/kv_transfer/kv_connector/v1/nixl/base_worker.py",),
    ),
    emitted(
        "LLM_DIST_12",
        "Hybrid models have equal ranks in both roles",
        looks_at=_PLAN,
        why="Recurrent states are not cut by heads: they go from a rank to the same rank only.",
        fix="give both roles the same parallelism",
        source=("vllm-project/vllm docs/features/nixl_connector_compatibility.md",),
    ),
    emitted(
        "LLM_DIST_16",
        "An endpoint has one picker of pods",
        looks_at=_PLAN,
        why="A disaggregated endpoint has a router of its own, which chooses a pod for the prompt and one for the "
        "answer. A gateway's picker chooses one pod, and the prompt would be read where it is answered.",
        fix="take the endpoint out of the gateway, or leave disaggregation out",
        source=("llm-d/llm-d-router@v0.9.0 docs/disaggregation.md",),
    ),
    emitted(
        "LLM_DIST_17",
        "Workers of a queue reach the pods that they call",
        looks_at=_PLAN,
        why="Network policies let workers reach the pods of one endpoint. A disaggregated endpoint has a router in "
        "front, which they do not name.",
        fix="put the queue in front of an endpoint without disaggregation",
        source=("llminfra: network policies of workers and of the router",),
    ),
    emitted(
        "LLM_DIST_18",
        "Ranks on several nodes talk over EFA",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="Without EFA NCCL goes over TCP: tensor parallelism waits for it twice in every layer, stages once between "
        "them. It runs, at a fraction of the speed that the nodes are paid for.",
        fix="set efa=True on the pool, or use a replica that is no larger than a node",
        source=(
            "vllm-project/vllm docs/serving/parallelism_scaling.md: efficient node-to-node communication",
            "vllm-project/vllm#55635",
        ),
    ),
    emitted(
        "LLM_DIST_19",
        "Copies over nodes are something that the engine has",
        looks_at=_PLAN,
        why="SGLang asserts that data parallelism stays on one node unless attention alone is copied.",
        fix="set data=1 and more replicas, or use vLLM",
        source=("sglang 0.5.1.post3 to 0.5.23: multi-node data parallel is not supported unless dp attention",),
    ),
)
