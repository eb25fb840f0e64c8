"""Which headers cross the gateway, and what it adds to them.

Of a caller's headers those on a short list go upstream, because any other may be a credential,
a cookie or an address inside the caller's network, or may choose an account: which key,
organisation and project pay is the operator's business. Of a provider's headers all come back
but those on a list, because clients rely on many and nobody knows them all. What frames a body
is the server's, what belongs to a connection ends with it, and what tells of the provider's
machines or of the operator's account there is nobody else's business. `access-control-*` is
among them: a provider must not open a local gateway to web pages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from elizanet.call import Attempt, Head, Headers
from elizanet.errors import FailureClass

RawHeader = tuple[bytes, bytes]

_REQUEST_ID: Final = b"x-request-id"
_KEPT: Final = re.compile(r"x-request-id|retry-after(-ms)?|x-ratelimit-.*|x-should-retry")
_STRIPPED: Final = re.compile(
    # of one connection, or of one framing of the body
    r"connection|keep-alive|proxy-.*|te|trailers?|transfer-encoding|upgrade|http2-settings"
    r"|content-(length|encoding|location)|location|refresh|link"
    # of the provider's site
    r"|set-cookie2?|server(-timing)?|date|via|age|alt-svc|nel|report(ing-endpoints|-to)"
    r"|strict-transport-security|www-authenticate|access-control-.*|x-powered-by|x-served-by"
    r"|x-cache.*|x-timer|x-backend.*|x-real-ip|x-(forwarded|envoy|amz|amzn|azure|ms|goog|google)-.*"
    r"|x-(litellm|elizanet|groq|vercel|railway|render|fly|kong|openrouter|together|fireworks|nvcf)-.*|(cf|fly|apim|azureml|rndr)-.*"
    # of the operator's account
    r"|.*(organi[sz]ation|project|account|tenant|subscription|deployment|api-?base).*"
)
_TRACE: Final = b"traceparent"
_TRACE_IDS: Final = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
"""What W3C's Trace Context has there: numbers by chance, and nothing that names anybody."""
_FORWARDED: Final = frozenset({b"openai-beta", b"idempotency-key", b"x-client-request-id", _TRACE})
"""Headers of callers that mean the request, and not who sends it."""
_FORWARDED_WITH_FILES: Final = _FORWARDED | {
    *(b"accept", b"content-type", b"content-encoding", b"range", b"if-range"),
    *(b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since"),
}
"""Those of a request that is no call: they say what its body is, and which part is wanted."""
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_PLAIN: Final = "".join(map(chr, range(33, 127))).replace("%", "")


def forwarded(given: Mapping[bytes, bytes], *, with_files: bool = False) -> Headers:
    """Return those of a caller's headers that the provider gets."""
    names = (_FORWARDED_WITH_FILES if with_files else _FORWARDED) & given.keys()
    if not names:
        return ()
    if _TRACE in names and not _TRACE_IDS.fullmatch(given[_TRACE]):
        names = names - {_TRACE}
    return tuple((name.decode(), given[name].decode("latin-1")) for name in sorted(names))


def answered(
    head: Head, call_id: str, attempts: Sequence[Attempt], fallback: FailureClass | None = None
) -> list[RawHeader]:
    """Return the headers of an answer: the provider's, and the gateway's own.

    `fallback`: the failure class of the first choice, if another one has answered.
    """
    headers = passed_on(head.headers)
    for name, _ in headers:
        if name == _REQUEST_ID:
            break
    else:
        headers.append((_REQUEST_ID, call_id.encode()))  # clients show it, and report by it
    headers += about(call_id, head.provider, head.model, attempts)
    if fallback is not None:
        headers.append((b"x-elizanet-fallback", fallback.encode()))
    return headers


def stated_length(headers: Headers) -> list[RawHeader]:
    """Return the length of a body that is passed on as it is, where the provider said it."""
    given = dict(headers)
    if "content-length" not in given or "content-encoding" in given:
        return []
    return [(b"content-length", given["content-length"].encode())]


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
    """Return the gateway's own headers; `provider` and `model` are of whoever answered.

    For a request that is no call `model` is empty, and so is the list of attempts.
    """
    return [
        (b"x-elizanet-request-id", call_id.encode()),
        *_target(provider, model),
        (b"x-elizanet-attempts", b"%d" % (len(attempts) or 1)),
    ]


@lru_cache(maxsize=256)
def _wire_name(name: str) -> bytes | None:
    """Return the name as it is sent, or None if the header does not pass."""
    if not _NAME.fullmatch(name):
        return None
    passes = _KEPT.fullmatch(name) or not _STRIPPED.fullmatch(name)
    return name.encode() if passes else None


@lru_cache(maxsize=256)
def _target(provider: str, model: str) -> tuple[RawHeader, ...]:
    named = ((b"x-elizanet-provider", provider), (b"x-elizanet-model", model))
    return tuple((name, quote(value, safe=_PLAIN).encode()) for name, value in named if value)


def _without_nominated(passed: list[RawHeader], headers: Headers) -> list[RawHeader]:
    """Leave out the headers that `Connection` names: they were meant for the hop before."""
    values = [value for name, value in headers if name == "connection"]
    named = {token.strip().lower().encode() for value in values for token in value.split(",")}
    return [header for header in passed if header[0] not in named]
