"""Exceptions of the network and of the client: what happened where no answer came."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from elizanet.classify.facts import CANCELLING, ExceptionFacts
from elizanet.classify.kinds import Kind, kind_of
from elizanet.classify.patterns import compiled, has_any
from elizanet.classify.statuses import CLIENT_ERRORS, ERRORS, NOT_SERVED, REQUEST_TIMEOUT
from elizanet.errors import FailureClass

_F = FailureClass


class Finding(NamedTuple):
    """A class, and whether another try could help where that differs from the class's default."""

    failure_class: FailureClass
    retry: bool | None = None


_PERMANENT: Final = (
    "certificate", "hostname mismatch", "address mismatch", "wrong version number",
    "wrong_version_number", "http_request", "name or service not known", "nodename nor servname",
    "no address associated", "getaddrinfo failed", "name does not resolve", "name not resolved",
    "unknown host", "enotfound", "failed to resolve", "domain name not found", "no host supplied",
    "missing an 'http", "missing a scheme", "unsupported protocol", "unsupported_protocol",
    "no scheme", "invalid url", "invalid port", "unknown url type", "proxy authentication",
    "connection failed: 407", "record layer", "record_layer", "unknown ca", "self signed",
    "self-signed", "unknown protocol", "packet length too long", "handshake failure",
    "handshake_failure", "idna",
    "label empty", "label too long", "nonnumeric port", "valid host or port", "invalid endpoint",
)  # fmt: skip
"""Faults of certificates and addresses do not heal by themselves."""
_PASSING: Final = "temporary failure"
_TIMEOUT: Final = r"timed out|time-?out\b|deadline exceeded|\[errno 110\]|etimedout"
_WIRE: Final = (
    "refused", "reset", "broken pipe", "unreachable", "no route", "name resolution", "not known",
    "failed to connect", "cannot connect", "connect call failed", "connection attempts failed",
    "disconnected", "server closed", "connection aborted", "connection closed", "connection lost",
    "connection error", "connection dropped", "socket closed", "network error",
    "tunnel connection", "getaddrinfo", "ssl", "certificate", "proxy", "goaway",
)  # fmt: skip
_CUT: Final = (
    r"incomplete chunked|ended prematurely|transfer length|incompleteread\(\d+ bytes read\)"
)
_SHORT: Final = (
    r"received \d+ bytes, expected|more expected|content length header|illegal status line"
    r"|illegal header line|bad status line|invalid http|not enough data|too little data"
    r"|data.{0,20}decompress|malformed|illegal response|parse|decode content|content-type"
)
_SILENT: Final = r"without sending (?:a |any )?response|without response|server disconnected"
_ANSWER_MODEL: Final = (
    r"\d+ validation errors? for \w*(?:response|completion|chunk|reply|result|output)"
)


_NO_ANSWER: Final = frozenset({_F.CONNECTION, _F.TIMEOUT})


def innermost(chain: Sequence[ExceptionFacts], status: int | None) -> Finding | None:
    """Return what the innermost transport error of a chain means; None if none names a cause.

    `status` is that of the HTTP answer, where there was one. An error that carries a status
    of its own is an answer, whatever its type is called.
    """
    statuses = [facts.status() for facts in chain]
    answered = status in ERRORS or any(own in ERRORS for own in statuses)
    for position in range(len(chain) - 1, -1, -1):
        facts = chain[position]
        kind = kind_of(facts.type, facts.bases)
        if kind is None or kind is Kind.VAGUE or statuses[position] in NOT_SERVED:
            continue
        if kind is Kind.CANCELLED and position:
            continue  # inside another error it is how a timeout works
        if kind is Kind.UNREADABLE and answered and "ecode" in facts.type:
            continue  # the client could not parse the page that came with the error status
        found = _finding(kind, facts)
        if found is None or (found.failure_class in _NO_ANSWER and _was_refused(statuses)):
            continue
        return found
    return None


def _was_refused(statuses: Sequence[int | None]) -> bool:
    """Tell whether an error around says that an answer did come: then this is an older attempt.

    A 408 or 5xx does not count: some clients make them up for a call without an answer.
    """
    return any(own in CLIENT_ERRORS and own != REQUEST_TIMEOUT for own in statuses)


def vaguest(chain: Sequence[ExceptionFacts]) -> Finding | None:
    """Return what the message of an error says whose type only says "connection"."""
    for facts in reversed(chain):
        if kind_of(facts.type, facts.bases) is Kind.VAGUE and facts.status() not in ERRORS:
            return _on_the_wire(facts.message.lower())
    return None


def _finding(kind: Kind, facts: ExceptionFacts) -> Finding | None:
    if kind is Kind.TIMEOUT:
        return Finding(_F.TIMEOUT)
    if kind is Kind.CANCELLED:
        # Where nobody asked for it a library gave up, and the caller still waits.
        asked = facts.attributes.get(CANCELLING, 1) != 0
        return Finding(_F.CANCELLED if asked else _F.CONNECTION)
    if kind is Kind.ADDRESS:
        return Finding(_F.CONNECTION, retry=False)
    if kind is Kind.UNREADABLE:
        looped = "redirect" in facts.type.lower() or "redirect" in facts.message.lower()
        return Finding(_F.MALFORMED_RESPONSE, retry=False if looped else None)
    return _from_message(kind, facts.message.lower())


def _from_message(kind: Kind, told: str) -> Finding | None:
    """Judge the kinds whose message decides; `told` is the message in lower case."""
    if kind is Kind.WIRE:
        return _on_the_wire(told)
    if kind is Kind.TLS:
        return Finding(_F.CONNECTION, retry=False if is_permanent(told) else None)
    if kind is Kind.CUT:
        return _cut(told, _F.STREAM_INTERRUPTED)
    if kind is Kind.HEADER:
        return Finding(_F.BAD_REQUEST if "surrogates" in told else _F.AUTH)
    if kind is Kind.VALIDATION:
        return Finding(_F.MALFORMED_RESPONSE) if compiled(_ANSWER_MODEL).match(told) else None
    return _from_the_system(kind, told)


def _on_the_wire(told: str) -> Finding:
    if is_permanent(told):
        return Finding(_F.CONNECTION, retry=False)
    if compiled(_TIMEOUT).search(told):
        return Finding(_F.TIMEOUT)
    if compiled(_SILENT).search(told):
        return Finding(_F.CONNECTION)
    return _cut(told, _F.CONNECTION)


def is_permanent(told: str) -> bool:
    """Tell whether `told` (lower case) names a fault of an address or a certificate."""
    return has_any(told, _PERMANENT) and _PASSING not in told


def _cut(told: str, otherwise: FailureClass) -> Finding:
    if compiled(_CUT).search(told):
        return Finding(_F.STREAM_INTERRUPTED)
    if compiled(_SHORT).search(told):
        return Finding(_F.MALFORMED_RESPONSE)
    return Finding(otherwise)


def _from_the_system(kind: Kind, told: str) -> Finding | None:
    """Judge what derives from OSError, which is much, and gRPC's own "unavailable"."""
    if kind is Kind.RPC:
        if "statuscode.unavailable" not in told:
            return None
    elif compiled(_TIMEOUT).search(told):
        return Finding(_F.TIMEOUT)
    if has_any(told, _WIRE):
        return Finding(_F.CONNECTION, retry=False if is_permanent(told) else None)
    return None
