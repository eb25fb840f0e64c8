"""What a failure says about the place where it happened.

| failure | what it is evidence of |
|---|---|
| `connection` | the host cannot be reached |
| `rate_limit` | a fact: not before the stated moment; and too many at once |
| `overloaded` | the model fails; 502, 503, 504, 529 also mean too many at once |
| `timeout`, `stream_interrupted` | the model fails |
| `auth` 401, `quota_exhausted` | a fact about the key |
| `auth` 403, `model_not_found` | a fact about this key and this model |
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
    MALFORMED = "malformed"
    NOTHING = "nothing"


_ALWAYS: Final = {
    FailureClass.CONNECTION: Evidence.UNREACHABLE,
    FailureClass.RATE_LIMIT: Evidence.THROTTLED,
    FailureClass.TIMEOUT: Evidence.FAILING,
    FailureClass.STREAM_INTERRUPTED: Evidence.FAILING,
    FailureClass.QUOTA_EXHAUSTED: Evidence.BAD_KEY,
    FailureClass.MODEL_NOT_FOUND: Evidence.BAD_TARGET,
    FailureClass.MALFORMED_RESPONSE: Evidence.MALFORMED,
}
_FORBIDDEN: Final = 403
_INTERNAL_SERVER_ERROR: Final = 500


def evidence_of(error: ProviderError) -> Evidence:
    """Return what the failure says about the place where it happened."""
    match error.failure_class:
        case FailureClass.OVERLOADED:
            plain = error.status == _INTERNAL_SERVER_ERROR
            return Evidence.FAILING if plain else Evidence.OVERLOADED
        case FailureClass.AUTH:
            return Evidence.BAD_TARGET if error.status == _FORBIDDEN else Evidence.BAD_KEY
        case FailureClass.UNKNOWN:
            blames_request = error.status is not None and error.status < _INTERNAL_SERVER_ERROR
            return Evidence.NOTHING if blames_request else Evidence.FAILING
        case failure:
            return _ALWAYS.get(failure, Evidence.NOTHING)
