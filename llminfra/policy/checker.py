"""``check``: own rules and checkov on plans, synthesized stacks and rendered objects; one report."""

from __future__ import annotations

import datetime as dt
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from llminfra import __version__
from llminfra.diagnostics import ToolError
from llminfra.loading.wording.origins import origin_of
from llminfra.loading.wording.told import text_as_declared
from llminfra.policy.baseline import apply_baseline, read_baseline
from llminfra.policy.checkov_facts import is_checkov_code
from llminfra.policy.checkov_findings import checkov_findings
from llminfra.policy.checkov_process import CheckovAnswer, CheckovProcess, available
from llminfra.policy.locate import argument_line
from llminfra.policy.own_findings import by_rule, from_diagnostic, from_finding
from llminfra.policy.rendered import Rendered, render_releases, write_objects
from llminfra.policy.report import EngineRun, PolicyFinding, PolicyReport, ordered
from llminfra.policy.waivers import apply_waivers
from llminfra.rules import LooksAt, rules, run_kubernetes, run_plan, run_terraform
from llminfra.rules.plans.existing_cluster import UNKNOWN_ALONE
from llminfra.rules.user import load_rules
from llminfra.rules.views.terraform_view import Stacks, read_synth_dir

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan
    from llminfra.rules.rule import Rule

_NO_CHECKOV = "checkov: it is not installed (pip install 'llminfra[policy]'); only llminfra's own rules ran"


@dataclass(frozen=True, slots=True)
class _Checkov:
    findings: list[PolicyFinding]
    not_run: list[str]
    run: EngineRun | None


def preload(python: str | None = None) -> CheckovProcess | None:
    """Start checkov's import beside the work that comes first; hand the result to ``check``.

    Returns:
        The process, which ``check`` ends (close it yourself if you do not call it); ``None`` without checkov.
    """
    return CheckovProcess(python) if available(python) else None


def check(
    plans: Sequence[Plan],
    synth_dir: Path,
    *,
    use_checkov: bool = True,
    external_dirs: Sequence[Path] = (),
    baseline: Path | None = None,
    today: dt.date | None = None,
    checkov: CheckovProcess | None = None,
) -> PolicyReport:
    """Check platforms: the plans, and what was synthesized from them.

    Args:
        plans: Plans of all platforms in the folder.
        synth_dir: Folder that ``llminfra synth`` wrote.
        use_checkov: Whether checkov runs too.
        external_dirs: Folders of the application with rules (``*.py``) and checkov policies (``*.yaml``, ``*.json``).
        baseline: File with findings that are known.
        today: Day to judge waivers by; ``None``: the day it is, UTC.
        checkov: A process that ``preload`` started; it is ended in any case.

    Raises:
        UsageError: The folder, the baseline or an own rule cannot be read.
    """
    try:
        extra = load_rules(external_dirs)
        stacks = read_synth_dir(synth_dir)
        started = time.perf_counter()
        active = (*rules(), *extra)
        titles = {item.code: item for item in active}
        # Helm's processes run beside the rules that do not wait for them.
        with ThreadPoolExecutor(1) as pool:
            rendering = pool.submit(render_releases, stacks, synth_dir)
            found = _on_plans_and_stacks(plans, stacks, active, titles)
            rendered = rendering.result()
        found += _on_objects(rendered, active, titles)
        counted = [f"{len(each)} {noun}{'s' * (len(each) != 1)}" for each, noun in ((plans, "plan"), (stacks, "stack"))]
        own_run = EngineRun(
            engine="llminfra",
            version=__version__,
            subject=f"{', '.join(counted)}, {len(rendered.objects)} Kubernetes objects",
            seconds=round(time.perf_counter() - started, 3),
        )
        theirs = (
            _checkov(checkov, stacks, synth_dir, rendered, external_dirs, found)
            if use_checkov
            else _Checkov([], ["checkov: left out by request"], None)
        )
    finally:
        if checkov is not None:
            checkov.close()
    names = sorted((plan.platform.name for plan in plans), key=len, reverse=True)
    placed = [_placed(item, names, plans) for item in (*found, *theirs.findings)]
    kubernetes_ran = len(rendered.objects) > 0

    def judged(code: str) -> bool:
        if is_checkov_code(code):
            return theirs.run is not None
        rule = titles.get(code)
        if rule is None:
            return theirs.run is not None
        if rule.looks_at is LooksAt.CHANGE or (code in UNKNOWN_ALONE and any(plan.installed_by for plan in plans)):
            return False  # where the maker's spec is here, too, a team's waivers are for checks of its own spec alone
        return rule.looks_at is not LooksAt.KUBERNETES or kubernetes_ran

    accepted = apply_waivers(
        placed,
        [plan.platform for plan in plans],
        today=today or dt.datetime.now(tz=dt.UTC).date(),
        judged=judged,
        known=lambda code: code in titles or is_checkov_code(code) or bool(external_dirs),
    )
    accepted = [_as_declared(item, plans) for item in accepted]
    if baseline is not None:
        accepted = apply_baseline(accepted, read_baseline(baseline))
    return PolicyReport(
        findings=ordered(accepted),
        not_run=(*rendered.not_run, *theirs.not_run),
        runs=tuple(run for run in (own_run, theirs.run) if run is not None),
        rules_run=sum(1 for item in active if item.check is not None),
    )


