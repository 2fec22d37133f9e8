"""Compression whose bytes do not depend on the zlib of the machine."""

from __future__ import annotations

import gzip
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llminfra.compiler.steady_gzip import steady_gzip


@given(data=st.binary(max_size=2000))
def test_any_bytes_come_back(data: bytes) -> None:
    assert gzip.decompress(steady_gzip(data)) == data


@given(word=st.binary(min_size=1, max_size=6), times=st.integers(min_value=1, max_value=900), end=st.binary(max_size=9))
def test_repetitions_of_every_length_come_back(word: bytes, times: int, end: bytes) -> None:
    data = word * times + end + word
    assert gzip.decompress(steady_gzip(data)) == data


@pytest.mark.parametrize("gap", [0, 1, 4, 5, 255, 257, 4097, 24_577, 32_765, 32_766, 40_000])
def test_distances_up_to_the_window_come_back(gap: int) -> None:
    filler = b"".join(hashlib.sha256(bytes([index % 251, index // 251])).digest() for index in range(gap // 32 + 1))
    data = b"abc" + filler[:gap] + b"abc"
    assert gzip.decompress(steady_gzip(data)) == data


def test_text_gets_smaller_and_its_bytes_are_known() -> None:
    text = b"".join(b"Environment=NAME_%d=/opt/llminfra/%d\n" % (index, index * 7) for index in range(200))
    packed = steady_gzip(text)
    assert len(packed) < len(text) / 4
    assert hashlib.sha256(packed).hexdigest() == "bdc5b428913f552eb7e4704861b3359f780dd0287a73f9ea81bbd2c796f3c732"
