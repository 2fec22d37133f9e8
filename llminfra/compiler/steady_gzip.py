"""Gzip whose bytes depend on the text alone.

``zlib`` promises what comes out of decompression, not what goes in: zlib, zlib-ng and their versions compress the same
text to different bytes. As part of a launch template these would roll every instance when another machine compiles the
same spec. This is deflate in its plainest form (RFC 1951, section 3.2.6: fixed Huffman codes; longest match of the last
few places with the same three bytes), in a gzip member without time and name (RFC 1952).
"""

from __future__ import annotations

import zlib
from bisect import bisect_right

_SHORTEST, _LONGEST, _WINDOW = 3, 258, 32_768
_TRIES = 64
# RFC 1951, section 3.2.5: first length and first distance of every code, and the extra bits that follow it.
_LENGTHS = (3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258)  # fmt: skip  # noqa: E501  # a table in a row
_LENGTH_BITS = (0,) * 8 + tuple(bits for bits in range(1, 6) for _ in range(4)) + (0,)
_DISTANCES = (1, 2, 3, 4, *(start + 1 for bits in range(1, 14) for start in (2 << bits, 3 << bits)))
_DISTANCE_BITS = (0, 0, 0, 0, *(bits for bits in range(1, 14) for _ in range(2)))


class _Bits:
    """Bits, the first in the lowest place of the first byte."""

    def __init__(self) -> None:
        self._held, self._count = 0, 0
        self._bytes = bytearray()

    def number(self, value: int, bits: int) -> None:
        self._held |= value << self._count
        self._count += bits
        while self._count >= 8:
            self._bytes.append(self._held & 0xFF)
            self._held >>= 8
            self._count -= 8

    def code(self, value: int, bits: int) -> None:
        """Huffman codes stand with their highest bit first."""
        self.number(int(f"{value:0{bits}b}"[::-1], 2), bits)

    def finish(self) -> bytes:
        if self._count:
            self.number(0, 8 - self._count)
        return bytes(self._bytes)


def steady_gzip(data: bytes) -> bytes:
    """The data as a gzip file, the same bytes wherever it is made."""
    header = bytes((0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255))
    tail = zlib.crc32(data).to_bytes(4, "little") + (len(data) & 0xFFFFFFFF).to_bytes(4, "little")
    return header + _deflate(data) + tail


def _deflate(data: bytes) -> bytes:
    out = _Bits()
    out.number(1, 1)  # the last block
    out.number(1, 2)  # fixed codes
    places: dict[bytes, list[int]] = {}
    at = 0
    while at < len(data):
        length, distance = _match(data, at, places.get(data[at : at + _SHORTEST], ()))
        if length:
            _length(out, length)
            code = bisect_right(_DISTANCES, distance) - 1
            out.code(code, 5)
            out.number(distance - _DISTANCES[code], _DISTANCE_BITS[code])
        else:
            _symbol(out, data[at])
        for index in range(at, at + max(1, length)):
            places.setdefault(data[index : index + _SHORTEST], []).append(index)
        at += max(1, length)
    _symbol(out, 256)
    return out.finish()


def _match(data: bytes, at: int, places: list[int] | tuple[()]) -> tuple[int, int]:
    """Length and distance of the longest earlier copy of what comes next; zeros where there is none."""
    best = (0, 0)
    most = min(_LONGEST, len(data) - at)
    for place in reversed(places[-_TRIES:]):
        if at - place > _WINDOW:
            break
        length = 0
        while length < most and data[place + length] == data[at + length]:
            length += 1
        if length >= _SHORTEST and length > best[0]:
            best = (length, at - place)
    return best


def _length(out: _Bits, length: int) -> None:
    code = bisect_right(_LENGTHS, length) - 1
    _symbol(out, 257 + code)
    out.number(length - _LENGTHS[code], _LENGTH_BITS[code])


def _symbol(out: _Bits, symbol: int) -> None:
    if symbol < 144:
        out.code(0x30 + symbol, 8)
    elif symbol < 256:
        out.code(0x190 + symbol - 144, 9)
    elif symbol < 280:
        out.code(symbol - 256, 7)
    else:
        out.code(0xC0 + symbol - 280, 8)
