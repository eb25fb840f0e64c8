"""Who answered a call, and the tokens it took: what a caller may be told beside the answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from elizanet.call import Attempt, ChainAnswer


class Usage(msgspec.Struct, frozen=True):
    """The tokens of one answer, as its provider counted them."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0


class Served(msgspec.Struct, frozen=True):
    """The target that answered, every attempt before it, and the usage if the target told it."""

    provider: str
    model: str
    attempts: tuple[Attempt, ...]
    usage: Usage | None


OnServed = Callable[[Served], None]


class _Counted(msgspec.Struct):
    usage: Any = None


_decode: Final = msgspec.json.Decoder(_Counted).decode


def usage_in(data: bytes) -> Usage | None:
    """Return the usage in an answer, or in one event of a stream; None if there is none."""
    try:
        usage = msgspec.convert(_decode(data).usage, Usage | None)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if usage is None or usage.total_tokens:
        return usage
    return msgspec.structs.replace(
        usage, total_tokens=usage.prompt_tokens + usage.completion_tokens
    )


def tell(on_served: OnServed | None, answer: ChainAnswer, usage: Usage | None) -> None:
    """Tell a caller who wants to know."""
    if on_served is not None:
        head = answer.head
        on_served(Served(head.provider, head.model, tuple(answer.attempts), usage))
