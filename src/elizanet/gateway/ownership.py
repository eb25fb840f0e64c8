"""Requests that refer to what a provider keeps: only that provider can answer them.

A response that was stored, a file, a conversation exist at one provider. Who holds a response
is learnt from the answer that created it; the memory is this process's and bounded. Files,
vector stores, conversations and containers are made through the passthrough, so its provider
holds them. Of anything else nobody knows, and the first target of the chain is asked. In all
three cases no other target is: it would only say that there is no such thing.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import Final

import msgspec

from elizanet.errors import InputError
from elizanet.gateway.body import Asked
from elizanet.operation import Operation
from elizanet.settings import Settings

MOST_IDS: Final = 65_536
"""Ids that are remembered; those not used for longest are forgotten first."""
_LONGEST_ID: Final = 256

_STRING: Final = re.compile(rb'\s*:\s*"[^"]')
_STRINGS: Final = re.compile(rb'\s*:\s*\[\s*"')
_FILE: Final = (b'"file_id"', _STRING)
_REFERENCES: Final = {
    Operation.CHAT: (_FILE,),
    Operation.RESPONSE: (
        _FILE,
        (b'"file_ids"', _STRINGS),
        (b'"vector_store_ids"', _STRINGS),
        (b'"container"', _STRING),
    ),
}
"""The keys by which a body refers to files; no text holds them, since quotes are escaped there."""
_MOST_LOOKS: Final = 1000


class Pin(msgspec.Struct, frozen=True):
    """Where a call has to go. `provider`: the only one; None is the first target's."""

    provider: str | None = None
    first_only: bool = False


class _Identified(msgspec.Struct):
    """A whole answer, a chunk of one, or the event that tells of one."""

    id: str | None = None
    response: _Identified | None = None


_ANYWHERE: Final = Pin()
_decode_id = msgspec.json.Decoder(_Identified).decode


class Ownership:
    """Knows which provider holds what, and what the one `before` it knew.

    `held`: the provider of each id, those used last at the end.
    """

    def __init__(self, settings: Settings, before: Ownership | None = None) -> None:
        self._settings = settings
        self._passthrough = settings.gateway.passthrough
        self.held: OrderedDict[str, str] = before.held if before else OrderedDict()

    def __repr__(self) -> str:
        return f"<Ownership of {len(self.held)} ids>"

    def holder(self, name: str) -> str | None:
        """Return the provider that is known to have made this response, or None."""
        provider = self.held.get(name)
        if provider not in self._settings.providers:  # after a reload it may be gone
            return None
        self.held.move_to_end(name)
        return provider

    def learn(self, provider: str, answer: bytes) -> bool:
        """Remember what the answer, or one event of it, says it has created, if anything."""
        try:
            told = _decode_id(answer)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return False
        name = told.id or (told.response.id if told.response is not None else None)
        if not name or len(name) > _LONGEST_ID:
            return False
        self.held[name] = provider
        self.held.move_to_end(name)
        if len(self.held) > MOST_IDS:
            self.held.popitem(last=False)
        return True

    def creates(self, operation: Operation, asked: Asked) -> bool:
        """Tell whether the answer will be kept by its provider, and have an id to ask for it."""
        if operation is Operation.RESPONSE:
            return asked.wanted.store is not False
        return operation is Operation.CHAT and asked.wanted.store is True

    def pin(self, operation: Operation, asked: Asked) -> Pin:
        """Return where the request has to go. Raises `InputError` (400) if nowhere."""
        previous, things = asked.wanted.previous_response_id, _refers_to_things(operation, asked)
        if not things and not (previous and isinstance(previous, str)):
            return _ANYWHERE
        serving = self._serving(asked.wanted.model)
        known: set[str] = set()
        if isinstance(previous, str) and (holder := self.holder(previous)) is not None:
            known.add(holder)
        if things and self._passthrough in serving:
            known.add(self._passthrough)
        if len(known) > 1:
            names = " and ".join(sorted(known))
            raise _impossible(f"the request refers to things that {names} hold, each its own")
        only = next(iter(known), None)
        if only is not None and only not in serving:
            model = asked.wanted.model[:100]
            told = f"what the request refers to is held by {only}, which does not serve {model!r}"
            raise _impossible(told)
        return Pin(only, first_only=True)

    def _serving(self, model: str) -> set[str]:
        route = self._settings.route_for(model)
        return {target.provider for target in route.targets} if route is not None else set()


def _refers_to_things(operation: Operation, asked: Asked) -> bool:
    """Tell whether the request names a conversation, a file, a vector store or a container."""
    if asked.wanted.conversation:
        return True
    for key, value in _REFERENCES.get(operation, ()):
        if key in asked.body and _is_there(key, value, asked.body):
            return True
    return False


def _is_there(key: bytes, value: re.Pattern[bytes], body: bytes) -> bool:
    at = body.find(key)
    for _ in range(_MOST_LOOKS):
        if at < 0:
            return False
        at += len(key)
        if value.match(body, at):
            return True
        at = body.find(key, at)
    return True  # nobody means so many but to have them read


def _impossible(told: str) -> InputError:
    return InputError(told, code="different_providers")
