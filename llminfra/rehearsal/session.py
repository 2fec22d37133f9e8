"""One stack's way through the steps, within a rehearsal."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llminfra.rehearsal.attach import Attachment
from llminfra.rehearsal.report import Event, Finding, StackReport, Step, StepName
from llminfra.rehearsal.stacks import Prepared
from llminfra.rehearsal.terraform import Binary, Run, run
from llminfra.rehearsal.world import WorldStore

_PLAN_FILE = "rehearsal.tfplan"
# What init says because the mirror exists for the rehearsal only.
_NOISE = frozenset({"Incomplete lock file information for providers"})
_DONE = {"create": "created", "update": "changed", "delete": "destroyed", "read": "read"}


@dataclass(slots=True)
class Session:
    """What all stacks of a rehearsal share; ``one_by_one`` turns Terraform's parallelism off."""

    binary: Binary
    configuration: Path
    attachments: Mapping[str, Attachment]
    world: WorldStore
    on_event: Callable[[Event], None] | None
    one_by_one: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def emit(self, event: Event) -> None:
        """Report progress, one event at a time."""
        if self.on_event is not None:
            with self.lock:
                self.on_event(event)

    def terraform(
        self,
        arguments: Sequence[str],
        prepared: Prepared,
        on_message: Callable[[Mapping[str, Any]], None] | None = None,
        *,
        attached: bool = True,
    ) -> Run:
        """Run a command with the mirror and, after ``init``, with the running providers."""
        variables = {"TF_CLI_CONFIG_FILE": str(self.configuration)}
        attachment = self.attachments.get(str(prepared.directory))
        if attachment is not None:
            variables.update(attachment.backend)
            if attached:
                variables["TF_REATTACH_PROVIDERS"] = attachment.providers
        if self.one_by_one and arguments[0] in ("plan", "apply", "destroy"):
            # The same order of calls every time, so that a seed means the same faults.
            arguments = [arguments[0], "-parallelism=1", *arguments[1:]]
        return run(self.binary, arguments, prepared.directory, variables, on_message)


