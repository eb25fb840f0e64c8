"""Is a 200 what it was promised to be?"""

from __future__ import annotations

import base64
import struct

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elizanet.operation import Operation
from elizanet.providers.shapes import ShapeError, carries_error, check_shape, vector_length

CHAT, COMPLETION = Operation.CHAT, Operation.COMPLETION
EMBEDDING, IMAGE = Operation.EMBEDDING, Operation.IMAGE
ENCODED = base64.b64encode(struct.pack("<3f", 1, 2, 3)).decode()


def encode(value: object) -> bytes:
    return msgspec.json.encode(value)


def message(**fields: object) -> dict[str, object]:
    finish = fields.pop("finish_reason", "stop")
    return {"choices": [{"message": {"role": "assistant", **fields}, "finish_reason": finish}]}


def vectors(*embeddings: object) -> dict[str, object]:
    return {"data": [{"embedding": embedding} for embedding in embeddings]}


@pytest.mark.parametrize(
    ("operation", "request_", "answer"),
    [
        (CHAT, {}, message(content="hi")),
        (CHAT, {}, message(content=None, tool_calls=[{"id": "1"}])),
        (CHAT, {}, message(content=None, refusal="no")),
        (CHAT, {}, message(content="", reasoning_content="hm")),
        (CHAT, {}, message(content=None, something_new={"x": 1})),
        (CHAT, {}, message(content="", finish_reason="length")),
        (CHAT, {}, message(content=None, finish_reason="content_filter")),
        (COMPLETION, {}, {"choices": [{"text": "hi", "finish_reason": "stop"}]}),
        (EMBEDDING, {"input": "a"}, vectors([1, 2.5])),
        (EMBEDDING, {"input": ["a", "b"]}, vectors([1.0], [2.0])),
        (EMBEDDING, {"input": [1, 2, 3]}, vectors([1.0])),
        (EMBEDDING, {"input": [[1, 2], [3]]}, vectors([1.0], [2.0])),
        (EMBEDDING, {"input": "a", "dimensions": 3}, vectors(ENCODED)),
        (IMAGE, {}, {"data": [{"url": "https://x/y.png"}, {"b64_json": "AAAA"}]}),
        (Operation.IMAGE_EDIT, {}, {"data": [{"b64_json": "AAAA"}]}),
        (Operation.MODERATION, {"input": "a"}, {"results": [{"flagged": True}]}),
        (Operation.MODERATION, {"input": ["a", "b"]}, {"results": [{}, {}]}),
        (Operation.MODERATION, {"input": [{"type": "text"}, {}]}, {"results": [{}]}),
        (Operation.RESPONSE, {}, {"status": "completed", "output": [{"type": "message"}]}),
        (Operation.RESPONSE, {}, {"output": [{}], "error": None}),
        (Operation.RESPONSE, {}, {"status": "in_progress"}),
        (Operation.TRANSCRIPTION, {}, {"text": ""}),
        (Operation.TRANSLATION, {}, {"text": "hi", "segments": []}),
    ],
)
def test_an_answer_of_the_promised_shape_passes(
    operation: Operation, request_: object, answer: object
) -> None:
    """Text, tool calls, refusals, reasoning, and fields nobody knows yet are content."""
    check_shape(operation, encode(request_), encode(answer))


