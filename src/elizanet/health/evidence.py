"""What a failure says about the place where it happened.

| failure | what it is evidence of |
|---|---|
| `connection` | the host cannot be reached |
| `rate_limit` | a fact: not before the stated moment; and too many at once |
| `overloaded` | the model fails; 502, 503, 504, 529 also mean too many at once |
| `timeout`, `stream_interrupted` | the model fails |
| `auth` 401, `quota_exhausted` | a fact about the key |
| `auth` 403, `model_not_found` | a fact about this key and this model |
| `model_not_found`, but it may be about one request | nothing, until the third in a row |
| `malformed_response` | nothing, until the third in a row |
| `unknown` | the model fails, unless the status blames the request |
| the rest | nothing: it is about the call |
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from elizanet.errors import FailureClass, ProviderError


class Evidence(Enum):
    """What is learnt from a failure, and about which place."""

    UNREACHABLE = "unreachable"
    THROTTLED = "throttled"
    OVERLOADED = "overloaded"
    FAILING = "failing"
    BAD_KEY = "bad_key"
    BAD_TARGET = "bad_target"
    UNSUPPORTED = "unsupported"
    MALFORMED = "malformed"
    NOTHING = "nothing"


_ALWAYS: Final = {
    FailureClass.CONNECTION: Evidence.UNREACHABLE,
    FailureClass.RATE_LIMIT: Evidence.THROTTLED,
    FailureClass.TIMEOUT: Evidence.FAILING,
    FailureClass.STREAM_INTERRUPTED: Evidence.FAILING,
    FailureClass.QUOTA_EXHAUSTED: Evidence.BAD_KEY,
    FailureClass.MALFORMED_RESPONSE: Evidence.MALFORMED,
}
PROVEN: Final = {
    Evidence.MALFORMED: Evidence.FAILING,
    Evidence.UNSUPPORTED: Evidence.BAD_TARGET,
}
"""What it is evidence of when it happens several times in a row, whatever was asked."""

_CLIENT_ERRORS: Final = range(400, 500)
_FORBIDDEN: Final = 403
_GONE: Final = frozenset({404, 410, None})
_INTERNAL_SERVER_ERROR: Final = 500


def evidence_of(error: ProviderError) -> Evidence:
    """Return what the failure says about the place where it happened."""
    if error.is_ours:
        return Evidence.NOTHING
    match error.failure_class:
        case FailureClass.OVERLOADED:
            plain = error.status == _INTERNAL_SERVER_ERROR
            return Evidence.FAILING if plain else Evidence.OVERLOADED
        case FailureClass.AUTH:
            return Evidence.BAD_TARGET if error.status == _FORBIDDEN else Evidence.BAD_KEY
        case FailureClass.UNKNOWN:
            return Evidence.NOTHING if error.status in _CLIENT_ERRORS else Evidence.FAILING
        case FailureClass.MODEL_NOT_FOUND:
            return Evidence.BAD_TARGET if _is_gone(error) else Evidence.UNSUPPORTED
        case failure:
            return _ALWAYS.get(failure, Evidence.NOTHING)


def _is_gone(error: ProviderError) -> bool:
    """Tell a model that does not exist from one that cannot do what this request asks for.

    A model without tools or images is the same class of failure, and is not to be taken from
    all the calls that ask for neither.
    """
    return error.status in _GONE and "support" not in error.message.lower()