def _on_plans_and_stacks(
    plans: Sequence[Plan], stacks: Stacks, active: Sequence[Rule], titles: dict[str, Rule]
) -> list[PolicyFinding]:
    found = [
        from_diagnostic(item, titles, platform=plan.platform.name)
        for plan in plans
        for item in (*plan.diagnostics, *run_plan(plan, active))
    ]
    return found + [from_finding(item, titles) for item in run_terraform(stacks, active)]


def _on_objects(rendered: Rendered, active: Sequence[Rule], titles: dict[str, Rule]) -> list[PolicyFinding]:
    refused = [
        by_rule(
            "LLM_SRV_74",
            f"Helm does not render release {release.name}",
            spec_path=release.spec_path,
            stack=release.stack,
            address=release.address,
            found=reason,
            expected="values that the chart's schema allows",
            runtime_message=reason,
            synth_file=release.file,
        )
        for release, reason in rendered.refused
    ]
    return [from_finding(item, titles) for item in run_kubernetes(rendered.objects, active)] + refused


def _placed(item: PolicyFinding, names: Sequence[str], plans: Sequence[Plan]) -> PolicyFinding:
    """The finding with its platform, spec file and the line of the argument."""
    name = item.platform or next((name for name in names if item.stack.startswith(f"{name}-")), "")
    if not name and len(names) == 1:
        name = names[0]
    plan = next((plan for plan in plans if plan.platform.name == name), None)
    file, line = item.file, item.line
    if file is None and plan is not None:
        file, line = origin_of(plan.platform, item.spec_path) or (None, None)
    if file is not None and line is not None:
        line = argument_line(file, line, item.spec_path)
    return replace(item, platform=name, file=file, line=line)


def _as_declared(item: PolicyFinding, plans: Sequence[Plan]) -> PolicyFinding:
    """The finding in the words of the spec's file, which checks of stacks and objects do not know."""
    platform = next((plan.platform for plan in plans if plan.platform.name == item.platform), None)
    if platform is None:
        return item

    def told(text: str) -> str:
        return text_as_declared(platform, text, item.spec_path)

    return replace(
        item,
        message=told(item.message),
        found=told(item.found),
        expected=told(item.expected),
        fix=told(item.fix),
    )


def _checkov(
    process: CheckovProcess | None,
    stacks: Stacks,
    synth_dir: Path,
    rendered: Rendered,
    external_dirs: Sequence[Path],
    own: Sequence[PolicyFinding],
) -> _Checkov:
    started = time.perf_counter()
    try:
        running = process or preload()
        if running is None:
            return _Checkov([], [_NO_CHECKOV], None)
        with running, tempfile.TemporaryDirectory(prefix="llminfra-") as scratch:
            files = [str((synth_dir / stack.file).resolve()) for stack in stacks]
            objects = write_objects(rendered.objects, Path(scratch))
            answer = running.run(
                terraform_json=files,
                kubernetes=list(objects),
                secrets=files,
                external_dirs=[str(item.resolve()) for item in external_dirs],
            )
            found = checkov_findings(answer.records, stacks, synth_dir, objects, own)
    except ToolError as error:
        return _Checkov([], [f"checkov: {error}"], None)
    return _Checkov(found, [f"checkov: {item}" for item in answer.problems], _run(answer, started))


def _run(answer: CheckovAnswer, started: float) -> EngineRun:
    return EngineRun(
        engine="checkov",
        version=answer.version,
        subject=f"{', '.join(answer.frameworks)}: {answer.passed} checks passed, {len(answer.records)} failed",
        seconds=round(time.perf_counter() - started, 3),
    )
