"""Bodies that are forms: kept whole up to the bound, so that they can be sent again.

A larger one streams to the first target while it comes in. Its model has to be known by then,
so that it can be routed.
"""

from __future__ import annotations

from typing import Final

from elizanet.call import Form
from elizanet.classify import verdict_for
from elizanet.errors import FailureClass, ProviderError
from elizanet.gateway.asgi import DISCONNECT, Exchange
from elizanet.gateway.body import (
    Asked,
    Wanted,
    check_model,
    missing,
    too_large,
)
from elizanet.gateway.refusal import CallerGone, Refusal
from elizanet.gateway.upload import CallerUpload
from elizanet.multipart import Field, FormError, FormScanner, boundary_in
from elizanet.operation import DEFAULT_MODELS, Operation

MEDIA_TYPE: Final = b"multipart/form-data"

_STREAMED: Final = frozenset({Operation.IMAGE_EDIT, Operation.TRANSCRIPTION})
_TRUE: Final = frozenset({"true", "1", "yes", "on"})
_FIELDS: Final = frozenset({"model", "stream", "response_format"})
_MODEL_PART: Final = b'--%b\r\ncontent-disposition: form-data; name="model"\r\n\r\n'


def is_form(exchange: Exchange) -> bool:
    """Tell whether the body is a form."""
    content_type = exchange.headers.get(b"content-type", b"")
    return content_type.partition(b";")[0].strip().lower() == MEDIA_TYPE


async def read_form(operation: Operation, exchange: Exchange, most: int) -> Asked:
    """Read a form, whole or until it is larger than `most` bytes.

    Raises `Refusal` (400, 413) and `CallerGone`.
    """
    content_type = exchange.headers[b"content-type"].decode("latin-1")
    try:
        boundary = boundary_in(content_type)
        scanner = FormScanner(boundary, _FIELDS)
        body, more = await _read(exchange, scanner, most)
    except FormError as error:
        raise _wrong(error) from None
    upload = CallerUpload(exchange, len(body), _Watched(scanner)) if more else None
    fields, implied = scanner.fields, DEFAULT_MODELS.get(operation)
    model = fields.get("model")
    if model is None and more:
        advice = "; one whose field `model` stands before the file is streamed to the provider"
        raise too_large(most, advice)
    if model is None and implied is None:
        raise missing("model")
    form = _form(content_type, boundary, scanner.begins_at, fields, upload)
    name = model.value if model is not None else implied or ""
    check_model(name)
    stream = operation in _STREAMED and _value(fields, "stream", "false").lower() in _TRUE
    return Asked(body, Wanted(name), stream, form, upload)


async def _read(exchange: Exchange, scanner: FormScanner, most: int) -> tuple[bytes, bool]:
    """Return the body, or more than `most` bytes of it and that there is more."""
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await exchange.receive()
        if message["type"] == DISCONNECT:
            raise CallerGone
        piece: bytes = message.get("body", b"")
        scanner.feed(piece)
        pieces.append(piece)
        size += len(piece)
        if not message.get("more_body", False):
            scanner.finish()
            return b"".join(pieces), False
        if size > most:
            return b"".join(pieces), True


def _form(
    content_type: str,
    boundary: bytes,
    begins_at: int,
    fields: dict[str, Field],
    upload: CallerUpload | None,
) -> Form:
    unknown = "json" if upload is None else "any"  # the field may be in what is still to come
    response_format = _value(fields, "response_format", unknown)
    model = fields.get("model")
    if model is None:  # a part of its own, before all others
        part = _MODEL_PART % boundary
        return Form(content_type, begins_at, begins_at, part, b"\r\n", response_format, upload)
    return Form(content_type, model.start, model.end, response_format=response_format, rest=upload)


def _value(fields: dict[str, Field], name: str, default: str) -> str:
    return fields[name].value if name in fields else default


def _wrong(error: FormError) -> Refusal:
    return Refusal(str(error), code="invalid_form", status=400)


class _Watched:
    """Reads what streams through for a second `model`, which would be another request."""

    def __init__(self, scanner: FormScanner) -> None:
        self._scanner = scanner

    def feed(self, data: bytes) -> None:
        """Raise `ProviderError` (a bad request) if the form turns out to be wrong."""
        try:
            self._scanner.feed(data)
        except FormError as error:
            raise _as_attempt(error) from None

    def finish(self) -> None:
        """As `feed`, at the end."""
        try:
            self._scanner.finish()
        except FormError as error:
            raise _as_attempt(error) from None


def _as_attempt(error: FormError) -> ProviderError:
    return ProviderError(str(error), verdict_for(FailureClass.BAD_REQUEST))
