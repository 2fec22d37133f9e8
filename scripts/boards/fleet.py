"""The fleet: replicas, GPUs and what they cost."""

from __future__ import annotations

from boards.shapes import Board, Panel, Query, Variable

POOL = '{platform=~"$platform", pool=~"$pool"}'
PLATFORM = '{platform=~"$platform"}'

FLEET = Board(
    uid="llm-fleet",
    title="LLM fleet and cost",
    about="GPUs by pool: how many there are, how many are held, how busy they are, and what they cost by list price.",
    variables=(Variable("pool", "Pool", 'label_values(node:llm_pool:info{platform=~"$platform"}, pool)'),),
    by_platform=True,
    rows=(
        (
            "Now",
            (
                Panel("GPUs", (Query(f"sum(pool:llm_gpus:sum{POOL})"),), kind="stat", width=4),
                Panel("GPUs held by pods", (Query(f"sum(pool:llm_gpus_held:sum{POOL})"),), kind="stat", width=4),
                Panel(
                    "GPUs busy",
                    (
                        Query(
                            f"sum(pool:llm_gpu_utilization:avg{POOL} * on (platform, pool) pool:llm_gpus:sum{POOL}) "
                            f"/ sum(pool:llm_gpus:sum{POOL})"
                        ),
                    ),
                    "percentunit",
                    "stat",
                    width=4,
                ),
                Panel(
                    "Cost of the platform per hour",
                    (Query(f"sum(platform:llm_cost_usd_per_hour:sum{PLATFORM})"),),
                    "currencyUSD",
                    "stat",
                    "Nodes that are there, at on-demand list prices, and the rest of the plan at its smallest size.",
                    width=4,
                ),
                Panel(
                    "Cost per month at this rate",
                    (Query(f"sum(platform:llm_cost_usd_per_hour:sum{PLATFORM}) * 730"),),
                    "currencyUSD",
                    "stat",
                    width=4,
                ),
                Panel(
                    "Cost of free GPUs per hour",
                    (Query(f"sum(pool:llm_idle_cost_usd_per_hour:sum{POOL})"),),
                    "currencyUSD",
                    "stat",
                    "Money for GPUs that no pod holds.",
                    yellow=1,
                    red=50,
                    width=4,
                ),
            ),
        ),
        (
            "Pools",
            (
                Panel(
                    "GPUs by pool",
                    (
                        Query(f"pool:llm_gpus:sum{POOL}", "{{pool}} {{platform}} there"),
                        Query(f"pool:llm_gpus_held:sum{POOL}", "{{pool}} {{platform}} held"),
                    ),
                ),
                Panel(
                    "GPUs busy by pool",
                    (Query(f"pool:llm_gpu_utilization:avg{POOL}", "{{pool}} {{platform}}"),),
                    "percentunit",
                    most=1,
                ),
                Panel("Nodes by pool", (Query(f"pool:llm_nodes:count{POOL}", "{{pool}} {{platform}}"),), stacked=True),
                Panel(
                    "Cost per hour by pool",
                    (Query(f"pool:llm_cost_usd_per_hour:sum{POOL}", "{{pool}} {{platform}}"),),
                    "currencyUSD",
                    stacked=True,
                ),
                Panel(
                    "Cost of free GPUs by pool",
                    (Query(f"pool:llm_idle_cost_usd_per_hour:sum{POOL}", "{{pool}} {{platform}}"),),
                    "currencyUSD",
                    stacked=True,
                ),
                Panel(
                    "Cost per hour by endpoint",
                    (
                        Query(
                            f"sum by (namespace, endpoint) (endpoint:llm_cost_usd_per_hour:sum{PLATFORM})",
                            "{{namespace}}/{{endpoint}}",
                        ),
                    ),
                    "currencyUSD",
                    stacked=True,
                ),
            ),
        ),
        (
            "Nodes that come and go",
            (
                Panel(
                    "Pods without a node",
                    (Query('sum by (namespace) (kube_pod_status_phase{phase="Pending"})', "{{namespace}}"),),
                ),
                Panel(
                    "Karpenter: nodes started and stopped per hour",
                    (
                        Query(
                            "sum by (nodepool) (increase(karpenter_nodes_created_total[1h]))", "{{nodepool}} started"
                        ),
                        Query(
                            "sum by (nodepool) (increase(karpenter_nodes_terminated_total[1h]))",
                            "{{nodepool}} stopped",
                        ),
                    ),
                    about="Empty with the Cluster Autoscaler.",
                ),
                Panel(
                    "Karpenter: errors of AWS per hour",
                    (
                        Query(
                            "sum by (method, error) (increase(karpenter_cloudprovider_errors_total[1h]))",
                            "{{method}} {{error}}",
                        ),
                    ),
                ),
                Panel(
                    "KEDA: load per replica that scaling sees",
                    (
                        Query(
                            "max by (namespace, scaledObject) (keda_scaler_metrics_value)",
                            "{{namespace}}/{{scaledObject}}",
                        ),
                    ),
                ),
                Panel(
                    "KEDA: errors per hour",
                    (
                        Query(
                            "sum by (namespace, scaledObject) (increase(keda_scaler_detail_errors_total[1h]))",
                            "{{namespace}}/{{scaledObject}}",
                        ),
                    ),
                ),
                Panel(
                    "Alerts",
                    (
                        Query(
                            'count by (alertname, severity) (ALERTS{alertstate="firing", platform=~"$platform"})',
                            "{{alertname}}",
                        ),
                    ),
                ),
            ),
        ),
    ),
)
