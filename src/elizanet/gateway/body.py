"""The body of a request: read within a bound, and the few fields that routing needs.

Everything else in it is the provider's business and is not decoded.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import msgspec

from elizanet.call import Form
from elizanet.gateway.asgi import DISCONNECT, Exchange
from elizanet.gateway.refusal import CallerGone, Refusal
from elizanet.gateway.upload import CallerUpload
from elizanet.json_fields import decode_mended
from elizanet.operation import DEFAULT_MODELS, Operation

MAX_MODEL_CHARACTERS: Final = 512

_BAD_JSON: Final = "invalid_json"
_BAD_TYPE: Final = "invalid_type"
_WANTED: Final = {"model": "a string", "stream": "true or false"}
_FIELD: Final = re.compile(r"(?:field `|at `\$\.)(\w+)`")
_HALF: Final = "\ufffd"
"""What half a character is read as."""
_BYTE: Final = re.compile(r"\(byte (\d+)\)")
_NO_NUMBER: Final = re.compile(rb"NaN|-?Infinity")
_FOUND: Final = re.compile(r"got `(\w+)`")
_STREAMED: Final = frozenset(
    {
        *(Operation.CHAT, Operation.COMPLETION, Operation.RESPONSE),
        *(Operation.IMAGE, Operation.IMAGE_EDIT, Operation.TRANSCRIPTION),
    }
)
"""The operations in which `stream` means a stream of events."""


class Wanted(msgspec.Struct):
    """What a body says about its own treatment. `Any`: a wrong type is the provider's affair."""

    model: str
    stream: bool | None = None
    stream_format: Any = None
    service_tier: Any = None
    store: Any = None
    previous_response_id: Any = None
    conversation: Any = None


class _Lenient(Wanted):
    """A body that may leave out its model."""

    model: str | None = None  # type: ignore[assignment]  # `decode_body` fills it in


class Asked(msgspec.Struct, frozen=True):
    """A request as far as the gateway reads it.

    `form`: it is one, and no JSON. `upload`: the rest of it, which is still to come.
    """

    body: bytes
    wanted: Wanted
    stream: bool
    form: Form | None = None
    upload: CallerUpload | None = None


_decode = msgspec.json.Decoder(Wanted).decode
_decode_lenient = msgspec.json.Decoder(_Lenient).decode


def refuse_encoding(exchange: Exchange) -> None:
    """Raise `Refusal` (415) for a body that would first have to be decoded."""
    if exchange.headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise Refusal(
            "the request body must be sent without content-encoding",
            code="unsupported_content_encoding",
            status=415,
            headers=((b"accept-encoding", b"identity"),),
        )


async def read_body(exchange: Exchange, most: int) -> bytes:
    """Read the whole body. Raises `Refusal` (413) and `CallerGone`."""
    if int(exchange.headers.get(b"content-length", b"0")) > most:
        raise too_large(most)
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await exchange.receive()
        if message["type"] == DISCONNECT:
            raise CallerGone
        piece: bytes = message.get("body", b"")
        size += len(piece)
        if size > most:
            raise too_large(most)
        if not message.get("more_body", False):
            return b"".join((*pieces, piece)) if pieces else piece
        pieces.append(piece)


def asked_in(operation: Operation, body: bytes) -> Asked:
    """Return what a JSON body asks for. Raises `Refusal` (400)."""
    wanted = decode_body(body, DEFAULT_MODELS.get(operation))
    if operation is Operation.SPEECH:
        stream = wanted.stream_format == "sse"
    else:
        stream = wanted.stream is True and operation in _STREAMED
    return Asked(body, wanted, stream)


def decode_body(body: bytes, default_model: str | None = None) -> Wanted:
    """Return what the body says. Raises `Refusal` (400) with one sentence if it is wrong."""
    try:
        if not body.isascii():
            body.decode()  # the decoder below does not look into strings it skips
        decode: Callable[[bytes], Wanted] = _decode if default_model is None else _decode_lenient
        wanted = decode_mended(body, decode)  # clients that cut a text send half a character
    except RecursionError:
        raise _wrong("the request body is nested too deeply", _BAD_JSON) from None
    except msgspec.ValidationError as error:
        raise _wrong_field(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _wrong(f"the request body {_why_not_json(body, error)}", _BAD_JSON) from None
    if wanted.model is None:
        wanted.model = default_model or ""
    check_model(wanted.model)
    return wanted


def _why_not_json(body: bytes, error: Exception) -> str:
    if not body.strip():
        return "is empty"
    place = _BYTE.search(str(error))
    number = _NO_NUMBER.match(body, int(place[1])) if place else None
    if place is None or number is None:
        return f"is not JSON: {error}"
    named = number[0].decode()
    return f"is not JSON: {named} (byte {place[1]}) is no number there; send null, or leave it out"


def check_model(model: str) -> None:
    """Raise `Refusal` (400) for what cannot be the name of a model."""
    is_whole = model.isprintable() and _HALF not in model
    if not (0 < len(model) <= MAX_MODEL_CHARACTERS and is_whole):
        allowed = f"1 to {MAX_MODEL_CHARACTERS} printable characters"
        raise _wrong(f"`model` must have {allowed}", "invalid_value", "model")


def missing(name: str) -> Refusal:
    """Return the refusal of a body without a field that it needs."""
    return _wrong(f"`{name}` is missing", "missing_required_parameter", name)


def too_large(most: int, instead: str = "") -> Refusal:
    """Return the refusal of a body over the bound; `instead`: what could be done about it."""
    message = f"the request body is larger than the {most} bytes that this gateway takes{instead}"
    return Refusal(message, code="request_too_large", status=413)


def _wrong_field(told: str) -> Refusal:
    """Say in our words what the decoder found."""
    field, found = _FIELD.search(told), _FOUND.search(told)
    if field is None:
        kind = found[1] if found else "another value"
        return _wrong(f"the request body must be a JSON object, not {kind}", _BAD_TYPE)
    name = field[1]
    if found is None:
        return missing(name)
    return _wrong(f"`{name}` must be {_WANTED[name]}, not {found[1]}", _BAD_TYPE, name)


def _wrong(message: str, code: str, param: str | None = None) -> Refusal:
    return Refusal(message, code=code, status=400, param=param)
