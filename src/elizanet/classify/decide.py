"""The judgement: asks the witnesses in the order that the package's first page states."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from elizanet.classify import codes, texts
from elizanet.classify.delays import stated_delay
from elizanet.classify.evidence import Layer
from elizanet.classify.failure import Failure
from elizanet.classify.gather import Case, gather, is_stream
from elizanet.classify.kinds import Kind, kind_of
from elizanet.classify.statuses import (
    CLIENT_MADE,
    PROXY_CREDENTIALS,
    REDIRECTS,
    SUCCESSES,
    VAGUE,
    class_of_status,
)
from elizanet.classify.transport import Finding, innermost, is_permanent, vaguest
from elizanet.classify.verdicts import verdict_for
from elizanet.classify.windows import settled
from elizanet.errors import FailureClass, Verdict

_F = FailureClass

_SELF_EVIDENT: Final = frozenset({_F.CONNECTION, _F.TIMEOUT, _F.CANCELLED})
"""What the wire says that needs no other witness: there was no answer."""

_LIMITS: Final = frozenset({_F.RATE_LIMIT, _F.QUOTA_EXHAUSTED})
_DELAYED: Final = _LIMITS | {_F.OVERLOADED, _F.TIMEOUT, _F.UNKNOWN, _F.STREAM_INTERRUPTED}
"""Classes for which a stated delay means something; reset headers only count for limits."""


def judge(failure: Failure) -> Verdict:
    """Return the verdict on a failure."""
    chain = list(failure.exception.chain()) if failure.exception else []
    wire = innermost(chain, failure.status) if chain else None
    streamed = is_stream(failure)
    if wire is not None and wire.failure_class in _SELF_EVIDENT and not streamed:
        return verdict_for(wire.failure_class, retry=wire.retry)
    case = gather(failure, chain)
    layers = case.evidence.ranked()
    found = _stream(case, layers, wire) if streamed else _found(case, layers, wire)
    failure_class, retry = found
    delay = None
    if failure_class in _DELAYED:
        delay = _delay(case, layers, resets=failure_class in _LIMITS)
    if failure_class in _LIMITS:
        failure_class = settled(failure_class, delay, layers)
    if case.evidence.headers.get("x-should-retry") == "false":
        retry = False
    return verdict_for(failure_class, retry_after_s=delay, retry=retry)


def _delay(case: Case, layers: list[Layer], *, resets: bool) -> float | None:
    headers = case.evidence.headers
    if not resets:
        headers = {name: value for name, value in headers.items() if "reset" not in name}
    sentences = (layer.read().whole for layer in layers if layer.prose)
    return stated_delay(headers, case.evidence.delays, sentences, time.time())


def _found(case: Case, layers: list[Layer], wire: Finding | None) -> Finding:
    if case.succeeded and case.evidence.html:  # a login page, or another site altogether
        return Finding(_F.MALFORMED_RESPONSE, retry=False)
    if case.evidence.status == PROXY_CREDENTIALS:
        return Finding(_F.CONNECTION, retry=False)
    if case.evidence.status is None and case.answered is not None and case.answered in REDIRECTS:
        return Finding(_F.MALFORMED_RESPONSE, retry=False)
    if wire is not None:
        return wire
    for ask in _WITNESSES:
        found = ask(case, layers)
        if found is not None:
            return Finding(_F.MALFORMED_RESPONSE) if _is_ours(case, found) else found
    return Finding(_F.UNKNOWN)


def _is_ours(case: Case, found: Finding) -> bool:
    """Tell whether a complaint about a request is really one of our own side about an answer."""
    if found.failure_class is not _F.BAD_REQUEST or not (case.succeeded and case.chain):
        return False
    return case.chain[0].type.startswith(("builtins.", "pydantic"))


def _named(case: Case, layers: list[Layer]) -> Finding | None:
    """Ask the codes and sentences that name one cause."""
    quotes = case.evidence.status not in (400, 422)
    for layer in layers:
        for name in (*layer.names, *layer.read().names):
            if name in codes.SPECIFIC:
                return Finding(codes.SPECIFIC[name])
        found = _read_strong(layer, quotes=quotes)
        if found is not None:
            return Finding(found)
    return None


def _read_strong(layer: Layer, *, quotes: bool) -> FailureClass | None:
    """Read the sentences, and what they quote only where the caller is not the one quoted."""
    for name in layer.unknown:
        if found := texts.STRONG.of_name(name):
            return found
    if not layer.prose:
        return None
    bare, whole, _ = layer.read()
    found = texts.STRONG.first_match(bare)
    if found is None and quotes and whole != bare:
        found = texts.STRONG.first_match(whole)
    return found


def _vague(case: Case, _: list[Layer]) -> Finding | None:
    """Ask the message of an error whose type only says that the connection failed."""
    return vaguest(case.chain) if case.evidence.status is None else None


def _programming(case: Case, _: list[Layer]) -> Finding | None:
    """Judge what our own side raised while it built a request or read an answer."""
    status = case.evidence.status
    if not case.chain or not (status is None or _is_made_up(case)):
        return None
    raised = case.chain[0] if status is None else case.chain[-1]
    name = raised.type.rpartition(".")[2]
    good = case.succeeded or (status is None and case.answered in SUCCESSES)
    if good or name in ("KeyError", "IndexError", "AttributeError"):
        return Finding(_F.MALFORMED_RESPONSE, retry=False if case.evidence.html else None)
    if name == "TypeError":
        empty = "NoneType" in raised.message
        return Finding(_F.MALFORMED_RESPONSE if empty else _F.BAD_REQUEST)
    if name != "ValueError":
        return None
    if is_permanent(raised.message.lower()):
        return Finding(_F.CONNECTION, retry=False)
    return Finding(_F.BAD_REQUEST)


def _is_made_up(case: Case) -> bool:
    """Tell whether the 500 is no provider's: the answer was a good one, or there was none."""
    if case.evidence.status != CLIENT_MADE:
        return False
    outer = case.chain[0]
    return case.succeeded or kind_of(outer.type, outer.bases) is Kind.VAGUE


