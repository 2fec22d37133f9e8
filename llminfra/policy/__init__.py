"""Policy: the rules and checkov on a platform, waivers and baseline applied, as one report in many formats.

``preload`` starts checkov's import while stacks are synthesized; ``check`` makes the report; ``check_plan_file`` guards
a real Terraform plan; ``propose_fixes`` turns mechanical fixes into a diff of the spec.
"""

from __future__ import annotations

from llminfra.policy.baseline import baseline_of, dump_baseline
from llminfra.policy.change import check_plan_file
from llminfra.policy.checker import check, preload
from llminfra.policy.fixes import Proposal, propose_fixes
from llminfra.policy.report import EngineRun, PolicyFinding, PolicyReport, Status

__all__ = [
    "EngineRun",
    "PolicyFinding",
    "PolicyReport",
    "Proposal",
    "Status",
    "baseline_of",
    "check",
    "check_plan_file",
    "dump_baseline",
    "preload",
    "propose_fixes",
]
