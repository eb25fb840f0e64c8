"""Is a 200 what it was promised to be? One check for each kind of whole answer.

A check decodes only the fields it needs, and raises `ShapeError` with a sentence that names
what is missing. The bytes themselves are never changed.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from elizanet.json_fields import decode_loosely
from elizanet.operation import Operation

FLOAT32_BYTES: Final = 4
_SILENT_FINISHES: Final = frozenset({"length", "max_tokens", "content_filter"})
"""Finish reasons that explain an answer without content: a limit, or a filter."""


_BEGINNING: Final = 1000
_SUBTITLES: Final = {
    "vtt": re.compile(rb"WEBVTT"),
    "srt": re.compile(rb"\Z|(?:\d+\s+)?\d+:\d\d(?::\d\d)?[,.]\d+\s*-->"),
}
"""How subtitles begin; those of silence are none, but for the name of the format."""


class ShapeError(ValueError):
    """A success status whose body is not the promised shape.

    `shows_body`: how the body begins would tell more.
    """

    def __init__(self, sentence: str, *, shows_body: bool = False) -> None:
        super().__init__(sentence)
        self.shows_body = shows_body


class Request(msgspec.Struct):
    """The fields of a request that say what its answer has to look like."""

    n: Any = None
    input: Any = None
    dimensions: Any = None


class _Choice(msgspec.Struct):
    message: dict[str, Any] | None = None
    text: str | None = None
    finish_reason: Any = None


class _Choices(msgspec.Struct):
    choices: list[_Choice]


class _Vector(msgspec.Struct):
    embedding: list[float] | str


class _Embeddings(msgspec.Struct):
    data: list[_Vector]


class _Image(msgspec.Struct):
    url: str | None = None
    b64_json: str | None = None


class _Images(msgspec.Struct):
    data: list[_Image]


class _Moderations(msgspec.Struct):
    results: list[dict[str, Any]]


class _Response(msgspec.Struct):
    output: list[dict[str, Any]] | None = None
    status: str = "completed"


class _Transcript(msgspec.Struct):
    text: str


class _ErrorField(msgspec.Struct):
    error: Any = None
    object: Any = None


_decode_request = msgspec.json.Decoder(Request).decode
_decode_choices = msgspec.json.Decoder(_Choices).decode
_decode_embeddings = msgspec.json.Decoder(_Embeddings).decode
_decode_images = msgspec.json.Decoder(_Images).decode
_decode_moderations = msgspec.json.Decoder(_Moderations).decode
_decode_response = msgspec.json.Decoder(_Response).decode
_decode_transcript = msgspec.json.Decoder(_Transcript).decode
_decode_error_field = msgspec.json.Decoder(_ErrorField).decode


def carries_error(body: bytes) -> bool:
    """Tell whether a success body is an error object in disguise."""
    if b'"error"' not in body:
        return False
    try:
        fields = decode_loosely(body, _decode_error_field, _ErrorField)
    except ValueError:
        return False
    return bool(fields.error) or fields.object == "error"


def check_shape(
    operation: Operation, request: bytes, body: bytes, response_format: str = "json"
) -> None:
    """Raise `ShapeError` if `body` does not answer `request`.

    `response_format` is what a form asked for; text that was asked for has no shape but
    that it is no page.
    """
    try:
        if operation in _TRANSCRIBING and response_format not in _JSON_FORMATS:
            _check_text(response_format, body)
        else:
            _CHECKS[operation](request, body)
    except ShapeError:
        raise
    except msgspec.ValidationError as error:
        raise ShapeError(f"not the shape of an answer to {operation}: {error}") from None
    except ValueError:
        raise ShapeError("not JSON", shows_body=True) from None


def is_empty(fields: Mapping[str, Any]) -> bool:
    """Tell whether a message or delta holds nothing that a reader would miss."""
    for name, value in fields.items():  # noqa: SIM110 -- a generator costs three times as much
        if value and name != "role":
            return False
    return True


def explains_silence(finish_reason: object) -> bool:
    """Tell whether an answer that finished so may be without content."""
    return finish_reason in _SILENT_FINISHES


def _check_choices(request: bytes, body: bytes) -> None:
    del request
    choices = decode_loosely(body, _decode_choices, _Choices).choices
    if not choices:
        raise ShapeError("`choices` is empty")
    for choice in choices:
        content = choice.message if choice.message is not None else {"text": choice.text}
        if is_empty(content) and not explains_silence(choice.finish_reason):
            raise ShapeError("an answer without content")


def _check_embeddings(request: bytes, body: bytes) -> None:
    asked = decode_loosely(request, _decode_request, Request)
    vectors = _decode_embeddings(body).data  # strictly: a vector with a NaN is none
    wanted = len(asked.input) if _is_batch(asked.input) else 1
    if len(vectors) != wanted:
        raise ShapeError(f"{len(vectors)} embeddings for {wanted} inputs")
    lengths = {_length(vector.embedding) for vector in vectors}
    if len(lengths) > 1:
        raise ShapeError(f"embeddings of different lengths: {sorted(lengths)}")
    length = lengths.pop() if lengths else 0
    if length == 0:
        raise ShapeError("an empty embedding")
    if isinstance(asked.dimensions, int) and length != asked.dimensions:
        raise ShapeError(f"an embedding of {length} numbers instead of {asked.dimensions}")


def _is_batch(given: object) -> bool:
    """A list of strings or of token lists is many inputs; a list of tokens is one."""
    return isinstance(given, list) and bool(given) and not isinstance(given[0], int)


def _length(embedding: list[float] | str) -> int:
    if isinstance(embedding, list):
        return len(embedding)
    try:
        return len(base64.b64decode(embedding, validate=True)) // FLOAT32_BYTES
    except (binascii.Error, ValueError):
        raise ShapeError("an embedding that is neither numbers nor base64") from None


def _check_images(request: bytes, body: bytes) -> None:
    del request
    images = decode_loosely(body, _decode_images, _Images).data
    if not images or not all(image.url or image.b64_json for image in images):
        raise ShapeError("an answer without images")


def _check_moderations(request: bytes, body: bytes) -> None:
    """Every text has its own result; a list of text and image parts has one."""
    asked = decode_loosely(request, _decode_request, Request).input
    texts = isinstance(asked, list) and all(isinstance(each, str) for each in asked)
    wanted, results = (
        len(asked) if texts else 1,
        decode_loosely(body, _decode_moderations, _Moderations).results,
    )
    if len(results) != wanted:
        raise ShapeError(f"{len(results)} results for {wanted} inputs")


def _check_response(request: bytes, body: bytes) -> None:
    del request
    response = decode_loosely(body, _decode_response, _Response)
    if response.status == "completed" and not response.output:
        raise ShapeError("a completed response without output")


def _check_transcript(request: bytes, body: bytes) -> None:
    del request
    decode_loosely(body, _decode_transcript, _Transcript)  # silence has an empty text


def _check_speech(request: bytes, body: bytes) -> None:
    del request, body
    raise ShapeError("no audio", shows_body=True)


def _check_text(response_format: str, body: bytes) -> None:
    begin = body[:_BEGINNING].lstrip(b"\xef\xbb\xbf \t\r\n")
    fits = _SUBTITLES.get(response_format)
    if begin.startswith(b"<") or (fits is not None and fits.match(begin) is None):
        raise ShapeError(f"not {response_format}", shows_body=True)


_CHECKS: Final[Mapping[Operation, Callable[[bytes, bytes], None]]] = {
    Operation.CHAT: _check_choices,
    Operation.COMPLETION: _check_choices,
    Operation.EMBEDDING: _check_embeddings,
    Operation.IMAGE: _check_images,
    Operation.IMAGE_EDIT: _check_images,
    Operation.IMAGE_VARIATION: _check_images,
    Operation.MODERATION: _check_moderations,
    Operation.RESPONSE: _check_response,
    Operation.SPEECH: _check_speech,  # whatever may be audio is not looked into
    Operation.TRANSCRIPTION: _check_transcript,
    Operation.TRANSLATION: _check_transcript,
}
_TRANSCRIBING: Final = frozenset({Operation.TRANSCRIPTION, Operation.TRANSLATION})
_JSON_FORMATS: Final = frozenset({"json", "verbose_json", "diarized_json"})


def vector_length(body: bytes) -> int:
    """Return the length of the embeddings in a checked answer."""
    return _length(_decode_embeddings(body).data[0].embedding)
