"""Pages of the findings that loading a spec makes: shape, names, references, syntax."""

from __future__ import annotations

from llminfra.diagnostics import Severity
from llminfra.rules.rule import LooksAt, emitted

_PYDANTIC = "pydantic: validation with extra=forbid"
_NAMES = "Kubernetes documentation: object names and IDs; AWS IAM and EKS naming limits"

RULES = (
    emitted(
        "LLM_SPEC_1",
        "A field has a value of the right type and range",
        why="A value of the wrong shape would become a wrong resource, or an error of Terraform far from its cause.",
        fix="change the value to what the finding names under `expected`",
        source=(_PYDANTIC,),
    ),
    emitted(
        "LLM_SPEC_2",
        "Every field is one that the type has",
        why="A mistyped field would otherwise be a wish that nobody hears, such as effa=True.",
        fix="correct the name; the finding suggests the nearest",
        source=(_PYDANTIC,),
    ),
    emitted(
        "LLM_SPEC_3",
        "Fields without a default are given",
        why="llminfra fills in what a careful team would choose, and does not guess what only you know.",
        fix="add the field",
        source=(_PYDANTIC,),
    ),
    emitted(
        "LLM_SPEC_4",
        "Names are unique among objects of a kind, and entries of a list stand once",
        why="Names become addresses in Terraform and Kubernetes: the second object would replace the first. Of zones, "
        "address blocks and roles AWS makes a set, or refuses the second.",
        fix="rename or remove one of the two",
        source=(_NAMES,),
    ),
    emitted(
        "LLM_SPEC_5",
        "The spec file can be read",
        why="A file with a syntax error declares nothing that could be checked.",
        fix="correct the line that the finding names",
        source=("Python language reference; YAML 1.2 specification",),
    ),
    emitted(
        "LLM_SPEC_6",
        "The spec file runs to its end",
        why="An exception in the middle of a Python spec leaves half a platform.",
        fix="correct the line, or install the module that is missing",
        source=("Python language reference: exceptions",),
    ),
    emitted(
        "LLM_SPEC_7",
        "The spec declares a platform",
        why="A file without a Platform would synthesize nothing and look like success.",
        fix="build a llminfra.Platform in the file; in YAML give name and region, or platforms",
        source=("llminfra: a spec is every Platform that a file builds",),
    ),
    emitted(
        "LLM_SPEC_8",
        "A setting is read where it stands",
        severity=Severity.WARNING,
        looks_at=LooksAt.PLAN,
        why="A field that counts on one target and is nothing on another would look like a wish that was heard: a "
        "layout of EFA interfaces on nodes without EFA, the liveness check of a server that SageMaker watches its own "
        "way, a dashboard without the cluster that would show it.",
        fix="leave the field out, or declare what `expected` names",
        source=("llminfra: no field of a spec is ignored without a word",),
    ),
    emitted(
        "LLM_SPEC_9",
        "What a spec builds belongs to a platform",
        severity=Severity.WARNING,
        why="An endpoint that was built and not added is in no stack, and nothing else says so: the plan is right, and "
        "lacks it.",
        fix="give it to the platform, by platform.add or in the list of its kind, or remove it",
        source=("llminfra: a spec is every Platform that a file builds",),
    ),
    emitted(
        "LLM_SEC_1",
        "Credentials are named, never written",
        why="A token in the spec is a token in git, in the Terraform state and in the Helm values, and it stays there.",
        fix="store the value in AWS Secrets Manager, rotate it, and name it with Secret(name=…)",
        source=("OWASP LLM02:2025 sensitive information disclosure", "vllm-project/production-stack#14"),
    ),
    emitted(
        "LLM_SEC_42",
        "An API key reaches an engine that asks for it",
        looks_at=LooksAt.PLAN,
        why="TensorRT-LLM's server and DJL Serving have no option for a key: the endpoint would look protected in the "
        "spec, and answer whoever reaches its port.",
        fix="leave api_key out and put a Gateway with tenants in front, or use an engine that checks keys",
        source=(
            "NVIDIA/TensorRT-LLM#9950",
            "deepjavalibrary/djl-serving@28134275 serving/docs/configurations_global.md",
        ),
    ),
    emitted(
        "LLM_REF_1",
        "An endpoint runs on a pool of its own platform",
        why="Another platform's pool is another cluster: the pod would wait for nodes that never come.",
        fix="add the pool to the platform, or name one of its pools",
        source=("llminfra: a platform is one cluster in one region",),
    ),
    emitted(
        "LLM_REF_2",
        "Weights lie on storage of the same platform",
        why="llminfra grants access and mounts only what the platform declares.",
        fix="add the storage to the platform; existing=True where it is already there",
        source=("llminfra: a platform is one cluster in one region",),
    ),
    emitted(
        "LLM_REF_3",
        "A name in a YAML spec refers to something declared",
        why="YAML has names where Python has objects; a name without an object would be nothing.",
        fix="declare the object, or correct the name",
        source=("llminfra: YAML specs refer by name",),
    ),
    emitted(
        "LLM_REF_4",
        "References do not go in a circle",
        why="An object that is defined by itself has no value.",
        fix="let one of them stand on its own",
        source=("YAML 1.2 specification: aliases; llminfra: extends",),
    ),
)
