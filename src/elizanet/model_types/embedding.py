"""TEXT_EMBEDDING: a text in, a vector of the configured length out.

The specification answers a failed embedding with a marker vector: all zeros but for the
first number, which tells the reason. Such a vector says so of itself (`DegradedVector`).
"""

from __future__ import annotations

import base64
from array import array
from collections.abc import Sequence
from enum import Enum
from typing import Any, Final

import msgspec

from elizanet.errors import AllTargetsFailed, CallFailed, FailureClass, InputError, ProviderError
from elizanet.model_types.parameters import Parameters, checked_text

_NATIVE_LENGTHS: Final = {"text-embedding-3-small": 1536, "text-embedding-3-large": 3072}
_NETWORK: Final = frozenset(
    {FailureClass.TIMEOUT, FailureClass.CONNECTION, FailureClass.STREAM_INTERRUPTED}
)


class Marker(Enum):
    """The first number of a marker vector, by the reason for it."""

    NULL_INPUT = 0.1
    INVALID_INPUT = 0.2
    EMPTY_TEXT = 0.3
    API_ERROR = 0.4
    MALFORMED_RESPONSE = 0.5
    NETWORK_ERROR = 0.6


class DegradedVector(list[float]):
    """A marker vector: a list of numbers that is no embedding, and knows it."""

    degraded: Final = True

    def __init__(self, marker: Marker, length: int, reason: str) -> None:
        super().__init__([marker.value, *([0.0] * (length - 1))])
        self.marker = marker
        self.reason = reason

    def __repr__(self) -> str:
        return f"<DegradedVector {self.marker.name} length={len(self)}: {self.reason}>"


class UnusableText(Exception):
    """There is no text to embed; `marker` says why."""

    def __init__(self, marker: Marker, reason: str) -> None:
        super().__init__(reason)
        self.marker = marker
        self.reason = reason


class _Vector(msgspec.Struct):
    embedding: list[float] | str
    index: Any = None


class _Vectors(msgspec.Struct):
    data: list[_Vector]


_decode_vectors = msgspec.json.Decoder(_Vectors).decode


def texts_of(given: object, parameters: Parameters, most: int) -> list[str] | str:
    """Take what is to be embedded out of the parameters: one text, or a list of texts.

    Raises `UnusableText` if there is none, `InputError` for one that is too long.
    """
    if given is None:
        raise UnusableText(Marker.NULL_INPUT, "the input is null")
    texts = [parameters.pop(name) for name in ("text", "input", "texts") if name in parameters]
    if not texts:
        raise UnusableText(Marker.INVALID_INPUT, "the input has no `text`")
    value = texts[0]
    if isinstance(value, Sequence) and not isinstance(value, str):
        if not value:
            raise UnusableText(Marker.EMPTY_TEXT, "the list of texts is empty")
        return [_text(item, most) for item in value]
    return _text(value, most)


def _text(value: object, most: int) -> str:
    if not isinstance(value, str):
        kind = type(value).__name__
        raise UnusableText(Marker.INVALID_INPUT, f"`text` must be a string, not {kind}")
    if not value.strip():
        raise UnusableText(Marker.EMPTY_TEXT, "the text is empty")
    return checked_text(value, "text", most)


def embedding_fields(
    texts: list[str] | str, model: str, length: int, others: Parameters
) -> Parameters:
    """Return the fields of the request. A length other than the model's own is asked for."""
    fields: Parameters = {"model": model, "input": texts}
    if _NATIVE_LENGTHS.get(model, length) != length:
        fields["dimensions"] = length
    return fields | others


def vectors_in(body: bytes) -> list[list[float]]:
    """Return the vectors of a checked answer, in the order of the inputs."""
    data = _decode_vectors(body).data
    if sorted(str(vector.index) for vector in data) == sorted(map(str, range(len(data)))):
        data.sort(key=lambda vector: int(vector.index))
    return [_numbers(vector.embedding) for vector in data]


def _numbers(embedding: list[float] | str) -> list[float]:
    if isinstance(embedding, list):
        return embedding
    numbers = array("f")
    numbers.frombytes(base64.b64decode(embedding))
    return numbers.tolist()


def marker_for(error: CallFailed) -> Marker:
    """Return the marker for a call that failed: what its last target said."""
    last: CallFailed = error
    if isinstance(error, AllTargetsFailed) and error.errors:
        last = error.errors[-1]
    if last.failure_class is FailureClass.MALFORMED_RESPONSE:
        return Marker.MALFORMED_RESPONSE
    status = last.status if isinstance(last, ProviderError) else None
    network = status is None or last.failure_class in _NETWORK
    return Marker.NETWORK_ERROR if network else Marker.API_ERROR


def as_input_error(unusable: UnusableText) -> InputError:
    """Return the error for a caller who wants errors instead of marker vectors."""
    return InputError(f"nothing can be embedded: {unusable.reason}", param="text")
