"""Tokens without a tokenizer: near enough, and never fooled by a picture."""

from __future__ import annotations

import base64
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elizanet.tokens import count
from elizanet.tokens.estimate import MEDIA_TOKENS, estimate

PICTURE = base64.b64encode(random.Random(1).randbytes(30_000))


@pytest.mark.parametrize(
    "text",
    [
        "The provider answered after three seconds, and nobody noticed that it was another one. " * 9,
        "def send(self, call: Call) -> Answer:\n    return await self._chain.send(call)\n" * 9,
        "当一个提供商失败时，系统会自动切换到下一个提供商，用户不会感觉到任何中断。" * 9,
    ],
)  # fmt: skip
def test_the_estimate_of_a_text_is_within_two_fifths(text: str) -> None:
    """Prose, code and Chinese, against the exact count."""
    assert estimate(text.encode()) == pytest.approx(count(text), rel=0.4)


@pytest.mark.parametrize(
    "part",
    [
        b'{"type":"image_url","image_url":{"url":"data:image/png;base64,%b"}}' % PICTURE,
        b'{"type":"input_audio","input_audio":{"data":"%b","format":"wav"}}' % PICTURE,
        b'{"type":"input_audio","input_audio":{"format":"wav","data": "%b"}}' % PICTURE,
    ],
)
def test_a_picture_is_not_counted_by_its_bytes(part: bytes) -> None:
    """Forty kilobytes of base64 are one picture, two of them are two."""
    assert estimate(part) == pytest.approx(MEDIA_TOKENS, abs=30)
    assert estimate(part + part) == pytest.approx(2 * MEDIA_TOKENS, abs=60)


@pytest.mark.parametrize("mark", [b";base64,", b'"input_audio" : "data": "', b'"input_audio"'])
def test_a_text_about_base64_is_counted_as_text(mark: bytes) -> None:
    """Only what looks like base64 is taken for it."""
    text = b'"' + mark + b" is what a data URL has before its payload. " * 50 + b'"'
    assert estimate(text) == -(-len(text) // 4)


@given(st.binary(max_size=300), st.sampled_from([b"", b";base64,", b'"input_audio"', b'"data"']))
def test_any_bytes_have_an_estimate(text: bytes, mark: bytes) -> None:
    """Zero for nothing, at least one for anything, and always an end."""
    whole = mark + text + mark
    assert (estimate(whole) > 0) is bool(whole)
