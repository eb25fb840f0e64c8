"""HTTP statuses: the last witness, when nothing else was said."""

from __future__ import annotations

from typing import Final

from elizanet.errors import FailureClass

_F = FailureClass

SUCCESSES: Final = range(200, 300)
REDIRECTS: Final = range(300, 400)
ERRORS: Final = range(400, 600)
NOT_SERVED: Final = range(REDIRECTS.start, ERRORS.stop)
CLIENT_ERRORS: Final = range(400, 500)
PROXY_CREDENTIALS: Final = 407
REQUEST_TIMEOUT: Final = 408
_SERVER_ERRORS: Final = range(500, 600)
CLIENT_MADE: Final = 500
"""The status LiteLLM makes up for a call that had no answer at all."""

_KNOWN: Final = {
    400: _F.BAD_REQUEST,
    401: _F.AUTH,
    402: _F.QUOTA_EXHAUSTED,
    403: _F.AUTH,
    407: _F.CONNECTION,
    408: _F.TIMEOUT,
    410: _F.MODEL_NOT_FOUND,
    413: _F.PAYLOAD_TOO_LARGE,
    414: _F.PAYLOAD_TOO_LARGE,
    415: _F.BAD_REQUEST,
    422: _F.BAD_REQUEST,
    424: _F.OVERLOADED,
    425: _F.OVERLOADED,
    429: _F.RATE_LIMIT,
    431: _F.PAYLOAD_TOO_LARGE,
    451: _F.AUTH,
    499: _F.CANCELLED,
    511: _F.AUTH,
}

VAGUE: Final = frozenset({400, 404, 409, 412, 418, 422})
"""Statuses that services use for anything: a code that names a family knows better."""


def class_of_status(status: int) -> FailureClass | None:
    """Return what a status says by itself, or None if it says nothing."""
    if status in _KNOWN:
        return _KNOWN[status]
    return _F.OVERLOADED if status in _SERVER_ERRORS else None
