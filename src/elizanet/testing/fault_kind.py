"""What a kind of fault is: its name, what it takes, what it touches and what it does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from elizanet.testing.fault_values import Parameter, Values
from elizanet.testing.received import ReceivedRequest
from elizanet.testing.reply import HttpReply
from elizanet.testing.wire import Delivery, Wire

TEXT_ENDPOINTS = frozenset({"chat/completions", "completions"})
LIST_ENDPOINTS = TEXT_ENDPOINTS | {"embeddings", "images/generations"}
OK = 200


class Scope(StrEnum):
    """The requests a fault makes sense for; it lets all others pass."""

    ALL = "every request"
    STREAMS = "streams"
    TEXT = "chat completions and completions"
    LISTS = "completions, embeddings and images"
    OBJECTS = "answers that are to be JSON (response_format)"
    EMBEDDINGS = "embeddings"

    def covers(self, request: ReceivedRequest, reply: HttpReply) -> bool:
        """Whether the fault can be applied to the answer this request would get."""
        if self is Scope.ALL:
            return True
        if self is Scope.STREAMS:
            return reply.events is not None
        if reply.status != OK:
            return False
        if self is Scope.OBJECTS:
            wanted = request.fields.get("response_format")
            return isinstance(wanted, dict) and wanted.get("type") in {"json_object", "json_schema"}
        endpoints = {Scope.TEXT: TEXT_ENDPOINTS, Scope.LISTS: LIST_ENDPOINTS}
        return request.endpoint in endpoints.get(self, {"embeddings"})


@dataclass(frozen=True, slots=True)
class Situation:
    """What a fault works on: its values, the request, and the good answer to it."""

    values: Values
    request: ReceivedRequest
    reply: HttpReply


ContentAct = Callable[[Situation], HttpReply]
WireAct = Callable[[Situation, Wire], Awaitable[None]]
DeliveryAct = Callable[[Values, Delivery], Delivery]


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One kind of fault.

    It does one thing: `content` puts another answer in the place of the good one, `wire`
    writes in its own way, `delivery` changes how whatever is answered is sent and so works
    on top of the other faults. A kind with none of the three closes the listener.
    """

    name: str
    help: str
    argument: Parameter | None = None
    options: tuple[Parameter, ...] = ()
    scope: Scope = Scope.ALL
    content: ContentAct | None = None
    wire: WireAct | None = None
    delivery: DeliveryAct | None = None

    @property
    def closes_listener(self) -> bool:
        """Whether it works on the listener and not on requests."""
        return self.content is None and self.wire is None and self.delivery is None