@pytest.mark.parametrize(
    ("operation", "request_", "answer", "reason"),
    [
        (CHAT, {}, {}, "choices"),
        (CHAT, {}, {"choices": []}, "`choices` is empty"),
        (CHAT, {}, {"choices": "x"}, "choices"),
        (CHAT, {}, {"choices": [{}]}, "without content"),
        (CHAT, {}, message(content=""), "without content"),
        (CHAT, {}, message(content=None, tool_calls=[]), "without content"),
        (CHAT, {}, [], "Expected `object`"),
        (COMPLETION, {}, {"choices": [{"text": ""}]}, "without content"),
        (EMBEDDING, {"input": "a"}, {"data": []}, "0 embeddings for 1 inputs"),
        (EMBEDDING, {"input": ["a", "b"]}, vectors([1.0]), "1 embeddings for 2 inputs"),
        (EMBEDDING, {"input": ["a", "b"]}, vectors([1.0], [1.0, 2.0]), "different lengths"),
        (EMBEDDING, {"input": "a"}, vectors([]), "empty embedding"),
        (EMBEDDING, {"input": "a"}, vectors("no base64!"), "neither numbers nor base64"),
        (EMBEDDING, {"input": "a"}, vectors(["x"]), "embedding"),
        (EMBEDDING, {"input": "a", "dimensions": 3}, vectors([1.0]), "1 numbers instead of 3"),
        (IMAGE, {}, {"data": []}, "without images"),
        (IMAGE, {}, {"data": [{"url": ""}]}, "without images"),
        (Operation.IMAGE_VARIATION, {}, {"data": [{}]}, "without images"),
        (Operation.MODERATION, {"input": "a"}, {"results": []}, "0 results for 1 inputs"),
        (Operation.MODERATION, {"input": ["a", "b"]}, {"results": [{}]}, "1 results for 2"),
        (Operation.MODERATION, {"input": "a"}, {"results": [7]}, "moderations"),
        (Operation.RESPONSE, {}, {"status": "completed", "output": []}, "without output"),
        (Operation.RESPONSE, {}, {}, "without output"),
        (Operation.RESPONSE, {}, {"output": 7}, "output"),
        (Operation.SPEECH, {}, {"audio": "x"}, "no audio"),
        (Operation.TRANSCRIPTION, {}, {"texts": []}, "text"),
        (Operation.TRANSLATION, {}, {"text": None}, "text"),
    ],
)
def test_anything_else_is_named(
    operation: Operation, request_: object, answer: object, reason: str
) -> None:
    """One sentence that says what is missing."""
    with pytest.raises(ShapeError, match=reason):
        check_shape(operation, encode(request_), encode(answer))


@given(st.sampled_from(list(Operation)), st.binary(max_size=300))
def test_arbitrary_bytes_are_malformed_and_nothing_else(operation: Operation, body: bytes) -> None:
    """Only a ShapeError ever comes out."""
    with pytest.raises(ShapeError):
        check_shape(operation, b"{}", body)


@pytest.mark.parametrize(
    ("response_format", "body", "fits"),
    [
        ("text", b"hello\n", True),
        ("text", b"", True),
        ("srt", b"1\n00:00:00,000 --> 00:00:01,000\nhello\n", True),
        ("srt", b"\xef\xbb\xbf\r\n1\r\n0:00:00.000 --> 0:00:01.000\r\nhello", True),
        ("srt", b"00:00,000-->00:01,000\nhello", True),
        ("srt", b" \n", True),
        ("srt", b"oops", False),
        ("srt", b"1\nhello", False),
        ("srt", b'{"text":"hello"}', False),
        ("vtt", b"WEBVTT\n\n", True),
        ("vtt", b"\xef\xbb\xbfWEBVTT - hello", True),
        ("vtt", b"1\n00:00:00,000", False),
        ("vtt", b"", False),
        ("text", b" <!doctype html><html>", False),
        ("srt", b"<html>", False),
        ("any", b"hello", True),
        ("verbose_json", b'{"text":"hello","segments":[]}', True),
        ("diarized_json", b'{"text":"hello"}', True),
        ("json", b"hello", False),
    ],
)
def test_a_transcript_has_the_format_that_was_asked_for(
    response_format: str, body: bytes, *, fits: bool
) -> None:
    """Text may be anything but a page, or silence; subtitles begin with a name or a time."""
    if fits:
        check_shape(Operation.TRANSCRIPTION, b"", body, response_format)
        return
    with pytest.raises(ShapeError):
        check_shape(Operation.TRANSCRIPTION, b"", body, response_format)


@pytest.mark.parametrize(
    ("body", "carries"),
    [
        (b'{"error": {"message": "no"}}', True),
        (b'{"error": "no"}', True),
        (b'{"object": "error", "message": "no"}', True),
        (b'{"error": null, "choices": []}', False),
        (b'{"choices": [{"message": {"content": "error"}}]}', False),
        (b"<html>error</html>", False),
        (b"", False),
    ],
)
def test_an_error_in_disguise_is_recognised(body: bytes, *, carries: bool) -> None:
    """A 200 whose body is an error object."""
    assert carries_error(body) is carries


def test_the_length_of_a_vector_is_known_in_either_encoding() -> None:
    """Numbers, or base64 of 32-bit floats."""
    assert vector_length(encode(vectors([1.0, 2.0]))) == 2
    assert vector_length(encode(vectors(ENCODED))) == 3
