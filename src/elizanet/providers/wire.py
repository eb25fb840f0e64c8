"""What a call looks like to an API, and which kind of answer it may get."""

from __future__ import annotations

from typing import Final

from elizanet.call import Call, Headers
from elizanet.classify import verdict_for
from elizanet.errors import FailureClass, ProviderError
from elizanet.http.decoding import ACCEPTED
from elizanet.operation import DEFAULT_MODELS, Operation
from elizanet.providers.splice import replace_model, replace_model_in_form
from elizanet.providers.typed_events import GRAMMARS

BODY_WANTED: Final[Headers] = (("accept", "application/json"), ("accept-encoding", ACCEPTED))
MAY_IGNORE_STREAM: Final = frozenset(GRAMMARS) - {Operation.RESPONSE}
"""The operations in which older models answer whole, whatever the caller asked for."""

_JSON_BODY: Final[Headers] = (("content-type", "application/json"),)
_STREAM_WANTED: Final[Headers] = (("accept", "text/event-stream"), ("accept-encoding", "identity"))
"""A stream is asked for unencoded: a compressor would hold its events back."""
_ANY_WANTED: Final[Headers] = (("accept", "*/*"), ("accept-encoding", "identity"))

_ANY_TYPE: Final = frozenset({Operation.SPEECH, Operation.TRANSCRIPTION, Operation.TRANSLATION})
"""The operations whose whole answers are audio, or text of several formats."""
_NO_STREAM: Final = ("json", "html")
_NO_AUDIO: Final = (*_NO_STREAM, "text/")


def body_for(call: Call) -> bytes:
    """Return the body with the target's model. Raises `ProviderError`."""
    implied = DEFAULT_MODELS.get(call.operation)
    if call.form is not None:
        return replace_model_in_form(call.body, call.form, call.model, implied)
    try:
        return replace_model(call.body, call.model, implied)
    except ValueError as error:
        raise ProviderError(str(error), verdict_for(FailureClass.BAD_REQUEST)) from None


def headers_for(call: Call) -> Headers:
    """Return the headers that say what the body is and what is wanted, and the call's own."""
    form = call.form
    headers = _JSON_BODY if form is None else (("content-type", form.content_type),)
    if call.stream:
        return headers + _STREAM_WANTED + call.headers
    wanted = _ANY_WANTED if call.operation in _ANY_TYPE else BODY_WANTED
    return headers + wanted + call.headers


def content_type(headers: Headers) -> str:
    """Return the content type in lower case, "" if there is none."""
    for name, value in headers:
        if name == "content-type":
            return value.lower()
    return ""


def may_be_stream(call: Call, kind: str) -> bool:
    """Tell whether an answer of this content type can be the stream that the call asks for."""
    if call.operation in MAY_IGNORE_STREAM:
        # A form that is still coming in may not have said yet that it wants a stream.
        coming = call.form is not None and call.form.rest is not None
        return (call.stream and not kind) or ("event-stream" in kind and (call.stream or coming))
    return call.stream and not any(word in kind for word in _NO_STREAM)


def may_be_audio(kind: str) -> bool:
    """Tell whether a body of this content type can be audio."""
    return not any(word in kind for word in _NO_AUDIO)
