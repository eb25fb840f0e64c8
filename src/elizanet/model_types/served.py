"""Who answered a call, and the tokens it took: what a caller may be told beside the answer."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from elizanet.call import Attempt, ChainAnswer
from elizanet.usage import Usage, usage_in

__all__ = ["OnServed", "Served", "Usage", "tell", "usage_in"]


class Served(msgspec.Struct, frozen=True):
    """The target that answered, every attempt before it, and the usage if the target told it."""

    provider: str
    model: str
    attempts: tuple[Attempt, ...]
    usage: Usage | None


OnServed = Callable[[Served], None]


def tell(on_served: OnServed | None, answer: ChainAnswer, usage: Usage | None) -> None:
    """Tell a caller who wants to know."""
    if on_served is not None:
        head = answer.head
        on_served(Served(head.provider, head.model, tuple(answer.attempts), usage))
