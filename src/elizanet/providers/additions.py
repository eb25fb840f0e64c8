"""What we add to a caller's request on the operator's behalf, and who does not take it.

Two settings add to a request: `fold_unary` asks for a stream where the caller wants one whole
answer, `count_usage` asks for the usage of a stream. A provider that refuses an addition, and
says so, gets the request as the caller wrote it, then and from then on for this model. So
does one that answers whole though it was asked for a stream.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec.structs import replace

from elizanet.call import Call
from elizanet.errors import ProviderError
from elizanet.operation import Operation
from elizanet.providers.fold import asking_for_stream, can_be_folded
from elizanet.providers.usage import asking_for_usage

_STREAMED: Final = frozenset({Operation.CHAT, Operation.COMPLETION})
_REFUSALS: Final = frozenset({400, 422, 501})
_NAMED: Final = re.compile(rb"\bstream(?:ing|_options)?\b|include_usage", re.IGNORECASE)
_MOST_REMEMBERED: Final = 1_000
"""Models whose provider refused; a caller may make up any number of names."""


class Additions:
    """Knows what is added to which call; one for each provider."""

    __slots__ = ("_count_usage", "_fold_unary", "_refused")

    def __init__(self, *, fold_unary: bool = False, count_usage: bool = False) -> None:
        self._fold_unary = fold_unary
        self._count_usage = count_usage
        self._refused: set[tuple[Operation, str, bool]] = set()

    def __repr__(self) -> str:
        return (
            f"<Additions fold_unary={self._fold_unary} count_usage={self._count_usage} "
            f"refused={len(self._refused)}>"
        )

    def folds(self, call: Call) -> bool:
        """Tell whether a stream is asked for though the caller wants one whole answer."""
        return self._fold_unary and can_be_folded(call) and _key(call) not in self._refused

    def asked(self, call: Call) -> Call:
        """Return the call as it goes upstream: the same one if nothing is added."""
        try:
            if self.folds(call):
                return replace(call, body=asking_for_stream(call.body), stream=True)
            if self._counts(call):
                body = asking_for_usage(call.body)
                return call if body is call.body else replace(call, body=body)
        except ValueError:  # not JSON: whoever replaces the model says so
            pass
        return call

    def refused(self, call: Call, error: ProviderError) -> bool:
        """Tell whether the provider refused what was added to the call, and remember it."""
        body = b"" if error.reply is None else error.reply.body
        if error.status not in _REFUSALS or not _NAMED.search(body):
            return False
        self.give_up(call)
        return True

    def give_up(self, call: Call) -> None:
        """Add nothing any more to calls like this one: the provider does not heed it."""
        if len(self._refused) >= _MOST_REMEMBERED:
            self._refused.clear()
        self._refused.add(_key(call))

    def _counts(self, call: Call) -> bool:
        streams = call.stream and call.operation in _STREAMED
        return self._count_usage and streams and _key(call) not in self._refused


def _key(call: Call) -> tuple[Operation, str, bool]:
    return call.operation, call.model, call.stream
