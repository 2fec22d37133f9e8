"""Pages of the findings that the policy check itself makes: waivers, broken rules, and changes to what is there."""

from __future__ import annotations

from llminfra.diagnostics import Severity
from llminfra.rules.rule import LooksAt, emitted

_SHOW = "HashiCorp Terraform documentation: JSON output format, resource_changes"
_CHANGE = LooksAt.CHANGE

RULES = (
    emitted(
        "LLM_RULE_1",
        "Every rule runs to its end",
        why="A rule that ends in an exception has checked nothing, and nothing must not look like approval.",
        fix="correct the rule's function; its code and the exception are in the finding",
        source=("llminfra: a failed check is a finding",),
    ),
    emitted(
        "LLM_SRV_74",
        "Charts accept the values of their releases",
        looks_at=LooksAt.KUBERNETES,
        why="Helm refuses values that the chart's schema does not allow, and the apply ends there, halfway.",
        fix="correct the value that Helm names; where you did not override anything, report it as a bug of llminfra",
        source=("Helm documentation: schema files",),
    ),
    emitted(
        "LLM_WAIVER_1",
        "No waiver has expired",
        why="A risk was accepted until a date. After it, someone must look again.",
        fix="remove the waiver and fix the finding, or have its owner extend it",
        source=("llminfra: waivers have an end",),
    ),
    emitted(
        "LLM_WAIVER_2",
        "Every waiver waives something",
        why="A waiver that matches nothing hides the next finding of its kind, which nobody has accepted.",
        fix="remove it, or correct its rule and scope",
        source=("llminfra: waivers are part of the declaration",),
    ),
    emitted(
        "LLM_WAIVER_3",
        "A waiver names a rule that exists",
        why="A mistyped code waives nothing.",
        fix="correct the code; `llminfra explain --list` shows all",
        source=("llminfra: one registry of rules",),
    ),
    emitted(
        "LLM_WAIVER_4",
        "Waivers are reviewed within a year",
        severity=Severity.WARNING,
        why="An acceptance for many years is a decision that nobody revisits.",
        fix="set an expiry within 366 days",
        source=("ISO/IEC 27001:2022, 6.1.3: risk acceptance is reviewed",),
    ),
    emitted(
        "LLM_GUARD_1",
        "An apply does not destroy what holds data or cannot be had again",
        looks_at=_CHANGE,
        why="A bucket of weights, a file system, a KMS key, a cluster: destroying one of them is an outage of hours or "
        "for ever.",
        fix="find out why Terraform wants to destroy it; where it is meant, waive this rule for the address",
        source=(_SHOW,),
    ),
    emitted(
        "LLM_GUARD_2",
        "An apply does not replace what holds data or cannot be had again",
        looks_at=_CHANGE,
        why="A replacement is a destroy first. The finding names the argument that forces it.",
        fix="undo the change of the argument, or migrate first and waive this rule for its spec path or address",
        source=(_SHOW,),
    ),
    emitted(
        "LLM_GUARD_3",
        "An apply does not take away or replace what serves",
        severity=Severity.WARNING,
        looks_at=_CHANGE,
        why="A replaced node group takes its replicas with it, and on a full reservation the new one finds no "
        "capacity.",
        fix="apply it in a maintenance window, one pool at a time, and waive this rule for the pool until then",
        source=(_SHOW, "terraform-aws-modules/terraform-aws-eks#2508"),
    ),
    emitted(
        "LLM_GUARD_4",
        "An apply does not name another key for the secrets of a cluster",
        looks_at=_CHANGE,
        why="A cluster keeps the key that it was first given. The provider calls nothing for such an update, so that "
        "each plan shows it again, while the old key may be on its way to be deleted, and the cluster with it.",
        fix="leave the key as it was, or make a cluster of another name and move to it",
        source=(
            "hashicorp/terraform-provider-aws internal/service/eks/cluster.go: resourceClusterUpdate",
            "eksctl: 'KMS encryption is already enabled with key …, changing the key is not supported'",
        ),
    ),
    emitted(
        "LLM_GUARD_5",
        "An update does not leave callers without an answer",
        severity=Severity.WARNING,
        looks_at=_CHANGE,
        why="The only replica stops before the next one has loaded, which takes a whole cold start; adapters of "
        "another model do not load at all.",
        fix="have two replicas while it changes, or GPUs to spare for a second one; where an interruption is "
        "acceptable, waive this rule for the endpoint",
        source=("Kubernetes documentation: Deployments, max surge and max unavailable",),
    ),
    emitted(
        "LLM_GUARD_6",
        "An upgrade of the control plane is for good",
        severity=Severity.INFO,
        looks_at=_CHANGE,
        why="EKS has no way back to an earlier Kubernetes version.",
        fix="try the version on a cluster that nobody calls; nothing has to change in the spec",
        source=("Amazon EKS user guide: Update existing cluster to new Kubernetes version",),
    ),
    emitted(
        "LLM_GUARD_7",
        "A control plane goes up by one minor version at a time",
        looks_at=_CHANGE,
        why="EKS refuses to skip a minor version or to go back, and the apply ends there.",
        fix="set the next minor version, apply, and go on from there",
        source=("Amazon EKS user guide: Update existing cluster to new Kubernetes version",),
    ),
    emitted(
        "LLM_GUARD_8",
        "What the new spec lacks does not stay in AWS",
        severity=Severity.WARNING,
        looks_at=_CHANGE,
        why="Terraform sees a stack only where it is synthesized. One that is not any more stays, and so does its "
        "bill.",
        fix="destroy the stack with what the old spec was synthesized to, and waive this rule for STACK/* until then",
        source=(_SHOW,),
    ),
    emitted(
        "LLM_GUARD_9",
        "Callers keep model names, address and their way in",
        looks_at=_CHANGE,
        why="Applications send a model name to an address, with a key. Where one of the three goes, every request "
        "fails from then on, until each application was changed.",
        fix="keep the name with Endpoint(served_name=…), or the endpoint beside its successor until nobody calls it; "
        "where callers know, waive this rule for the endpoint",
        source=("vLLM documentation: OpenAI-compatible server, --served-model-name",),
    ),
    emitted(
        "LLM_GUARD_10",
        "Definitions keep up with the chart that they came with",
        severity=Severity.INFO,
        looks_at=_CHANGE,
        why="Helm installs what lies in a chart's folder crds/ with the first release and changes it never again. A "
        "controller of a newer chart then works with fields that the cluster does not know: it drops them, or does not "
        "start.",
        fix="apply the chart's definitions before its release, with the command that the finding has",
        source=("Helm documentation: Custom Resource Definitions", "Helm documentation: helm show crds"),
    ),
    emitted(
        "LLM_GUARD_11",
        "Nodes of a GPU pool are replaced in place",
        severity=Severity.INFO,
        looks_at=_CHANGE,
        why="Another image, disk, reservation or Kubernetes version of a managed node group rolls through its nodes. "
        "Pods are evicted, and load their model anew on the next node.",
        fix="have two replicas or more on the pool while it rolls, and a node to spare; nothing has to change in the "
        "spec",
        source=("Amazon EKS user guide: Understand each phase of node updates",),
    ),
)
