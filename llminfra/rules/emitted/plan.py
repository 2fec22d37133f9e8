"""Pages of the findings that planning makes about working hours, storage and cost."""

from __future__ import annotations

from llminfra.diagnostics import Severity
from llminfra.rules.rule import LooksAt, emitted

_PLAN = LooksAt.PLAN

RULES = (
    emitted(
        "LLM_REF_7",
        "Working hours are by the clock of a time zone that there is",
        looks_at=_PLAN,
        why="KEDA looks the zone up each time it asks. One that it does not know is an error of that trigger alone: "
        "the hours never come, and an endpoint that sleeps outside of them never wakes.",
        fix="name a zone of the IANA time zone database, such as Europe/Berlin",
        source=("kedacore/keda@8b4f083c pkg/scalers/cron_scaler.go: LoadLocation", "IANA time zone database"),
        seen=("unable to load timezone: unknown time zone",),
    ),
    emitted(
        "LLM_STO_20",
        "FSx for Lustre comes in this size",
        looks_at=_PLAN,
        why="FSx refuses other sizes.",
        fix="use one of the two sizes that the finding names",
        source=("aws_fsx_lustre_file_system provider documentation: storage_capacity",),
    ),
    emitted(
        "LLM_STO_21",
        "A file system lies in the zone of the pools that read it",
        looks_at=_PLAN,
        why="Reading from another zone is slower, billed by the GB, and ends when either zone does.",
        fix="set the zone of the file system or of the pool",
        source=("aws/aws-eks-best-practices latest/bpg/aiml/aiml_storage.adoc", "vllm-project/ci-infra#493"),
    ),
    emitted(
        "LLM_COST_1",
        "At full size the platform stays within its budget",
        looks_at=_PLAN,
        why="Autoscaling goes to the maximum of every pool under load or attack.",
        fix="lower the maximum of the pool that the finding names, or raise the budget",
        source=("OWASP LLM10:2025 unbounded consumption: denial of wallet",),
    ),
    emitted(
        "LLM_COST_2",
        "The budget can be proved",
        severity=Severity.WARNING,
        looks_at=_PLAN,
        why="A sum that leaves out what has no price stays below any budget. Packaged prices are those that public "
        "records state: nearly all of us-east-1, few of other regions.",
        fix="run `llminfra catalog refresh --region …` and set LLMINFRA_PRICES: it asks AWS for instances and for all "
        "services that a plan counts; for what AWS's price list does not tell, such as model units of Bedrock, leave "
        "room in the budget and waive this rule with the reason",
        source=("llminfra: _note in catalog/data/prices.json",),
    ),
)
