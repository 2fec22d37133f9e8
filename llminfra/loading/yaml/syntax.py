"""What is wrong with a text that is no YAML: the line that has to change, what stands there, and what would work.

The parsers of PyYAML say at which rule of the grammar they stopped, in two wordings, and often a line too late. Here
the place and the text around it are looked at, and what people get wrong is told: tabs, colons, quotes, brackets,
indents.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable
from difflib import get_close_matches

import yaml
from msgspec import Struct

from llminfra.diagnostics import entry_path
from llminfra.spec.errors.shape_errors import looks_like_credential

_BREAK = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")
_KEY = re.compile(r"[\w.<-]+")
_LONGEST = 120
_SECRET = re.compile(r"api_?key|token|password|secret", re.IGNORECASE)
_ODD_SPACE = re.compile(r"[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]")
"""What word processors and chats write in the place of a space."""
_JOINED = re.compile(r"(?:- )?([\w.-]+):(\S.*)")
_CLOSING = {"[": "]", "{": "}"}


class Syntax(Struct, frozen=True):
    """A syntax error for a finding; ``line`` is 1-based."""

    line: int
    message: str
    found: str
    expected: str
    fix: str


class _Stop(Struct, frozen=True):
    """Where a parser stopped: 0-based lines and columns, as its marks have them."""

    lines: list[str]
    problem: str
    context: str
    line: int
    column: int
    opened: tuple[int, int] | None

    @property
    def text(self) -> str:
        """The line."""
        return self.at(self.line)

    @property
    def mark(self) -> str:
        """The character that was one too many; empty at the end."""
        return self.text[self.column : self.column + 1]

    @property
    def rest(self) -> str:
        """What stands from there on, without a comment."""
        return re.split(r"\s#", self.text[self.column :])[0].strip()

    def at(self, line: int) -> str:
        return self.lines[line] if 0 <= line < len(self.lines) else ""

    def before(self) -> int:
        """The last line before that says something."""
        return next((n for n in range(self.line - 1, -1, -1) if self.at(n).split("#")[0].strip()), -1)


def syntax_of(text: str, error: yaml.MarkedYAMLError) -> Syntax:
    """What has to change where."""
    place = error.problem_mark or error.context_mark
    opened = (error.context_mark.line, error.context_mark.column) if error.context_mark else None
    stop = _Stop(
        _BREAK.split(text),
        error.problem or "",
        error.context or "",
        place.line if place else 0,
        place.column if place else 0,
        opened,
    )
    for case in _CASES:
        found = case(stop)
        if found is not None:
            return found
    what = ", ".join(part for part in (error.context, error.problem) if part)
    return _told(stop, stop.line, f"the spec is not valid YAML: {what}", "YAML", f"correct line {stop.line + 1}")


def open_path(text: str, error: yaml.MarkedYAMLError, loader: type) -> str:
    """Spec path of the innermost key or collection that was being read when the parser stopped."""
    place = error.problem_mark or error.context_mark
    stack: list[_Open] = []
    try:
        for event in yaml.parse(text, Loader=loader):
            start = event.start_mark
            if place and start and (start.line, start.column) >= (place.line, place.column):
                break  # the text goes on, and what was wrong is an alias or an anchor
            if isinstance(event, yaml.DocumentStartEvent):
                stack = []
            elif isinstance(event, yaml.CollectionEndEvent):
                stack.pop()
            elif isinstance(event, yaml.NodeEvent):
                _note(event, stack)
    except (yaml.YAMLError, RecursionError):
        pass
    path = ""
    for each in stack:
        if each is stack[-1] and not each.due:
            break
        if isinstance(each.key, int):
            path = entry_path(path, each.key)
        elif _KEY.fullmatch(each.key):
            path = f"{path}.{each.key}" if path else each.key
        else:
            break  # what was read as a key may be anything
    return "" if looks_like_credential(path) else path


class _Open(Struct):
    """A collection that is being read: a key or an index in it, and whether the key waits for its value."""

    key: str | int
    due: bool = False


def _note(event: yaml.NodeEvent, stack: list[_Open]) -> None:
    """Take one node: a key, a value, or an item."""
    if stack and isinstance(stack[-1].key, int):
        stack[-1].key += 1
    elif stack and stack[-1].due:
        stack[-1].due = False
    elif stack:
        stack[-1].key, stack[-1].due = str(getattr(event, "value", "?")), True
    if isinstance(event, yaml.CollectionStartEvent):
        stack.append(_Open("" if isinstance(event, yaml.MappingStartEvent) else -1))


def _told(stop: _Stop, line: int, message: str, expected: str, fix: str, *, found: str | None = None) -> Syntax:
    told = stop.at(line).strip() if found is None else found
    if looks_like_credential(f"{told} {fix}") or _SECRET.search(f"{stop.at(line)} {told}"):
        told, fix = "a line with a secret, or the name of one (not shown)", f"correct line {line + 1}"
    return Syntax(line + 1, message, told if len(told) <= _LONGEST else f"{told[: _LONGEST - 1]}…", expected, fix)


def _tab(stop: _Stop) -> Syntax | None:
    if not re.match(r"[ ]*\t", stop.text) and stop.mark != "\t":
        return None
    fix = f"replace the tab in line {stop.line + 1} by spaces"
    found = stop.text.replace("\t", "→").strip()
    return _told(stop, stop.line, "a tab stands where YAML takes spaces alone", "spaces", fix, found=found)


def _conflict(stop: _Stop) -> Syntax | None:
    start = stop.opened[0] if stop.opened else stop.line
    line = next((n for n in (start, stop.line) if re.match(r"<{7}|={7}|>{7}", stop.at(n))), None)
    if line is None:
        return None
    return _told(stop, line, "a conflict of a merge is not resolved", "one of the two sides", "resolve the conflict")


def _alias(stop: _Stop) -> Syntax | None:
    if "undefined alias" in stop.problem:
        name = re.match(r"\*?([^\s,\]}]+)", stop.text[stop.column :])
        wanted = name[1] if name else ""
        known = list(dict.fromkeys(re.findall(r"&([^\s,\]}]+)", "\n".join(stop.lines[: stop.line + 1]))))
        close = get_close_matches(wanted, known, n=1)
        fix = f"did you mean *{close[0]}?" if close else f"write &{wanted} before the value that it stands for"
        expected = f"one of: {', '.join(f'*{each}' for each in known)}" if known else f"a value marked &{wanted} before"
        return _told(stop, stop.line, f"no value before this is marked &{wanted}", expected, fix, found=f"*{wanted}")
    if "second occurrence" in stop.problem and stop.opened:
        name = re.search(r"&([^\s,\]}]+)", stop.text[stop.column :])
        label = f"&{name[1]}" if name else "an anchor"
        message = f"{label} marks a second value (the first at line {stop.opened[0] + 1})"
        return _told(stop, stop.line, message, "a name of its own", "rename one of the two")
    return None


def _unquoted(stop: _Stop) -> Syntax | None:
    """A character that means something to YAML at the start of a text."""
    start = stop.column - 1 if "alias" in stop.context or "anchor" in stop.context else stop.column
    value = re.split(r"\s#", stop.text[max(0, start) :])[0].strip()
    if "cannot start any token" not in stop.problem and "alphabetic or numeric" not in stop.problem:
        return None
    fix = f"put it in quotes: {json.dumps(value, ensure_ascii=False)}"
    return _told(stop, stop.line, f"a text cannot start with {value[:1]} in YAML", "a text in quotes", fix, found=value)


def _colon(stop: _Stop) -> Syntax | None:
    """A colon where no key can be: in a text, behind a line that is no key, or deeper than its neighbours."""
    if "mapping values are not allowed" not in stop.problem:
        return None
    if inner := re.match(r"(\s*(?:- )?[^\s:][^:]*):\s+(.*)", stop.text[: stop.column]):
        value = stop.text[inner.start(2) :].strip()
        fix = f"write {inner[1].strip()}: {json.dumps(value, ensure_ascii=False)}"
        return _told(stop, stop.line, "a text with a colon and a space in it needs quotes", "a text in quotes", fix)
    before = stop.before()
    text = stop.at(before).split(" #")[0].rstrip()
    if ":" not in text or _JOINED.fullmatch(text.strip()) or _ODD_SPACE.search(text):
        return _no_key(stop, before)
    if _indent(stop.text) > _indent(text):
        fix = f"indent it by {_indent(text)} spaces, as line {before + 1}"
        return _told(stop, stop.line, f"this is indented deeper than line {before + 1}", "keys of equal indent", fix)
    return None


def _no_key(stop: _Stop, line: int) -> Syntax:
    whole = stop.at(line)
    if odd := _ODD_SPACE.search(whole):
        message = f"{unicodedata.name(odd[0], 'a space').lower()} (U+{ord(odd[0]):04X}) stands where a space belongs"
        mended = " ".join(_ODD_SPACE.sub(" ", whole).split())
        return _told(stop, line, message, "ordinary spaces", f"write {mended}, with a space of the keyboard")
    text = whole.split(" #")[0].strip()
    if joined := _JOINED.fullmatch(text):
        fix = f"write {joined[1]}: {joined[2]}"
        return _told(stop, line, "there is no space behind the colon", "a colon and a space", fix)
    words = text.removeprefix("- ").split(" ", 1)
    fix = f"write {words[0]}: {words[1]}" if len(words) > 1 else f"write {words[0]}: and its value"
    return _told(stop, line, "this is neither a key nor the value of one", "a key, a colon and a space", fix)


def _line_without_colon(stop: _Stop) -> Syntax | None:
    if "could not find expected ':'" not in stop.problem or stop.opened is None:
        return None
    return _no_key(stop, stop.opened[0])


def _quote(stop: _Stop) -> Syntax | None:
    if "quoted scalar" not in stop.context or stop.opened is None:
        return None
    if "escape" in stop.problem or "hexdecimal" in stop.problem or "hexadecimal" in stop.problem:
        fix = "put the text in single quotes, or double the backslash"
        return _told(stop, stop.line, "a backslash in double quotes starts an escape", "a text in single quotes", fix)
    line, column = stop.opened
    mark = stop.at(line)[column : column + 1]
    return _told(stop, line, f"the text is not closed: {mark} opens it", f"a second {mark}", f"write {mark} at its end")


def _bracket(stop: _Stop) -> Syntax | None:
    """Lists and mappings in brackets."""
    if "parsing a flow" not in stop.context:
        return None
    if re.search(r"\$\{|\{\{", stop.text):
        fix = "write the value itself, or put the text in quotes"
        return _told(stop, stop.line, "YAML has no variables: braces open a mapping", "a value", fix)
    comment = next((n for n in (stop.line, stop.before()) if re.search(r"(^|\s)(//|/\*)", stop.at(n))), None)
    if comment is not None:
        fix = "start the comment with #, or remove it"
        return _told(stop, comment, "this comment is one of another language", "# before a comment", fix)
    if "flow node" in stop.context and stop.mark:
        fix = f"write what is missing, or remove {stop.mark}"
        return _told(stop, stop.line, f"there is nothing before {stop.mark}", "a value", fix)
    line, column = _opening(stop) or (stop.line, stop.column)
    mark = stop.at(line)[column : column + 1]
    close = _CLOSING.get(mark, "]")
    behind = f"before {stop.rest}" if stop.rest and stop.line == line else f"before line {stop.line + 1}"
    fix = f"write {close}{' or a comma' if stop.line == line else ''} {behind}"
    return _told(stop, line, f"{mark or '['} is not closed by {close}", f"a comma or {close}", fix)


def _opening(stop: _Stop) -> tuple[int, int] | None:
    """The bracket that is open where the parser stopped: the parser knows it, but not at the end of the text."""
    if "flow node" not in stop.context:
        return stop.opened
    closed = 0
    for line in range(stop.line, -1, -1):
        text = stop.at(line)[: stop.column] if line == stop.line else stop.at(line)
        for column in range(len(text) - 1, -1, -1):
            closed += (text[column] in "]}") - (text[column] in "[{")
            if closed < 0:
                return line, column
    return None


def _list(stop: _Stop) -> Syntax | None:
    if "sequence entries are not allowed" in stop.problem:
        item = stop.rest.removeprefix("-").strip()
        fix = f"write [{item}], or - {item} on a line of its own"
        return _told(stop, stop.line, "a list starts on a line of its own", "[…], or lines that start with -", fix)
    if "'-' indicator" in stop.problem or "block collection" in stop.context:
        fix = "start it with - or indent it like the item before"
        return _told(stop, stop.line, "a list does not go on without -", "a line that starts with -", fix)
    return None


def _indentation(stop: _Stop) -> Syntax | None:
    """A line between two levels of indentation."""
    if "block mapping" not in stop.context:
        return None
    levels: dict[int, int] = {}
    for number in range(stop.line - 1, -1, -1):
        text = stop.at(number)
        if text.split("#")[0].strip() and _indent(text) < min(levels, default=len(text) + 1):
            levels[_indent(text)] = number
    own = _indent(stop.text)
    if own in levels or not levels:
        return None
    near = min(levels, key=lambda level: (abs(level - own), -level))
    spaces = " or ".join(str(level) for level in sorted(levels, reverse=True))
    return _told(
        stop,
        stop.line,
        f"{own} spaces are no level of what stands above",
        f"{spaces} spaces",
        f"indent it by {near} spaces, as line {levels[near] + 1}",
    )


def _document(stop: _Stop) -> Syntax | None:
    if "incompatible YAML document" in stop.problem or "directive" in f"{stop.problem} {stop.context}":
        return _told(stop, stop.line, "this directive is not read", "no line that starts with %", "remove the line")
    if "document start" in stop.problem:
        fix = "write --- before it, or remove the line with ..."
        return _told(stop, stop.line, "a document has ended before this", "--- between documents", fix)
    return None


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip(" "))


_CASES: tuple[Callable[[_Stop], Syntax | None], ...] = (
    _tab,
    _conflict,
    _alias,
    _unquoted,
    _colon,
    _line_without_colon,
    _quote,
    _bracket,
    _list,
    _indentation,
    _document,
)
