"""What is counted: small objects that one thread writes, and nothing locks."""

from __future__ import annotations

from elizanet.call import Role, Usage
from elizanet.errors import FailureClass
from elizanet.metrics.histogram import Histogram
from elizanet.telemetry import Outcome


class CallCounts:
    """The calls of one chain and kind of request."""

    __slots__ = ("ended", "first_content", "streamed", "whole")

    def __init__(self) -> None:
        self.ended: dict[tuple[Outcome, FailureClass | None], int] = {}
        self.whole = Histogram()
        self.streamed = Histogram()
        self.first_content = Histogram()

    def __repr__(self) -> str:
        return f"<CallCounts {sum(self.ended.values())}>"


class TokenCounts:
    """Tokens of prompts and answers."""

    __slots__ = ("answered", "asked")

    def __init__(self) -> None:
        self.asked = 0
        self.answered = 0

    def __repr__(self) -> str:
        return f"<TokenCounts {self.asked} + {self.answered}>"

    def add(self, usage: Usage) -> None:
        """Count those of an attempt or a call."""
        self.asked += usage.prompt_tokens
        self.answered += usage.completion_tokens


class TargetCounts:
    """The attempts at one model of one provider. `cost` is in US dollars, None without a price."""

    __slots__ = ("answered", "cost", "ended", "estimated", "failed", "told")

    def __init__(self) -> None:
        self.ended: dict[tuple[Role, FailureClass | None], int] = {}
        self.answered = Histogram()
        self.failed = Histogram()
        self.told = TokenCounts()
        self.estimated = TokenCounts()
        self.cost: float | None = None

    def __repr__(self) -> str:
        return f"<TargetCounts {sum(self.ended.values())}>"


class CallerCounts:
    """The calls of one caller. `cost` is in US dollars, None without a price."""

    __slots__ = ("cost", "ended", "tokens")

    def __init__(self) -> None:
        self.ended: dict[Outcome, int] = {}
        self.tokens = TokenCounts()
        self.cost: float | None = None

    def __repr__(self) -> str:
        return f"<CallerCounts {sum(self.ended.values())}>"