class StackRun:
    """One stack: every step records its time and its findings."""

    def __init__(self, session: Session, prepared: Prepared) -> None:
        self._session = session
        self._prepared = prepared
        self._steps: list[Step] = []
        self._findings: list[Finding] = list(prepared.findings)
        self.changes: list[Mapping[str, Any]] = []
        self.touched = False

    @property
    def name(self) -> str:
        """Stack name."""
        return self._prepared.stack.name

    @property
    def prepared(self) -> Prepared:
        """The working copy."""
        return self._prepared

    @property
    def ok(self) -> bool:
        """Whether nothing has failed so far."""
        return all(step.ok for step in self._steps) and not any(item.severity == "error" for item in self._findings)

    def dependencies(self, runs: Sequence[StackRun]) -> tuple[str, ...]:
        """Stacks of this rehearsal that come first."""
        names = {item.name for item in runs}
        return tuple(name for name in self._prepared.stack.dependencies if name in names)

    def report(self) -> StackReport:
        """What happened to the stack."""
        return StackReport(
            name=self.name,
            resources=self._prepared.stack.resource_count(),
            steps=tuple(self._steps),
            findings=tuple(dict.fromkeys(self._findings)),
        )

    def init(self) -> bool:
        """Install the simulated providers from the mirror; version constraints are the stack's own."""
        if not self.ok:
            return False
        return self._step("init", ["init", "-input=false", "-no-color", "-json"], attached=False)

    def validate(self) -> bool:
        """Terraform's own check of every argument, type and reference."""
        return self._step("validate", ["validate", "-json", "-no-color"])

    def apply(self, attempts: int = 1) -> bool:
        """Plan and apply; with faults again until it goes through."""
        self.touched = True
        for attempt in range(1, attempts + 1):
            last = attempt == attempts
            plan = ["plan", "-input=false", "-json", f"-out={_PLAN_FILE}"]
            if not self._step("plan", plan, attempts=attempt, final=last):
                continue
            if self._step("apply", ["apply", "-input=false", "-json", _PLAN_FILE], attempts=attempt, final=last):
                return True
        return False

    def plan_only(self, *, final: bool = True) -> bool:
        """Plan without applying; a failure is a finding where no later plan could go through (``final``)."""
        return self._step("plan", ["plan", "-input=false", "-json", f"-out={_PLAN_FILE}"], final=final)

    def apply_plan(self) -> bool:
        """Apply what ``plan_only`` planned."""
        self.touched = True
        return self._step("apply", ["apply", "-input=false", "-json", _PLAN_FILE])

    def second_plan(self, attempts: int = 1) -> bool:
        """A plan right after the apply must be empty."""
        for attempt in range(1, attempts + 1):
            plan = ["plan", "-input=false", "-json", "-detailed-exitcode"]
            if self._step("second plan", plan, attempts=attempt, final=attempt == attempts):
                return True
        return False

    def destroy(self, attempts: int = 1) -> bool:
        """Destroy everything the stack made."""
        for attempt in range(1, attempts + 1):
            arguments = ["destroy", "-input=false", "-auto-approve", "-json"]
            if self._step("destroy", arguments, attempts=attempt, final=attempt == attempts):
                return True
        return False

    def show_plan(self) -> Mapping[str, Any]:
        """The plan file as JSON."""
        import json  # only for change reports

        done = self._session.terraform(["show", "-json", _PLAN_FILE], self._prepared)
        start = done.text.find("{")
        data: Mapping[str, Any] = json.loads(done.text[start:]) if start >= 0 else {}
        return data

    def _step(
        self, name: StepName, arguments: Sequence[str], *, attempts: int = 1, final: bool = True, attached: bool = True
    ) -> bool:
        self._session.emit(Event(kind="step_started", stack=self.name, step=name))
        started = time.monotonic()
        done = self._session.terraform(
            arguments, self._prepared, lambda message: self._progress(name, message, started), attached=attached
        )
        seconds = time.monotonic() - started
        findings = [self._finding(name, item) for item in done.diagnostics if item.get("summary") not in _NOISE]
        if name == "second plan" and done.exit_code == 2:
            findings += self._not_empty(done)
        ok = done.ok and not any(item.severity == "error" for item in findings)
        if not done.ok and not any(item.severity == "error" for item in findings):
            findings.append(self._unexplained(name, done))
        self._session.emit(Event(kind="step_finished", stack=self.name, step=name, ok=ok, seconds=seconds))
        if name == "plan":
            self.changes = done.changes
        if not ok and not final:
            return False
        if attempts > 1:
            self._steps = [step for step in self._steps if step.name != name]
        # Warnings repeat at every step: the first mention stays.
        seen = {(item.severity, item.summary, item.detail, item.address) for item in self._findings}
        self._findings += [x for x in findings if (x.severity, x.summary, x.detail, x.address) not in seen]
        self._steps.append(
            Step(
                name=name,
                ok=ok,
                seconds=round(seconds, 3),
                added=int(done.summary.get("add", 0)),
                changed=int(done.summary.get("change", 0)),
                removed=int(done.summary.get("remove", 0)),
                attempts=attempts,
            )
        )
        return ok

    def _progress(self, step: StepName, message: Mapping[str, Any], started: float) -> None:
        kind = message.get("type")
        if kind not in ("apply_complete", "apply_errored"):
            return
        hook = message.get("hook", {})
        self._session.emit(
            Event(
                kind="resource",
                stack=self.name,
                step=step,
                address=hook.get("resource", {}).get("addr", ""),
                action=_DONE.get(hook.get("action", ""), hook.get("action", "")),
                ok=kind == "apply_complete",
                seconds=time.monotonic() - started,
            )
        )

    def _finding(self, step: StepName, diagnostic: Mapping[str, Any]) -> Finding:
        address = str(diagnostic.get("address") or _address_in(diagnostic))
        return Finding(
            severity="error" if diagnostic.get("severity") == "error" else "warning",
            stack=self.name,
            step=step,
            summary=str(diagnostic.get("summary", "")),
            detail=str(diagnostic.get("detail", "")).replace(str(self._prepared.directory), "."),
            address=address,
            spec_path=self._prepared.stack.spec_path(address) if address else "",
        )

    def _not_empty(self, done: Run) -> list[Finding]:
        found = []
        for change in done.changes:
            address = str(change.get("resource", {}).get("addr", ""))
            found.append(
                Finding(
                    severity="error",
                    stack=self.name,
                    step="second plan",
                    summary=f"the plan after the apply is not empty: {change.get('action')}",
                    detail="the stack would change again at every run",
                    address=address,
                    spec_path=self._prepared.stack.spec_path(address),
                )
            )
        if not found:
            text = "only outputs differ"
            summary = "the plan after the apply is not empty"
            found.append(Finding(severity="error", stack=self.name, step="second plan", summary=summary, detail=text))
        return found

    def _unexplained(self, step: StepName, done: Run) -> Finding:
        return Finding(
            severity="error",
            stack=self.name,
            step=step,
            summary=f"{self._session.binary.name} ended with exit code {done.exit_code}",
            detail=done.text.strip()[-2000:].replace(str(self._prepared.directory), "."),
        )


def _address_in(diagnostic: Mapping[str, Any]) -> str:
    """The address in a diagnostic's snippet: `resource.aws_vpc.main` or `data.aws_region.current`."""
    snippet = diagnostic.get("snippet") or {}
    context = str(snippet.get("context") or "")
    parts = context.split(".")
    if parts[0] == "resource" and len(parts) >= 3:
        return ".".join(parts[1:3])
    if parts[0] == "data" and len(parts) >= 3:
        return ".".join(parts[:3])
    return ""
