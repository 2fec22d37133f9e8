"""Numbers and days as people write them: ``200GB``, ``5 min``, ``8K``, ``$5,000``, ``90%``, ``31.12.2026``."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping

_NUMBER = re.compile(r"[$€]? ?([0-9]{1,12}|[0-9]{1,3}(?:[,_][0-9]{3})+)(\.[0-9]{1,6})? ?([A-Za-z]+|%)?")

_DAY = 86_400
_SIZES = {
    **dict.fromkeys(("gib", "gi", "gb", "g"), 1.0),
    **dict.fromkeys(("tib", "ti"), 1024.0),
    # Disks and file systems are sold in GiB and named in round thousands: FSx for Lustre's 1.2 TiB is 1,200 GiB.
    **dict.fromkeys(("tb", "t"), 1000.0),
    **dict.fromkeys(("mib", "mi"), 1 / 1024),
    "mb": 1 / 1000,
}
_SECONDS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hour", "hours"), 3600.0),
    **dict.fromkeys(("d", "day", "days"), float(_DAY)),
    "ms": 1 / 1000,
}
_MONTH, _YEAR = 30.0, 365.0
_DAYS = {
    **dict.fromkeys(("d", "day", "days"), 1.0),
    **dict.fromkeys(("w", "week", "weeks"), 7.0),
    **dict.fromkeys(("month", "months"), _MONTH),
    **dict.fromkeys(("y", "year", "years"), _YEAR),
}
_COUNTED = dict.fromkeys(
    ("token", "tokens", "node", "nodes", "replica", "replicas", "gpu", "gpus", "request", "requests", "usd"), 1.0
)
_THOUSANDS = {
    **dict.fromkeys(("k", "thousand"), 1e3),
    **dict.fromkeys(("m", "mio", "million"), 1e6),
    **_COUNTED,
}
"""Of requests and money, which nobody counts in powers of two."""
_BY_END: tuple[tuple[str, Mapping[str, float]], ...] = (
    ("_gib", _SIZES),
    ("_ms", {name: size * 1000 for name, size in _SECONDS.items()}),
    ("_s", _SECONDS),
    ("days", _DAYS),
    ("_minute", _THOUSANDS),
    ("_month", _THOUSANDS),
)
"""What the words behind a number are worth, by the end of the field's name."""
_SCALES = {"k": 1000.0, "K": 1024.0, "m": 1000.0**2, "M": 1024.0**2}
"""As `llminfra fit` and vLLM's own flags read lengths."""


def number_in(text: str, field: str) -> float | None:
    """The number that a text writes, in the field's own unit; ``None``: it is none, or may be another.

    Words that scale it (8 thousand, 8k tokens, 8 or 16) would make another number of it.

    Args:
        text: What the user wrote.
        field: Name of the field, whose end says its unit.
    """
    found = _NUMBER.fullmatch(text.strip())
    if found is None:
        return None
    whole, rest, unit = found[1].replace(",", "").replace("_", ""), found[2] or "", found[3] or ""
    number = float(f"{whole}{rest}")
    if not unit:
        return number
    if unit == "%":
        return number / 100
    words = next((words for end, words in _BY_END if field.endswith(end)), _COUNTED)
    if unit in _SCALES and words is _COUNTED:
        return number * _SCALES[unit]
    worth = words.get(unit.casefold())
    return None if worth is None else round(number * worth, 6)


_RANGE = re.compile(r"\(?\[? ?([0-9]{1,6}) ?(?:-|–|…|\.\.+|,|:|to|/) ?([0-9]{1,6}) ?\]?\)?")


def pair_in(value: object) -> tuple[int, ...]:
    """The two numbers of a range, or the one that is both; empty: what was written is neither.

    Args:
        value: What the user wrote: ``"0-4"``, ``[4]``, ``{"min": 0, "max": 4}``, ``"4"``.
    """
    if isinstance(value, str):
        if found := _RANGE.fullmatch(value.strip()):
            first, second = int(found[1]), int(found[2])
            return min(first, second), max(first, second)
        number = number_in(value, "nodes")
        return (int(number),) if number is not None and number.is_integer() else ()
    if isinstance(value, Mapping):
        named = {str(key).casefold()[:3]: each for key, each in value.items()}
        value = [named[word] for word in ("min", "max") if word in named] or list(value.values())
    if not isinstance(value, list | tuple):
        return ()
    numbers = [_whole(each) for each in value]
    if not numbers or None in numbers:
        return ()
    known = [number for number in numbers if number is not None]
    return (known[0],) if len(known) == 1 else (min(known), max(known))


def _whole(value: object) -> int | None:
    if isinstance(value, str):
        number = number_in(value, "nodes")
        return int(number) if number is not None and number.is_integer() else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


_DATES = ("%d.%m.%Y", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y")
"""Ways to write a day that mean one day alone: ``3/4/2027`` is another one on each side of the Atlantic."""


def day_in(value: object) -> dt.date | None:
    """The day that a text or a number writes; ``None``: it is none, or may be another.

    Example:
        >>> str(day_in("31.12.2026")), day_in("3/4/2027")
        ('2026-12-31', None)
    """
    for form in _DATES if isinstance(value, str | int) and not isinstance(value, bool) else ():
        try:
            return dt.datetime.strptime(str(value).strip(), form).date()  # noqa: DTZ007  # a day has no time zone
        except ValueError:
            continue
    return None
