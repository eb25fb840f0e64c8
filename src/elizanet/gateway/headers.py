"""Which headers of a provider reach the caller, and what the gateway adds to them.

What frames a body is the server's, what belongs to a connection ends with it, and what tells
of the provider's machines or of the operator's account there is nobody else's business.
`access-control-*` is among them: a provider must not open a local gateway to web pages.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from elizanet.call import Attempt, Headers

RawHeader = tuple[bytes, bytes]

_KEPT: Final = re.compile(r"x-request-id|retry-after(-ms)?|x-ratelimit-.*|x-should-retry")
_STRIPPED: Final = re.compile(
    # of one connection, or of one framing of the body
    r"connection|keep-alive|proxy-.*|te|trailers?|transfer-encoding|upgrade|http2-settings"
    r"|content-(length|encoding|location)|location|refresh|link"
    # of the provider's site
    r"|set-cookie2?|server(-timing)?|date|via|age|alt-svc|nel|report(ing-endpoints|-to)"
    r"|strict-transport-security|www-authenticate|access-control-.*|x-powered-by|x-served-by"
    r"|x-cache.*|x-timer|x-backend.*|x-real-ip|x-(forwarded|envoy|amz|amzn|azure|ms|goog|google)-.*"
    r"|x-(litellm|elizanet|groq|vercel|railway|render|fly|kong)-.*|(cf|fly|apim|azureml|rndr)-.*"
    # of the operator's account
    r"|.*(organi[sz]ation|project|account|tenant|subscription|deployment|api-?base).*"
)
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_PLAIN: Final = "".join(map(chr, range(33, 127))).replace("%", "")


def passed_on(headers: Headers) -> list[RawHeader]:
    """Return those of a provider's headers that the caller gets."""
    passed = []
    nominated = False
    for name, value in headers:
        raw = _wire_name(name)
        if raw is not None and (value.isascii() and value.isprintable()):
            passed.append((raw, value.encode()))
        nominated = nominated or name == "connection"
    if nominated:
        return _without_nominated(passed, headers)
    return passed


def about(call_id: str, provider: str, model: str, attempts: Sequence[Attempt]) -> list[RawHeader]:
    """Return the gateway's own headers; `provider` and `model` are of whoever answered."""
    told = [
        (b"x-elizanet-request-id", call_id.encode()),
        *_target(provider, model),
        (b"x-elizanet-attempts", b"%d" % len(attempts)),
    ]
    if len(attempts) > 1:
        first = attempts[0]
        moved = (first.provider, first.model) != (attempts[-1].provider, attempts[-1].model)
        if moved and first.failure_class is not None:
            told.append((b"x-elizanet-fallback", first.failure_class.encode()))
    return told


@lru_cache(maxsize=256)
def _wire_name(name: str) -> bytes | None:
    """Return the name as it is sent, or None if the header does not pass."""
    if not _NAME.fullmatch(name):
        return None
    passes = _KEPT.fullmatch(name) or not _STRIPPED.fullmatch(name)
    return name.encode() if passes else None


@lru_cache(maxsize=256)
def _target(provider: str, model: str) -> tuple[RawHeader, RawHeader]:
    return (
        (b"x-elizanet-provider", quote(provider, safe=_PLAIN).encode()),
        (b"x-elizanet-model", quote(model, safe=_PLAIN).encode()),
    )


def _without_nominated(passed: list[RawHeader], headers: Headers) -> list[RawHeader]:
    """Leave out the headers that `Connection` names: they were meant for the hop before."""
    values = [value for name, value in headers if name == "connection"]
    named = {token.strip().lower().encode() for value in values for token in value.split(",")}
    return [header for header in passed if header[0] not in named]
