"""One endpoint: latency, queue, cache, tokens."""

from __future__ import annotations

from boards.shapes import Board, Panel, Query, Variable

HERE = '{namespace=~"$namespace", endpoint=~"$endpoint", model_name=~"$model_name"}'


def _quantiles(signal: str) -> tuple[Query, ...]:
    buckets = f"sum by (le, namespace, endpoint) (endpoint:llm_{signal}_bucket:rate5m{HERE})"
    return tuple(
        Query(f"histogram_quantile({quantile}, {buckets})", f"{{{{namespace}}}}/{{{{endpoint}}}} p{name}")
        for quantile, name in ((0.5, "50"), (0.95, "95"), (0.99, "99"))
    )


ENDPOINT = Board(
    uid="llm-endpoint",
    title="LLM endpoint",
    about="What callers of an endpoint feel, and what its engine does about it. The series are recorded per engine and "
    "release; a panel stays empty where the engine does not say.",
    variables=(
        Variable(
            "namespace",
            "Namespace",
            'label_values(endpoint:llm_gpus:sum{platform=~"$platform"}, namespace)',
            listed=True,
        ),
        Variable("endpoint", "Endpoint", 'label_values(endpoint:llm_gpus:sum{namespace=~"$namespace"}, endpoint)'),
        Variable(
            "model_name",
            "Model",
            'label_values(endpoint:llm_gpus:sum{namespace=~"$namespace", endpoint=~"$endpoint"}, model_name)',
        ),
    ),
    by_platform=True,
    rows=(
        (
            "Now",
            (
                Panel(
                    "Requests running",
                    (Query(f"sum(pod:llm_requests_running:sum{HERE})"),),
                    kind="stat",
                    width=4,
                ),
                Panel(
                    "Requests waiting",
                    (Query(f"sum(pod:llm_requests_waiting:sum{HERE})"),),
                    kind="stat",
                    yellow=1,
                    red=20,
                    width=4,
                ),
                Panel(
                    "KV cache used, fullest replica",
                    (Query(f"max(pod:llm_kv_cache_usage:max{HERE})"),),
                    "percentunit",
                    "stat",
                    yellow=0.8,
                    red=0.9,
                    width=4,
                ),
                Panel(
                    "Replicas with metrics",
                    (Query(f"count(pod:llm_requests_running:sum{HERE})"),),
                    kind="stat",
                    width=4,
                ),
                Panel(
                    "Cost per hour",
                    (Query(f"sum(endpoint:llm_cost_usd_per_hour:sum{HERE})"),),
                    "currencyUSD",
                    "stat",
                    "GPUs held by running pods, at the on-demand list price of their pool.",
                    width=4,
                ),
                Panel(
                    "Cost per million output tokens",
                    (
                        Query(
                            f"sum(endpoint:llm_cost_usd_per_hour:sum{HERE}) "
                            f"/ (sum(endpoint:llm_generation_tokens:rate5m{HERE}) * 3600 > 0) * 1e6"
                        ),
                    ),
                    "currencyUSD",
                    "stat",
                    "At the present load: an idle endpoint has no price per token.",
                    width=4,
                ),
            ),
        ),
        (
            "Latency",
            (
                Panel(
                    "Time to first token",
                    _quantiles("time_to_first_token_seconds"),
                    "s",
                    about="TGI does not measure it; see the time in the queue there.",
                ),
                Panel("Time between tokens", _quantiles("inter_token_latency_seconds"), "s"),
                Panel("Time of whole requests", _quantiles("request_latency_seconds"), "s"),
                Panel("Time in the queue", _quantiles("queue_time_seconds"), "s"),
            ),
        ),
        (
            "Load",
            (
                Panel(
                    "Requests running by replica",
                    (Query(f"sum by (namespace, endpoint, pod) (pod:llm_requests_running:sum{HERE})", "{{pod}}"),),
                    stacked=True,
                ),
                Panel(
                    "Requests waiting by replica",
                    (Query(f"sum by (namespace, endpoint, pod) (pod:llm_requests_waiting:sum{HERE})", "{{pod}}"),),
                    stacked=True,
                ),
                Panel(
                    "Tokens per second",
                    (
                        Query(
                            f"sum by (namespace, endpoint) (endpoint:llm_prompt_tokens:rate5m{HERE})",
                            "{{namespace}}/{{endpoint}} prompt",
                        ),
                        Query(
                            f"sum by (namespace, endpoint) (endpoint:llm_generation_tokens:rate5m{HERE})",
                            "{{namespace}}/{{endpoint}} generated",
                        ),
                    ),
                    "cps",
                ),
                Panel(
                    "Requests finished per second",
                    (
                        Query(
                            f"sum by (namespace, endpoint) (endpoint:llm_requests_finished:rate5m{HERE})",
                            "{{namespace}}/{{endpoint}}",
                        ),
                    ),
                    "reqps",
                ),
                Panel(
                    "Output tokens per second and GPU",
                    (
                        Query(
                            f"sum by (namespace, endpoint) (endpoint:llm_generation_tokens:rate5m{HERE}) "
                            f"/ (sum by (namespace, endpoint) (endpoint:llm_gpus:sum{HERE}) > 0)",
                            "{{namespace}}/{{endpoint}}",
                        ),
                    ),
                    "cps",
                ),
            ),
        ),
        (
            "Trouble",
            (
                Panel(
                    "KV cache used by replica",
                    (Query(f"max by (namespace, endpoint, pod) (pod:llm_kv_cache_usage:max{HERE})", "{{pod}}"),),
                    "percentunit",
                    yellow=0.8,
                    red=0.9,
                    most=1,
                ),
                Panel(
                    "Preemptions per second",
                    (
                        Query(
                            f"sum by (namespace, endpoint) (endpoint:llm_preemptions:rate5m{HERE})",
                            "{{namespace}}/{{endpoint}}",
                        ),
                    ),
                    about="KV cache that is thrown away and computed again; SGLang calls it retraction.",
                ),
                Panel(
                    "Share of requests that fail",
                    (
                        Query(
                            f"sum by (namespace, endpoint) (endpoint:llm_requests_failed:rate5m{HERE}) "
                            f"/ (sum by (namespace, endpoint) (endpoint:llm_requests_finished:rate5m{HERE}) > 0)",
                            "{{namespace}}/{{endpoint}}",
                        ),
                    ),
                    "percentunit",
                    about="Requests that callers gave up count too where the engine does not tell them apart.",
                    red=0.05,
                ),
                Panel(
                    "Alerts",
                    (
                        Query(
                            "count by (alertname) "
                            '(ALERTS{alertstate="firing", alertname=~"Llm.+", platform=~"$platform"})',
                            "{{alertname}}",
                        ),
                    ),
                ),
            ),
        ),
    ),
)
