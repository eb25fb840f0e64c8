"""The kinds of answer an OpenAI API gives: one body, a body in pieces, a stream of events."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from elizanet.call import Event, EventKind, Head
from elizanet.classify import verdict_for
from elizanet.errors import FailureClass, ProviderError
from elizanet.http import HttpReply, TransportError
from elizanet.limit import Limit, LimitReached
from elizanet.providers.replies import Replies
from elizanet.providers.stream_events import DONE, Follower, Trouble
from elizanet.pushing import Take
from elizanet.sse import MAX_EVENT_BYTES, SseError, SseEvent, SseParser, with_data

_DRAIN_S: Final = 0.1
"""Seconds a connection is given to end after `[DONE]`, so that it can be used again."""


class BodyAnswer:
    """A complete unary answer: one event."""

    __slots__ = ("_body", "head")

    def __init__(self, head: Head, body: bytes) -> None:
        self.head = head
        self._body: bytes | None = body

    def __repr__(self) -> str:
        return f"<BodyAnswer {self.head.status} {'unread' if self._body is not None else 'read'}>"

    async def next(self) -> Event | None:
        body, self._body = self._body, None
        return None if body is None else Event(body, body, EventKind.CONTENT)

    async def aclose(self) -> None:
        self._body = None


class PiecesAnswer:
    """A body of any kind, audio for example, passed on as it arrives: every piece is content.

    It ends with None only if the body is complete by its framing, and not empty unless it
    may be.
    """

    __slots__ = ("_begun", "_may_be_empty", "_replies", "_reply", "head")

    def __init__(
        self, head: Head, reply: HttpReply, replies: Replies, *, may_be_empty: bool = False
    ) -> None:
        self.head = head
        self._reply = reply
        self._replies = replies
        self._begun = False
        self._may_be_empty = may_be_empty

    def __repr__(self) -> str:
        return f"<PiecesAnswer {self.head.provider}/{self.head.model} begun={self._begun}>"

    async def next(self) -> Event | None:
        """Return the next piece, None at the end. Raises `ProviderError` if it breaks."""
        try:
            piece = await self._reply.chunk()
        except TransportError as error:
            raise self._broke(f"the answer was cut: {error}") from error
        if piece:
            self._begun = True
            return Event(piece, piece, EventKind.CONTENT)
        if not self._begun and not self._may_be_empty:
            raise self._broke("an empty body")
        return None

    async def aclose(self) -> None:
        self._reply.close()

    def _broke(self, reason: str) -> ProviderError:
        begun, broken = FailureClass.STREAM_INTERRUPTED, FailureClass.MALFORMED_RESPONSE
        verdict = verdict_for(begun if self._begun else broken)
        return self._replies.built(self._reply, reason, verdict, b"")


class StreamAnswer:
    """An answer that arrives as server-sent events; `state` follows what they mean.

    It ends with None only if it is whole (`Follower.is_whole`), and with a `ProviderError`
    otherwise; events that came before a break go out before the error.
    """

    __slots__ = ("_complete", "_failure", "_is_ending", "_parser", "_ready", "_replies", "_reply",
                 "_state", "head")  # fmt: skip

    def __init__(
        self,
        head: Head,
        reply: HttpReply,
        replies: Replies,
        state: Follower,
        max_event_bytes: int = MAX_EVENT_BYTES,
    ) -> None:
        self.head = head
        self._reply = reply
        self._replies = replies
        self._parser = SseParser(max_event_bytes)
        self._state = state
        self._ready: deque[Event] = deque()
        self._failure: ProviderError | None = None
        self._complete = False
        self._is_ending = False  # it is complete, has failed, or only its last chunk is to come

    def __repr__(self) -> str:
        return f"<StreamAnswer {self.head.provider}/{self.head.model} {self._state!r}>"

    async def next(self) -> Event | None:
        """Return the next event, None at the end. Raises `ProviderError` if it breaks."""
        while not self._ready:
            if self._failure is not None:
                raise self._failure
            if self._complete:
                await self._last_chunk()
                return None
            await self._receive()
        return self._ready.popleft()

    async def push(self, take: Take) -> None:
        """Give `take` each event as it arrives, as `PushingAnswer` has it."""
        ready = self._ready

        def received(chunk: bytes) -> bool:
            self._feed(chunk)
            while ready:
                if not take(ready.popleft()):
                    return False
            return not self._is_ending

        if not ready and not self._is_ending:
            await self._reply.push(received)

    async def aclose(self) -> None:
        self._complete = self._is_ending = True
        self._ready.clear()
        self._reply.close()

    async def _receive(self) -> None:
        try:
            chunk = await (self._last_chunk() if self._state.is_over else self._reply.chunk())
        except TransportError as error:
            self._ended(f"the stream was cut: {error}", whole=self._state.is_whole_if_cut)
            return
        if chunk:
            self._feed(chunk)
        else:
            self._finish()

    def _feed(self, chunk: bytes) -> None:
        try:
            for event in self._parser.feed(chunk):
                self._take(event)
                if self._complete or self._failure is not None:
                    return
        except SseError as error:
            self._broke(str(error))

    async def _last_chunk(self) -> bytes:
        """Read the end of the body, so that the connection can be used again."""
        try:
            with Limit(asyncio.get_running_loop().time() + _DRAIN_S):
                return await self._reply.chunk()
        except (LimitReached, TransportError):
            self._reply.close()
            return b""

    def _finish(self) -> None:
        rest = self._parser.finish()
        if rest is not None:
            self._take(rest)
        if self._failure is None and not self._complete:
            self._ended("the stream stopped before its end", whole=self._state.is_whole)

    def _take(self, event: SseEvent) -> None:
        kind = self._state.read(event)
        if kind is EventKind.CONTENT or kind is EventKind.PREAMBLE:
            self._ready.append(Event(event.raw, event.data, kind))
        elif kind is EventKind.END:
            self._take_end(event)
        elif kind is Trouble.ERROR:
            self._told(event)
        elif kind is Trouble.BROKEN:
            self._broke(kind.value)

    def _take_end(self, event: SseEvent) -> None:
        is_done = event.data == DONE
        if is_done and not self._state.is_whole:
            self._broke("`[DONE]` without a finish reason")
            return
        data = self._state.shown(event, self._replies.shown_json)
        raw = event.raw if data is event.data else with_data(event.raw, event.data, data)
        self._ready.append(Event(raw, data, EventKind.END))
        self._complete = is_done
        self._is_ending = is_done or self._state.is_over

    def _ended(self, otherwise: str, *, whole: bool) -> None:
        """Nothing more comes: the answer is whole, or it broke for the given reason."""
        if whole:
            self._complete = self._is_ending = True
        else:
            self._broke(otherwise)

    def _broke(self, reason: str) -> None:
        state = self._state
        failure = FailureClass.STREAM_INTERRUPTED
        if state.is_finished and not state.has_content:
            failure, reason = FailureClass.MALFORMED_RESPONSE, "an answer without content"
        elif not state.has_begun:
            failure = FailureClass.MALFORMED_RESPONSE
        self._fail(self._replies.built(self._reply, reason, verdict_for(failure), b""))

    def _fail(self, error: ProviderError) -> None:
        self._failure = error
        self._is_ending = True

    def _told(self, event: SseEvent) -> None:
        """The provider reports its own failure; after content that is an interruption."""
        told = self._state.error_in(event)
        error = self._replies.error_of(self._reply, told, stream=True)
        if self._state.has_content and error.failure_class is not FailureClass.CONTENT_POLICY:
            verdict = verdict_for(FailureClass.STREAM_INTERRUPTED)
            error = self._replies.built(self._reply, error.message, verdict, told)
        self._fail(error)
