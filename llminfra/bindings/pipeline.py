"""Sends requests to the jsii kernel without waiting for answers that are known: Node.js works while Python goes on.

jsii waits for the kernel after each request, so the two take turns. But the answer to most requests can be told in
advance: a new object is called ``<type>@<n>`` with the next number (`@jsii/kernel`, `objects.ts`), and a method without
a result answers nothing. Those are written and not waited for; every other request first reads what is outstanding and
checks it against what was told. A number that cannot be known, after any answer that may have registered objects, is
asked for again. So what is sent and what it does is the same, one request after the other.

The answers to come are read by a thread, so that the pipes between the two never fill up.
"""

# ruff: noqa: SLF001  # jsii has no public way to its process

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

if TYPE_CHECKING:
    from jsii._kernel.types import CreateRequest, KernelRequest

WITHOUT_RESULT = frozenset({"addDependency", "addOverride", "overrideLogicalId"})
"""Methods of CDKTF's elements and stacks that return nothing (cdktf 0.21, ``terraform-element.ts``)."""


_ENDED = b'{"error": "the jsii kernel ended", "stack": null}\n'


class UnexpectedAnswerError(RuntimeError):
    """The kernel answered otherwise than was told in advance; a bug here, or a new kernel."""


class Pipeline(Struct):
    """What stands between jsii's Python runtime and the process of its kernel.

    Attributes:
        process: jsii's own object for the process.
        wait: jsii's own way: send, then wait for the answer.
        active: Whether known answers are not waited for.
        lines: Answers, as they come.
        outstanding: What each answer to come will be, in the order of requests, and what was asked.
        next_object: Number of the next object; ``None``: not known.
    """

    process: Any
    wait: Callable[[Any, Any], Any]
    active: bool = False
    lines: SimpleQueue[bytes] = field(default_factory=SimpleQueue)
    outstanding: deque[tuple[str | None, str]] = field(default_factory=deque)
    next_object: int | None = None

    def send(self, request: KernelRequest, response_type: Any) -> Any:
        """The answer to a request, at once where it is known.

        Raises:
            RuntimeError: an earlier request failed, or this one.
            UnexpectedAnswerError: the kernel did not do what was told in advance.
        """
        from jsii._kernel import types  # noqa: PLC0415  # jsii is loaded by now, and only by now

        if not self.active:
            return self.wait(request, response_type)
        if isinstance(request, types.CreateRequest) and self.next_object is not None and not request.overrides:
            return self._create(request, response_type)
        if isinstance(request, types.InvokeRequest) and request.method in WITHOUT_RESULT:
            fields = {"api": "invoke", "objref": request.objref, "method": request.method, "args": request.args}
            self._write(fields, None, f"while calling {request.method}")
            return response_type(result=None)
        self.drain()
        known, self.next_object = self.next_object, None  # what fails may have taken a number, or not
        answer = self.wait(request, response_type)
        if isinstance(request, types.CreateRequest):
            self.next_object = _number(answer.ref) + 1 if isinstance(answer, types.CreateResponse) else None
        elif _is_plain(answer, types):
            self.next_object = known
        return answer

    def drain(self) -> None:
        """Read every outstanding answer.

        Raises:
            RuntimeError: a request failed; the text names it.
            UnexpectedAnswerError: an answer is not what was told in advance.
        """
        while self.outstanding:
            told, asked = self.outstanding.popleft()
            answer = json.loads(self._line())
            if "error" in answer:
                self.next_object = None
                raise _failure(answer, asked)
            got = (answer.get("ok") or {}).get("$jsii.byref") if told is not None else None
            if got != told or "ok" not in answer:
                msg = f"the jsii kernel answered {json.dumps(answer)[:200]} where {told} was expected ({asked})"
                raise UnexpectedAnswerError(msg)

    def abandon(self) -> None:
        """Read every outstanding answer and ignore it, after a failure that matters more."""
        for _ in range(len(self.outstanding)):
            self._line()
        self.outstanding.clear()

    def next_message(self) -> Any:
        """The next answer, decoded as jsii does."""
        from jsii._kernel.providers.process import ohook  # noqa: PLC0415  # jsii loads late

        return json.loads(self._line(), object_hook=ohook)

    def read_answers(self) -> None:
        """Pass on every line that the kernel writes, until it ends."""
        for line in self.process._process.stdout:
            self.lines.put(line)
        self.lines.put(_ENDED)

    def _line(self) -> bytes:
        line = self.lines.get()
        if line is _ENDED:
            self.lines.put(_ENDED)  # for whoever asks next
        return line

    def _create(self, request: CreateRequest, response_type: Any) -> Any:
        ref = f"{request.fqn}@{self.next_object}"
        fields = {"api": "create", "fqn": request.fqn, "args": request.args, "interfaces": request.interfaces}
        self._write(fields, ref, f"while creating {request.fqn} {_id_of(request.args)}")
        self.next_object = (self.next_object or 0) + 1
        return response_type(ref=ref)

    def _write(self, fields: dict[str, Any], told: str | None, asked: str) -> None:
        # cattrs, which jsii uses, looks at every value inside; json does so anyway and asks only about what it lacks.
        data = json.dumps(fields, default=self._unstructured)
        stdin = self.process._process.stdin
        stdin.write(data.encode() + b"\n")
        stdin.flush()
        self.outstanding.append((told, asked))

    def _unstructured(self, value: object) -> Any:
        from jsii._kernel.providers.process import jdefault  # noqa: PLC0415  # jsii loads late

        if hasattr(value, "__jsii_ref__"):
            return jdefault(value)  # type: ignore[no-untyped-call]  # jsii has no types there
        return self.process._serializer.unstructure(value)


