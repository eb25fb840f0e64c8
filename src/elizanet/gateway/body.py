"""The body of a request: read within a bound, and the two fields that routing needs.

Everything else in it is the provider's business and is not decoded.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from elizanet.gateway.asgi import DISCONNECT, Exchange
from elizanet.gateway.refusal import CallerGone, Refusal

MAX_MODEL_CHARACTERS: Final = 512

_BAD_JSON: Final = "invalid_json"
_BAD_TYPE: Final = "invalid_type"
_WANTED: Final = {"model": "a string", "stream": "true or false"}
_FIELD: Final = re.compile(r"(?:field `|at `\$\.)(\w+)`")
_FOUND: Final = re.compile(r"got `(\w+)`")


class Wanted(msgspec.Struct):
    """What a body says about its own treatment."""

    model: str
    stream: bool | None = None


_decode = msgspec.json.Decoder(Wanted).decode


async def read_body(exchange: Exchange, most: int) -> bytes:
    """Read the whole body. Raises `Refusal` (413, 415) and `CallerGone`."""
    headers = exchange.headers
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise Refusal(
            "the request body must be sent without content-encoding",
            code="unsupported_content_encoding",
            status=415,
            headers=((b"accept-encoding", b"identity"),),
        )
    if int(headers.get(b"content-length", b"0")) > most:
        raise _too_large(most)
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await exchange.receive()
        if message["type"] == DISCONNECT:
            raise CallerGone
        piece: bytes = message.get("body", b"")
        size += len(piece)
        if size > most:
            raise _too_large(most)
        if not message.get("more_body", False):
            return b"".join((*pieces, piece)) if pieces else piece
        pieces.append(piece)


def decode_body(body: bytes) -> Wanted:
    """Return what the body says. Raises `Refusal` (400) with one sentence if it is wrong."""
    try:
        if not body.isascii():
            body.decode()  # the decoder below does not look into strings it skips
        wanted = _decode(body)
    except RecursionError:
        raise _wrong("the request body is nested too deeply", _BAD_JSON) from None
    except msgspec.ValidationError as error:
        raise _wrong_field(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        reason = f"is not JSON: {error}" if body.strip() else "is empty"
        raise _wrong(f"the request body {reason}", _BAD_JSON) from None
    if not (0 < len(wanted.model) <= MAX_MODEL_CHARACTERS and wanted.model.isprintable()):
        allowed = f"1 to {MAX_MODEL_CHARACTERS} printable characters"
        raise _wrong(f"`model` must have {allowed}", "invalid_value", "model")
    return wanted


def _wrong_field(told: str) -> Refusal:
    """Say in our words what the decoder found."""
    field, found = _FIELD.search(told), _FOUND.search(told)
    if field is None:
        kind = found[1] if found else "another value"
        return _wrong(f"the request body must be a JSON object, not {kind}", _BAD_TYPE)
    name = field[1]
    if found is None:
        return _wrong(f"`{name}` is missing", "missing_required_parameter", name)
    return _wrong(f"`{name}` must be {_WANTED[name]}, not {found[1]}", _BAD_TYPE, name)


def _wrong(message: str, code: str, param: str | None = None) -> Refusal:
    return Refusal(message, code=code, status=400, param=param)


def _too_large(most: int) -> Refusal:
    message = f"the request body is larger than the {most} bytes that this gateway takes"
    return Refusal(message, code="request_too_large", status=413)
