"""What a rehearsal found: frozen values with a JSON form."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from llminfra.rules.changes.planned import ChangeAction

StepName = Literal["prepare", "init", "validate", "plan", "apply", "second plan", "destroy", "world"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Progress: a step of a stack began or ended, or a resource was done.

    Attributes:
        kind: What happened.
        stack: Stack name.
        step: Step of the stack.
        address: Terraform address, for ``resource`` events.
        action: What was done to the resource.
        ok: Whether it went well.
        seconds: Time since the step began.
    """

    kind: Literal["step_started", "step_finished", "resource", "fault"]
    stack: str
    step: StepName
    address: str = ""
    action: str = ""
    ok: bool = True
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One diagnostic, in Terraform's own words.

    Attributes:
        severity: ``error`` stops the stack.
        stack: Stack name.
        step: Where it came up.
        summary: Terraform's first line.
        detail: Terraform's explanation.
        address: Address of the resource, empty where Terraform names none.
        spec_path: Place in the spec that caused the resource, or its construct path.
    """

    severity: Literal["error", "warning"]
    stack: str
    step: StepName
    summary: str
    detail: str = ""
    address: str = ""
    spec_path: str = ""

    def __str__(self) -> str:
        where = f" ({self.address})" if self.address else ""
        text = f"{self.severity.capitalize()}: {self.summary}{where}"
        if self.detail:
            text += f"\n  {self.detail}"
        if self.spec_path:
            text += f"\n  from the spec: {self.spec_path}"
        return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of one stack.

    Attributes:
        name: The step.
        ok: Whether it went through.
        seconds: How long it took.
        added: Resources created or planned to be.
        changed: Resources changed in place.
        removed: Resources destroyed.
        attempts: Runs until it went through; more than one only with faults.
    """

    name: StepName
    ok: bool
    seconds: float
    added: int = 0
    changed: int = 0
    removed: int = 0
    attempts: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StackReport:
    """One stack."""

    name: str
    resources: int
    steps: tuple[Step, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every step went through and nothing is in error."""
        return all(step.ok for step in self.steps) and not any(item.severity == "error" for item in self.findings)

    @property
    def seconds(self) -> float:
        """Time of all steps."""
        return sum(step.seconds for step in self.steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsalReport:
    """The whole rehearsal.

    Attributes:
        binary: Tool and version, such as ``terraform 1.11.4``.
        stacks: In the order of the rehearsal.
        seconds: Wall time.
        not_proved: What this rehearsal could not check, one sentence each.
        faults: Number of injected faults.
        kept: Folder with state and world, where asked for.
    """

    binary: str
    stacks: tuple[StackReport, ...]
    seconds: float
    not_proved: tuple[str, ...] = ()
    faults: int = 0
    kept: str | None = None

    @property
    def ok(self) -> bool:
        """Whether every stack went through."""
        return all(stack.ok for stack in self.stacks)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Everything found, stack by stack."""
        return tuple(item for stack in self.stacks for item in stack.findings)

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Findings that stop."""
        return tuple(item for item in self.findings if item.severity == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """Findings that do not."""
        return tuple(item for item in self.findings if item.severity == "warning")

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        data = asdict(self)
        data["ok"] = self.ok
        for item, stack in zip(data["stacks"], self.stacks, strict=True):
            item["ok"], item["seconds"] = stack.ok, round(stack.seconds, 3)
        return data


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a new spec would do to one resource.

    Attributes:
        stack: Stack name.
        address: Terraform address.
        action: What Terraform would do.
        spec_path: Place in the spec.
        because: Attributes that force a replacement.
        what: What an update or a replacement changes, as far as it is known before the apply.
        danger: Why a person should look twice; empty where nothing speaks against it.
        rule: The guard that stands against it; empty where there is no danger.
        platform: Platform whose stack it is, empty where its resources carry no tag.
    """

    stack: str
    address: str
    action: ChangeAction
    spec_path: str = ""
    because: tuple[str, ...] = ()
    what: tuple[str, ...] = ()
    danger: str = ""
    rule: str = ""
    platform: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeStep:
    """One step of a change, as a pipeline would take it.

    Attributes:
        stack: Stack name.
        action: ``apply`` with the new synthesis, or ``destroy`` with the old one.
    """

    stack: str
    action: Literal["apply", "destroy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeReport:
    """What happens when the new spec is applied over the old one.

    Attributes:
        binary: Tool and version.
        changes: Every change, in the order in which they were made; unchanged resources are left out.
        findings: Diagnostics of both specs.
        seconds: Wall time.
        order: The stacks that changed, in the order in which they were; empty where only planned.
        converged: Whether the new spec was applied over the old one and a further plan of every stack was empty;
            ``None`` where only planned.
    """

    binary: str
    changes: tuple[Change, ...]
    findings: tuple[Finding, ...]
    seconds: float
    order: tuple[ChangeStep, ...] = ()
    converged: bool | None = None

    @property
    def ok(self) -> bool:
        """Whether both specs went through; whether dangerous changes may be made is the policy's to say."""
        return self.converged is not False and not any(item.severity == "error" for item in self.findings)

    @property
    def dangerous(self) -> tuple[Change, ...]:
        """Changes that a person should look at."""
        return tuple(item for item in self.changes if item.danger)

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {**asdict(self), "ok": self.ok}
