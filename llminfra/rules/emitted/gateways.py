"""Pages of the findings that planning makes about gateways."""

from __future__ import annotations

from llminfra.rules.rule import LooksAt, emitted

_PLAN = LooksAt.PLAN
_PICKER = "Gateway API Inference Extension documentation: InferencePool, endpointPickerRef"

RULES = (
    emitted(
        "LLM_GW_1",
        "A gateway stands in front of endpoints of the same platform",
        looks_at=_PLAN,
        why="It routes to pods by their labels and opens their network policies, which only their platform can do.",
        fix="add the endpoint to the platform",
        source=(_PICKER,),
    ),
    emitted(
        "LLM_GW_2",
        "Endpoints behind a gateway run on GPU pools",
        looks_at=_PLAN,
        why="An endpoint picker chooses among pods. Endpoints on EC2 and SageMaker have addresses, TLS and "
        "authentication of their own.",
        fix="run the endpoint on a GpuPool, or call it directly",
        source=(_PICKER,),
    ),
    emitted(
        "LLM_GW_3",
        "An endpoint stands behind one gateway, once",
        looks_at=_PLAN,
        why="Two endpoint pickers would each know half of its queues and prefixes, and each hold requests while the "
        "other sends them.",
        fix="remove one of the two",
        source=("llm-d/llm-d-router docs/operations.md: active-active mode and prefix routing",),
    ),
    emitted(
        "LLM_GW_4",
        "A model name leads to one endpoint of a gateway",
        looks_at=_PLAN,
        why="The gateway knows of a request only the model that it names; of two routes with one name the first takes "
        "all.",
        fix="set served_name on one of the endpoints",
        source=("Envoy AI Gateway documentation: AIGatewayRoute, header x-ai-eg-model",),
    ),
    emitted(
        "LLM_GW_5",
        "A load balancer of a gateway speaks TLS under a name",
        looks_at=_PLAN,
        why="API keys, prompts and answers would cross the network in plain text; and a certificate is for a name, "
        "not for what AWS calls a load balancer.",
        fix="set hostname and certificate_arn",
        source=("AWS Well-Architected Framework: SEC09-BP02 Enforce encryption in transit",),
    ),
    emitted(
        "LLM_GW_6",
        "What is declared for a load balancer has one",
        looks_at=_PLAN,
        why="A gateway for the cluster alone has no load balancer: a hostname, a certificate, a web ACL or address "
        "blocks would be ignored, and callers would think they hold.",
        fix='remove them, or set exposure="internal"',
        source=("llminfra: Gateway.exposure",),
    ),
    emitted(
        "LLM_GW_7",
        "The certificate and the web ACL are in the platform's region",
        looks_at=_PLAN,
        why="Load balancers take certificates and web ACLs of their own region only; the apply would fail.",
        fix="request or import the certificate, and make the web ACL, in the platform's region",
        source=(
            "AWS Certificate Manager User Guide: Services integrated with ACM, supported Regions",
            "AWS WAF API Reference: AssociateWebACL",
        ),
    ),
    emitted(
        "LLM_GW_10",
        "Something tells the callers of each tenant from others",
        looks_at=_PLAN,
        why="A tenant that nobody can be has limits that hold for nobody.",
        fix="name the secret with its API key, or use oidc",
        source=("Envoy Gateway documentation: API key authentication",),
    ),
    emitted(
        "LLM_GW_11",
        "A public gateway has public subnets",
        looks_at=_PLAN,
        why="A load balancer that faces the internet needs subnets with a route to an internet gateway.",
        fix="use a network with NAT, which has public subnets, or an internal gateway",
        source=("Application Load Balancers User Guide: subnets for your load balancer",),
    ),
    emitted(
        "LLM_GW_14",
        "The only way in is the only one",
        looks_at=_PLAN,
        why="Callers that go past the gateway have no limits, and take the GPUs from those who have.",
        fix="remove allow_from_namespaces, or set only_way_in=False",
        source=("llminfra: Gateway.only_way_in",),
    ),
    emitted(
        "LLM_GW_15",
        "Tenants of a gateway differ in name and credential",
        looks_at=_PLAN,
        why="Two tenants with one key are one: whichever is found first pays for both.",
        fix="give each tenant a name, a key or a claim of its own",
        source=("Envoy Gateway documentation: API key authentication, client ids",),
    ),
)