@contextmanager
def pipelined() -> Iterator[None]:
    """Do not wait for known answers within the block; errors of constructs show at the next unknown one.

    Raises:
        RuntimeError: a request failed that nothing has waited for.
        UnexpectedAnswerError: the kernel did not do what was told in advance.
    """
    pipeline = _pipeline()
    before, pipeline.active, pipeline.next_object = pipeline.active, True, None
    try:
        yield
        pipeline.drain()
    finally:
        pipeline.active = before
        pipeline.abandon()


def _pipeline() -> Pipeline:
    """The pipeline of this process's kernel, built in on first use."""
    import jsii._runtime  # noqa: PLC0415  # starts Node.js

    process = jsii._runtime.kernel.provider._process  # type: ignore[attr-defined]  # jsii types only its interface
    existing = getattr(process.send, "__self__", None)
    if isinstance(existing, Pipeline):
        return existing
    pipeline = Pipeline(process, process.send)
    process.send = pipeline.send
    process._next_message = pipeline.next_message
    threading.Thread(target=pipeline.read_answers, name="llminfra-kernel-answers", daemon=True).start()
    return pipeline


def _number(ref: str) -> int:
    return int(ref.rpartition("@")[2])


def _is_plain(answer: Any, types: Any) -> bool:
    """Whether an answer holds a text, a number or nothing: then no object was made for it."""
    if isinstance(answer, types.GetResponse):
        value = answer.value
    elif isinstance(answer, types.InvokeResponse):
        value = answer.result
    else:
        return False
    return value is None or isinstance(value, str | int | float | bool)


def _id_of(args: Any) -> str:
    """The construct's id: by convention the second argument."""
    return repr(args[1]) if len(args) > 1 and isinstance(args[1], str) else ""


def _failure(answer: dict[str, Any], asked: str) -> Exception:
    """The exception that jsii raises for this answer, and what was asked."""
    from jsii.errors import JavaScriptError, JSIIError  # noqa: PLC0415  # only on failure

    kind = JSIIError if answer.get("name") == "@jsii/kernel.Fault" else RuntimeError
    error = kind(f"{answer['error']} ({asked})")
    error.__cause__ = JavaScriptError(answer.get("stack"))  # type: ignore[no-untyped-call]  # as above
    return error