def _family(case: Case, layers: list[Layer]) -> Finding | None:
    """Ask the codes that name a family."""
    status = case.evidence.status
    for layer in layers:
        for name in (*layer.names, *layer.read().names):
            found = codes.GENERIC.get(name)
            if found is not None and not _is_contradicted(found, status):
                return Finding(found)
    return None


def _is_contradicted(found: FailureClass, status: int | None) -> bool:
    """Tell whether the status knows better than a family.

    `invalid_request` is what many call any 4xx. A connection that failed has no status; the
    500 is what LiteLLM makes up for it.
    """
    if status is None:
        return False
    if found is _F.CONNECTION:
        return status != CLIENT_MADE
    return found is _F.BAD_REQUEST and status not in VAGUE


def _hinted(case: Case, layers: list[Layer]) -> Finding | None:
    """Ask the sentences that only hint, where no status says more."""
    status = case.evidence.status
    if status is not None and class_of_status(status) is not None:
        return None
    for layer in layers:
        if layer.prose and (found := texts.WEAK.first_match(layer.read().bare)):
            return Finding(found)
    return None


def _by_status(case: Case, _: list[Layer]) -> Finding | None:
    status = case.evidence.status
    return None if status is None else Finding(class_of_status(status) or _F.UNKNOWN)


def _unusable(case: Case, _: list[Layer]) -> Finding | None:
    """Judge an answer that had no fault but that nobody could use it."""
    if case.answered in SUCCESSES:
        return Finding(_F.MALFORMED_RESPONSE, retry=False if case.evidence.html else None)
    return None


_WITNESSES: Final[tuple[Callable[[Case, list[Layer]], Finding | None], ...]] = (
    _named, _vague, _programming, _family, _hinted, _by_status, _unusable,
)  # fmt: skip


_STREAM_WITNESSES: Final = (_named, _family, _hinted, _by_status)


def _stream(case: Case, layers: list[Layer], wire: Finding | None) -> Finding:
    """Judge a stream that began well."""
    seen = case.transcript
    found = wire
    if found is None and layers:
        found = next(filter(None, (ask(case, layers) for ask in _STREAM_WITNESSES)), None)
    if found is not None and found.failure_class in (_F.CONTENT_POLICY, _F.CANCELLED):
        return found
    if seen is None:
        return found or Finding(_F.STREAM_INTERRUPTED)
    if seen.failed or case.chain:
        return found if found and not seen.content else Finding(_F.STREAM_INTERRUPTED)
    if case.evidence.html:
        return Finding(_F.MALFORMED_RESPONSE, retry=False)
    if seen.ended or not seen.events:
        return Finding(_F.MALFORMED_RESPONSE)
    return Finding(_F.STREAM_INTERRUPTED)
